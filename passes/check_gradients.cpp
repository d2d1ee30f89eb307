// Compares the derivatives that `differentiate` creates with those computed by dual numbers, which share no rules with
// it.
#include <algorithm>
#include <cmath>
#include <random>
#include <type_traits>

#include "ir/reference/interpreter.h"
#include "passes/check.h"
#include "passes/differentiate.h"
#include "passes/rebuild.h"
#include "sluice/error.h"

namespace sluice::passes {

namespace {

using ir::Op;
using ir::Value;

/// Both computations run in double on the same values, so only their order of rounding differs.
constexpr double kTolerance = 1e-7;
/// The derivatives may differ by so many times what the last bits of the inputs change: roundings, which add up.
constexpr double kRoundings = 64;
/// With more variables than this, directions that change only one of them are skipped.
constexpr std::size_t kMostSingle = 24;

ir::Graph finish(Rebuild& rebuild, std::vector<Value> results) {
  rebuild.builder().set_results(std::move(results));
  return remove_dead(std::move(rebuild.builder()).finish());
}

/// Returns the graph up to node `end`, with a new parameter added to each of `variables`, and y as its result: the
/// derivative of y with respect to the new parameters at zero is that with respect to the variables, along all paths.
/// Gradients inside are expanded first: the intermediate values that their rules read count as paths, as they do for
/// TensorFlow's tapes.
ir::Graph shifted(const ir::Graph& graph, std::uint32_t end, Value y, std::span<const Value> variables,
                  const Pass& differentiate) {
  Rebuild part(graph);
  for (std::uint32_t node = 0; node < end; ++node) part.copy(node);
  std::vector<Value> ends{part.at(y)};
  for (const Value variable : variables) ends.push_back(part.at(variable));
  const ir::Graph expanded = differentiate.run(finish(part, std::move(ends)));

  Rebuild rebuild(expanded);
  std::vector<Value> shifts;
  for (std::size_t i = 0; i < variables.size(); ++i) {
    const std::string name = fmt::format("sluice_shift_{}", i);
    shifts.push_back(rebuild.builder().parameter(name, graph.type(variables[i])));
  }
  for (std::uint32_t node = 0; node < expanded.nodes().size(); ++node) {
    rebuild.copy(node);
    for (std::size_t i = 0; i < variables.size(); ++i) {
      const Value variable = expanded.results()[i + 1];
      if (variable.node != node) continue;
      rebuild.map(variable, rebuild.builder()(Op::kAdd, {rebuild.at(variable), shifts[i]}));
    }
  }
  return finish(rebuild, {rebuild.at(expanded.results()[0])});
}

/// Returns the graph whose results are the gradients of y with respect to `variables`.
ir::Graph gradients_of(const ir::Graph& graph, std::uint32_t end, Value y, std::span<const Value> variables) {
  Rebuild rebuild(graph);
  for (std::uint32_t node = 0; node < end; ++node) rebuild.copy(node);
  std::vector<Value> operands{rebuild.at(y)};
  for (const Value variable : variables) operands.push_back(rebuild.at(variable));
  const Value first = rebuild.builder().add(Op::kGradient, operands);
  std::vector<Value> results;
  for (std::uint32_t i = 0; i < variables.size(); ++i) results.push_back({first.node, i});
  return finish(rebuild, std::move(results));
}

class GradientChecker {
 public:
  GradientChecker(const ir::Graph& graph, const Pass& differentiate, const Sample& sample, const CheckLimits& limits,
                  CheckReport& report)
      : graph_(graph), differentiate_(differentiate), sample_(sample), limits_(limits), report_(report) {}

  std::optional<Difference> check(std::uint32_t index) {
    const ir::Node& node = graph_.node(index);
    const std::vector<Value> variables(node.operands.begin() + 1, node.operands.end());
    const std::vector<Array> gradients = evaluate_gradients(index, node.operands[0], variables);
    if (auto difference = too_few_numbers(index, variables, gradients)) return difference;
    std::vector<bool> all(variables.size(), true);
    std::string what = compare(index, variables, gradients, all);
    const bool is_small = sample_.bindings.find(kBatchSymbol) == 1;
    if (what.empty() && is_small && variables.size() > 1 && variables.size() <= kMostSingle) {
      for (std::size_t i = 0; what.empty() && i < variables.size(); ++i) {
        std::vector<bool> one(variables.size());
        one[i] = true;
        what = compare(index, variables, gradients, one);
      }
    }
    ++report_.gradients;
    if (what.empty() && proved_ == 0 && unproved_ > 0)
      return Difference{
          "traced",
          fmt::format("the derivative of {} is not finite by dual numbers", describe(graph_, node.operands[0])),
          describe(graph_, {index, 0}), sample_};
    if (what.empty()) return std::nullopt;
    return Difference{std::string(differentiate_.name), std::move(what), culprit(index), sample_};
  }

 private:
  /// A gradient with so many elements that are not finite that comparing it would prove nothing.
  std::optional<Difference> too_few_numbers(std::uint32_t index, std::span<const Value> variables,
                                            std::span<const Array> gradients) {
    for (std::uint32_t i = 0; i < gradients.size(); ++i) {
      const auto elements = gradients[i].data<double>();
      const auto bad = std::ranges::count_if(elements, [](double x) { return !std::isfinite(x); });
      report_.not_finite += bad;
      if (static_cast<double>(bad) <= limits_.not_finite * static_cast<double>(elements.size())) continue;
      return Difference{"traced",
                        fmt::format("the gradient by {}: {} of {} elements are not finite",
                                    describe(graph_, variables[i]), bad, elements.size()),
                        describe(graph_, {index, i}), sample_};
    }
    return std::nullopt;
  }

  std::vector<Array> evaluate_gradients(std::uint32_t end, Value y, std::span<const Value> variables) const {
    const ir::Graph expanded = differentiate_.run(gradients_of(graph_, end, y, variables));
    return ir::evaluate(expanded, sample_.inputs, sample_.states, {ir::Precision::kDouble, true}).results;
  }

  /// Returns what differs in the direction that changes the `chosen` variables, or an empty text.
  std::string compare(std::uint32_t end, std::span<const Value> variables, std::span<const Array> gradients,
                      const std::vector<bool>& chosen) {
    const Value y = graph_.node(end).operands[0];
    const ir::Graph moving = shifted(graph_, end, y, variables, differentiate_);
    std::mt19937_64 engine(sample_.seed);
    std::vector<Array> inputs = sample_.inputs;
    std::vector<Array> tangents;
    std::vector<Array> state_tangents;
    for (const Array& input : inputs) tangents.emplace_back(DType::kF64, input.sizes());
    for (const Array& state : sample_.states) state_tangents.emplace_back(DType::kF64, state.sizes());
    double slope = 0;
    double scale = 0;
    for (std::size_t i = 0; i < variables.size(); ++i) {
      Array direction(DType::kF64, gradients[i].sizes());
      for (std::size_t j = 0; chosen[i] && j < direction.data<double>().size(); ++j) {
        const double step = static_cast<double>(engine() >> 11) * 0x1p-52 - 1;
        const double term = step * gradients[i].data<double>()[j];
        direction.data<double>()[j] = step;
        slope += term;
        scale += std::abs(term);
      }
      inputs.emplace_back(graph_.type(variables[i]).dtype, gradients[i].sizes());
      tangents.push_back(std::move(direction));
    }
    const double tangent =
        ir::evaluate_tangent(moving, inputs, sample_.states, tangents, state_tangents).results[0].item<double>();
    if (!std::isfinite(slope) || !std::isfinite(tangent)) {
      ++unproved_;
      return "";
    }
    ++proved_;
    ++report_.directions;
    if (std::abs(slope - tangent) <= kTolerance * (scale + std::abs(tangent))) return "";
    const auto tangent_at = [&](const std::vector<Array>& at, const std::vector<Array>& states) {
      return ir::evaluate_tangent(moving, at, states, tangents, state_tangents).results[0].item<double>();
    };
    if (std::abs(slope - tangent) <= kRoundings * change_by_last_bits(inputs, tangent, tangent_at)) {
      ++report_.undecided;
      return "";
    }
    return fmt::format("the derivative of {} along a direction is {:.9g} by `gradient`, {:.9g} by dual numbers",
                       describe(graph_, y), slope, tangent);
  }

  /// Returns by how much the derivative changes at most if the last bits of the inputs and states do: terms that
  /// cancel, such as those of the sum of a softmax, leave nothing but their rounding.
  template <typename TangentAt>
  double change_by_last_bits(const std::vector<Array>& inputs, double tangent, TangentAt tangent_at) const {
    std::mt19937_64 engine(sample_.seed);
    const auto nudged = [&](std::vector<Array> arrays) {
      for (Array& array : arrays) {
        visit_dtype(array.dtype(), [&]<typename T>(T) {
          if constexpr (std::is_floating_point_v<T>) {
            for (T& x : array.data<T>()) x *= 1 + (engine() % 2 == 0 ? T{0x1p-23F} : -T{0x1p-23F});
          }
        });
      }
      return arrays;
    };
    double most = 0;
    for (int i = 0; i < 3; ++i) {
      const double change = std::abs(tangent_at(nudged(inputs), nudged(sample_.states)) - tangent);
      if (std::isfinite(change)) most = std::max(most, change);
    }
    return most;
  }

  /// Returns the op whose rule is wrong. Of all values that y depends on, this finds the last one whose derivative is
  /// wrong: those of its readers are right, so one of their rules contributes too much or too little.
  std::string culprit(std::uint32_t end) {
    const Value y = graph_.node(end).operands[0];
    std::vector<bool> needed(y.node + 1);
    needed[y.node] = true;
    for (std::uint32_t i = y.node + 1; i-- > 0;) {
      if (!needed[i]) continue;
      for (const Value operand : graph_.node(i).operands) needed[operand.node] = true;
    }
    for (std::uint32_t i = y.node; i-- > 0;) {
      const ir::Node& node = graph_.node(i);
      if (!needed[i] || node.op == Op::kGradient || !is_float(node.types[0].dtype)) continue;
      const std::vector<Value> one{{i, 0}};
      if (compare(end, one, evaluate_gradients(end, y, one), {true}).empty()) continue;
      std::string readers;
      for (std::uint32_t r = i + 1; r <= y.node; ++r) {
        if (!needed[r] || std::ranges::find(graph_.node(r).operands, one[0]) == graph_.node(r).operands.end()) continue;
        readers += (readers.empty() ? "the rule of " : ", ") + describe(graph_, {r, 0});
      }
      return fmt::format("{}, deriving by {}", readers, describe(graph_, one[0]));
    }
    return "";
  }

  const ir::Graph& graph_;
  const Pass& differentiate_;
  const Sample& sample_;
  const CheckLimits& limits_;
  CheckReport& report_;
  int proved_ = 0;    ///< directions along which both derivatives were numbers
  int unproved_ = 0;  ///< the others
};

/// Returns the graph with a parameter instead of each gradient.
ir::Graph with_gradients_given(const ir::Graph& graph) {
  Rebuild rebuild(graph);
  const std::vector<bool> live = live_nodes(graph);
  int given = 0;
  for (std::uint32_t i = 0; i < graph.nodes().size(); ++i) {
    const ir::Node& node = graph.node(i);
    if (!live[i]) continue;
    if (node.op != Op::kGradient) {
      rebuild.copy(i);
      continue;
    }
    for (std::uint32_t r = 0; r < node.types.size(); ++r) {
      const std::string name = fmt::format("sluice_gradient_{}", given++);
      rebuild.map({i, r}, rebuild.builder().parameter(name, node.types[r]));
    }
  }
  return std::move(rebuild).finish();
}

/// Compares everything else in the graph: given the same gradients, it must compute the same results.
std::optional<Difference> check_rest(const ir::Graph& graph, const Pass& differentiate, const Sample& sample) {
  Sample given = sample;
  const std::vector<bool> live = live_nodes(graph);
  for (std::uint32_t i = 0; i < graph.nodes().size(); ++i) {
    const ir::Node& node = graph.node(i);
    if (!live[i] || node.op != Op::kGradient) continue;
    const std::vector<Value> variables(node.operands.begin() + 1, node.operands.end());
    const ir::Graph expanded = differentiate.run(gradients_of(graph, i, node.operands[0], variables));
    const ir::EvalResult result = ir::evaluate(expanded, sample.inputs, sample.states, {ir::Precision::kDouble, true});
    given.inputs.insert(given.inputs.end(), result.results.begin(), result.results.end());
  }
  const ir::EvalOptions options{ir::Precision::kDouble, true};
  const ir::EvalResult before = ir::evaluate(with_gradients_given(graph), given.inputs, given.states, options);
  const ir::EvalResult after = ir::evaluate(differentiate.run(graph), sample.inputs, sample.states, options);
  const auto same = [](const Array& x, const Array& y) {
    if (x.type() != y.type()) return false;
    return visit_dtype(x.dtype(), [&]<typename T>(T) {
      return std::ranges::equal(x.data<T>(), y.data<T>(), [](T a, T b) { return a == b || (a != a && b != b); });
    });
  };
  for (std::size_t i = 0; i < before.results.size(); ++i) {
    if (same(before.results[i], after.results[i])) continue;
    return Difference{std::string(differentiate.name), fmt::format("result {} is another beside the gradients", i),
                      describe(graph, graph.results()[i]), sample};
  }
  for (std::size_t i = 0; i < before.states.size(); ++i) {
    if (same(before.states[i], after.states[i])) continue;
    return Difference{std::string(differentiate.name),
                      fmt::format("state %{} is another beside the gradients", graph.states()[i].name), "", sample};
  }
  return std::nullopt;
}

}  // namespace

std::optional<Difference> check_gradients(const ir::Graph& traced, const Pass& differentiate, const Sample& sample,
                                          const CheckLimits& limits, CheckReport& report) {
  // A custom gradient need not equal the derivative that dual numbers compute: the others are checked without it.
  const ir::Graph plain = has_custom_gradient(traced) ? without_custom_gradients(traced) : traced;
  const std::vector<bool> live = live_nodes(plain);
  for (std::uint32_t i = 0; i < plain.nodes().size(); ++i) {
    if (!live[i] || plain.node(i).op != Op::kGradient) continue;
    GradientChecker checker(plain, differentiate, sample, limits, report);
    if (auto difference = checker.check(i)) return difference;
  }
  return check_rest(traced, differentiate, sample);
}

}  // namespace sluice::passes
