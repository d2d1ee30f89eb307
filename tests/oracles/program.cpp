#include "tests/oracles/program.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <memory>

namespace sluice::oracles {

const Tensor* Tensors::find(std::string_view name) const {
  const auto found = std::ranges::find_if(tensors_, [&](const auto& entry) { return entry.first == name; });
  return found == tensors_.end() ? nullptr : &found->second;
}

const Tensor& Tensors::operator[](std::string_view name) const {
  const Tensor* found = find(name);
  if (found == nullptr) throw CannotSay(fmt::format("there is no array in.{}", name));
  return *found;
}

namespace {

/// A function of named arrays. C++ functions take a number of tensors that is known at compile time; a case's is in its
/// file.
class NamedFunction {
 public:
  NamedFunction(const Arrays& like, const std::function<Results(const Tensors&)>& body) {
    std::vector<TensorSpec> signature;
    for (const auto& [name, array] : like) {
      names_.push_back(name);
      signature.push_back(TensorSpec(array.dtype(), Shape::of(array.sizes())));
    }
    const auto traced = [this, body](std::span<const Tensor> arguments) {
      Tensors in;
      for (std::size_t i = 0; i < names_.size(); ++i) in.add(names_[i], arguments[i]);
      std::vector<Tensor> tensors;
      results_.clear();
      for (auto& [name, tensor] : body(in)) {
        results_.push_back(name);
        tensors.push_back(std::move(tensor));
      }
      return tensors;
    };
    core_ = std::make_unique<detail::FunctionCore>("oracle", std::move(signature), names_.size(), traced,
                                                   std::source_location::current());
    core_->compile();
    for (const auto& variable : core_->variables()) initial_.push_back(variable->value());
  }
  NamedFunction(const NamedFunction&) = delete;
  NamedFunction& operator=(const NamedFunction&) = delete;

  /// Resets all variables to their values before the first call.
  void reset() {
    for (std::size_t i = 0; i < initial_.size(); ++i) core_->variables()[i]->assign(initial_[i]);
  }

  Arrays operator()(const Arrays& in) {
    std::vector<detail::HostArgument> arguments;
    for (const std::string& name : names_) arguments.emplace_back(in.at(name));
    const detail::FunctionCore::Call call = core_->call(arguments);
    Arrays out;
    for (std::size_t i = 0; i < results_.size(); ++i) out.emplace(results_[i], call.results[i].clone());
    return out;
  }

 private:
  std::vector<std::string> names_;
  std::vector<std::string> results_;
  std::unique_ptr<detail::FunctionCore> core_;
  std::vector<Array> initial_;
};

/// Adds the case's gradients, if it says what its results are multiplied with.
void add_gradients(const Oracle& oracle, const Tensors& in, const Held& held, Results& results) {
  std::vector<std::string> names;
  std::vector<Tensor> targets;
  for (const auto& [name, gradient] : oracle.with_prefix("grad.")) {
    const auto variable = std::ranges::find(held, name, &Held::value_type::first);
    names.push_back("grad." + name);
    targets.push_back(variable == held.end() ? in[name] : Tensor(variable->second));
  }
  if (targets.empty() || !oracle.has("up.0")) return;
  std::optional<Tensor> sum;
  for (const auto& [name, result] : results) {
    const std::string up_name = "up." + name.substr(std::strlen("out."));
    if (!oracle.has(up_name)) continue;  // of integer type
    const Array& up = oracle.at(up_name);
    const Tensor part = reduce_sum(result * reshape(constant(up), result.shape()));
    sum = sum ? *sum + part : part;
  }
  const std::vector<Tensor> derivatives = gradients(*sum, Targets(targets));
  for (std::size_t i = 0; i < names.size(); ++i) results.emplace_back(names[i], derivatives[i]);
}

}  // namespace

Program function_of(const Oracle& oracle, const std::function<Results(const Tensors&)>& body, const Held& held) {
  Arrays in = oracle.with_prefix("in.");
  for (const auto& [name, variable] : held) in.erase(name);
  const auto function = std::make_shared<NamedFunction>(in, [&](const Tensors& tensors) {
    Results results = body(tensors);
    oracle.attributes.check_all_read();
    add_gradients(oracle, tensors, held, results);
    return results;
  });
  return [function, in] { return (*function)(in); };
}

Program function_of_one(const Oracle& oracle, const std::function<Tensor(const Tensors&)>& body) {
  return function_of(oracle, [&](const Tensors& in) { return Results{{"out.0", body(in)}}; });
}

Weights::Weights(const Arrays& initial) {
  for (const auto& [name, array] : initial) variables_.emplace(name, Variable(name, array));
}

const Variable& Weights::operator[](std::string_view name) const {
  const auto found = variables_.find(name);
  if (found == variables_.end()) throw CannotSay(fmt::format("there is no array in.w.{}", name));
  return found->second;
}

std::vector<Variable> Weights::all() const {
  std::vector<Variable> list;
  for (const auto& [name, variable] : variables_) list.push_back(variable);
  return list;
}

std::vector<Variable> Weights::of(const std::vector<std::string>& names) const {
  std::vector<Variable> list;
  for (const std::string& name : names) list.push_back((*this)[name]);
  return list;
}

namespace {

Arrays without(Arrays arrays, const Held& held) {
  for (const auto& [name, variable] : held) arrays.erase(name);
  return arrays;
}

/// Runs `step` several times on the inputs of each, from the values that the variables have now.
Program several_steps(const Oracle& oracle, int steps, const std::function<Arrays(int step)>& inputs, const Held& held,
                      const std::function<Results(const Tensors&)>& step) {
  const auto function = std::make_shared<NamedFunction>(inputs(0), [&](const Tensors& tensors) {
    Results results = step(tensors);
    oracle.attributes.check_all_read();
    return results;
  });
  return [=] {
    function->reset();
    Arrays out;
    for (int i = 0; i < steps; ++i) {
      for (const auto& [name, array] : (*function)(inputs(i))) {
        const bool gradient = name.starts_with("grad.");
        if (!gradient) out.emplace(fmt::format("out.{}{}", name, i), array);
        if (gradient && i == 0) out.emplace(name, array);
      }
    }
    for (const auto& [name, variable] : held) out.emplace("out." + name, variable.value());
    return out;
  };
}

}  // namespace

Program training(const Oracle& oracle, const Training& training) {
  Arrays in;
  for (const auto& [name, array] : oracle.with_prefix("in.")) {
    if (!name.starts_with("w.")) in.emplace(name, array);
  }
  const auto at_step = [in, names = training.by_step](int step) {
    Arrays slices = in;
    for (const std::string& name : names) {
      const Array& all = in.at(name);
      Array one(all.dtype(), {all.sizes().begin() + 1, all.sizes().end()});
      std::memcpy(one.bytes(), all.bytes() + static_cast<std::size_t>(step) * one.byte_count(), one.byte_count());
      slices[name] = one;
    }
    return slices;
  };
  const Weights weights(oracle.with_prefix("in.w."));
  Held held;
  for (const auto& [name, variable] : weights.by_name()) held.emplace_back("w." + name, variable);
  return several_steps(oracle, training.steps, at_step, held,
                       [&](const Tensors& tensors) { return training.step(weights, tensors); });
}

Program layer_training(const Oracle& oracle, int steps, const Held& held,
                       const std::function<Results(const Tensors& in)>& step) {
  const Arrays in = without(oracle.with_prefix("in."), held);
  return several_steps(
      oracle, steps, [in](int) { return in; }, held, step);
}

Results weight_gradients(const Oracle& oracle, const Tensor& loss, const Weights& w) {
  Results results;
  std::vector<std::string> names;
  for (const auto& [name, gradient] : oracle.with_prefix("grad.w.")) names.push_back(name);
  if (names.empty()) return results;
  const std::vector<Tensor> derivatives = gradients(loss, w.of(names));
  for (std::size_t i = 0; i < names.size(); ++i) results.emplace_back("grad.w." + names[i], derivatives[i]);
  return results;
}

}  // namespace sluice::oracles
