#include "runtime/execution/non_finite.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "ir/node_error.h"
#include "ir/plain_nan.h"
#include "ir/reference/interpreter.h"
#include "ir/reference/rules.h"
#include "passes/pass.h"

namespace sluice::runtime {

namespace {

using ir::reference::Arithmetic;
using ir::reference::Tensor;
using ir::reference::Tensors;

template <typename T>
std::optional<std::size_t> first_non_finite(std::span<const T> elements) {
  if constexpr (std::is_floating_point_v<T>) {
    const auto found = std::ranges::find_if(elements, [](T x) { return !std::isfinite(x); });
    if (found != elements.end()) return static_cast<std::size_t>(found - elements.begin());
  }
  return std::nullopt;
}

/// The same for the elements of the interpreter's tensors, none of which is a dual number here.
std::optional<std::size_t> first_non_finite(const Tensor& tensor) {
  return tensor.visit([](auto elements) { return first_non_finite(elements); });
}

void flush_denormals(Tensor& tensor, DType dtype) {
  visit_dtype(dtype, [&](auto zero) {
    using T = decltype(zero);
    if constexpr (std::is_floating_point_v<T>) {
      for (T& x : tensor.data<T>()) {
        if (std::abs(x) < std::numeric_limits<T>::min()) x = std::copysign(T{0}, x);
      }
    }
  });
}

/// Returns " at [2,0] of f32[3,4]"; nothing for a scalar.
std::string place_of(std::size_t position, DType dtype, const std::vector<std::int64_t>& sizes) {
  if (sizes.empty()) return "";
  std::vector<std::int64_t> index(sizes.size());
  auto rest = static_cast<std::int64_t>(position);
  for (std::size_t axis = sizes.size(); axis-- > 0;) {
    index[axis] = rest % sizes[axis];
    rest /= sizes[axis];
  }
  return fmt::format(" at [{}] of {}", fmt::join(index, ","), to_string(Type{dtype, Shape::of(sizes)}));
}

std::string element_of(const Tensor& tensor, std::size_t position) {
  return tensor.visit([&]<typename T>(std::span<const T> elements) -> std::string {
    if constexpr (std::is_arithmetic_v<T>) return fmt::format("{}", plain_nan(elements[position]));
    SLUICE_UNREACHABLE("a dual number");
  });
}

std::string range_of(const Tensor& tensor) {
  return tensor.visit([&]<typename T>(std::span<const T> elements) -> std::string {
    if constexpr (std::is_arithmetic_v<T>) {
      if (elements.empty()) return "is empty";
      const auto [least, most] = std::ranges::minmax_element(elements);
      return fmt::format("is from {} to {}", *least, *most);
    }
    SLUICE_UNREACHABLE("a dual number");
  });
}

constexpr std::string_view kUnchanged = "; all variables are as before the step";

/// Observes the interpreter and records which values are not finite, and which nodes produce such a value from finite
/// ones.
class Search {
 public:
  Search(const ir::Graph& graph, Denormals denormals) : graph_(graph), denormals_(denormals) {
    for (const ir::Node& node : graph.nodes()) bad_.emplace_back(node.types.size());
  }

  void see(std::uint32_t index, const Tensors& operands, Tensors& results) {
    const ir::Node& node = graph_.node(index);
    for (std::uint32_t r = 0; r < results.size(); ++r) {
      const DType dtype = node.types[r].dtype;
      if (denormals_ == Denormals::kZero) flush_denormals(results[r], dtype);
      if (splat_value(graph_, {index, r})) continue;
      const auto position = first_non_finite(results[r]);
      if (!position) continue;
      bad_[index][r] = true;
      if (std::ranges::none_of(node.operands, [&](ir::Value operand) { return is_bad(operand); }))
        makers_.try_emplace(index, describe(index, r, *position, operands, results[r]));
    }
  }

  /// Returns the first node whose non-finite value reached a result or a new state, with its message.
  std::optional<std::pair<std::uint32_t, std::string>> first_maker() const {
    std::vector<bool> reached(graph_.nodes().size());
    const auto reach = [&](ir::Value value) {
      if (is_bad(value)) reached[value.node] = true;
    };
    for (const ir::Value result : graph_.results()) reach(result);
    for (const ir::State& state : graph_.states()) reach(state.update.value_or(state.value));
    std::optional<std::uint32_t> first;
    for (std::uint32_t i = static_cast<std::uint32_t>(reached.size()); i-- > 0;) {
      if (!reached[i]) continue;
      if (makers_.contains(i)) first = i;
      for (const ir::Value operand : graph_.node(i).operands) reach(operand);
    }
    if (!first) return std::nullopt;
    return std::pair(*first, makers_.at(*first));
  }

 private:
  bool is_bad(ir::Value value) const { return bad_[value.node][value.result]; }

  /// Returns "variable "w"" or "%x" for an input, followed by a space.
  std::string input_name(std::uint32_t node) const {
    for (const ir::Parameter& parameter : graph_.parameters()) {
      if (parameter.value.node == node) return fmt::format("%{} ", parameter.name);
    }
    for (const ir::State& state : graph_.states()) {
      if (state.value.node == node) return fmt::format("variable \"{}\" ", state.variable);
    }
    return "";
  }

  std::string describe(std::uint32_t index, std::uint32_t result, std::size_t position, const Tensors& operands,
                       const Tensor& value) const {
    const ir::Node& node = graph_.node(index);
    const std::string number = element_of(value, position);
    const std::string place = place_of(position, node.types[result].dtype, value.sizes());
    if (info(node.op).has(ir::kInput))
      return fmt::format("@{}: the input {}has {}{}{}", graph_.name(), input_name(index), number, place, kUnchanged);
    const bool gradient = std::ranges::any_of(node.origins, &ir::Origin::gradient);
    std::string text = fmt::format("@{}: {}{} gives {}{}{}", graph_.name(), gradient ? "in the gradient of this, " : "",
                                   to_string(node.op), number, place, kUnchanged);
    for (std::size_t i = 0; i < operands.size(); ++i) {
      const ir::Node& maker = graph_.node(node.operands[i]);
      const bool same_place = info(node.op).has(ir::kElementwise);
      const std::string what =
          same_place ? fmt::format("is {}{}", element_of(operands[i], position), place.empty() ? "" : " there")
                     : range_of(operands[i]);
      const Location made = user_location(maker.origins);
      const Type type{graph_.type(node.operands[i]).dtype, Shape::of(operands[i].sizes())};
      text += fmt::format("\n  operand {}, {}{}, {}{}", i, input_name(node.operands[i].node), to_string(type), what,
                          made.known() ? fmt::format("; it was made at {}", to_string(made)) : "");
    }
    return text;
  }

  const ir::Graph& graph_;
  Denormals denormals_;
  std::vector<std::vector<bool>> bad_;           ///< by node and result
  std::map<std::uint32_t, std::string> makers_;  ///< nodes, with their messages
};

Tensors to_tensors(std::span<const Array> arrays) {
  Tensors tensors;
  for (const Array& array : arrays) tensors.push_back(Tensor::from(array, Arithmetic::kAsWritten));
  return tensors;
}

/// If the interpreter finds nothing, compiled code rounds differently; then only its value can be reported.
Error error_of_result(const ir::Graph& graph, const BadStep& step) {
  const auto error_at = [&](ir::Value value, const std::string& what, const Array& array) {
    const Tensor tensor = Tensor::from(array, Arithmetic::kAsWritten);
    const std::size_t position = *first_non_finite(tensor);
    return node_error(
        graph.node(value).origins,
        fmt::format("@{}: {} is {}{}, where the interpreter finds only finite numbers{}", graph.name(), what,
                    element_of(tensor, position), place_of(position, array.dtype(), array.sizes()), kUnchanged));
  };
  for (std::size_t i = 0; i < step.results.size(); ++i) {
    if (!all_finite(step.results[i])) return error_at(graph.results()[i], fmt::format("result {}", i), step.results[i]);
  }
  for (std::size_t i = 0; i < step.new_states.size(); ++i) {
    const ir::State& state = graph.states()[i];
    if (all_finite(step.new_states[i])) continue;
    return error_at(state.update.value_or(state.value), fmt::format("the new value of \"{}\"", state.variable),
                    step.new_states[i]);
  }
  SLUICE_UNREACHABLE("@{}: all results and states are finite", graph.name());
}

}  // namespace

bool all_finite(const Array& array) {
  return visit_dtype(array.dtype(), [&](auto zero) {
    using T = decltype(zero);
    if constexpr (std::is_floating_point_v<T>) {
      // Tests bits, so that it vectorizes: a non-finite value has all bits of the exponent set.
      using Bits = std::conditional_t<sizeof(T) == 4, std::uint32_t, std::uint64_t>;
      constexpr auto kExponent = std::bit_cast<Bits>(std::numeric_limits<T>::infinity());
      Bits found = 0;
      for (const T x : array.data<T>()) found |= static_cast<Bits>((std::bit_cast<Bits>(x) & kExponent) == kExponent);
      return found == 0;
    } else {
      return true;
    }
  });
}

Error non_finite_error(const ir::Graph& traced, const BadStep& step, Denormals denormals) {
  constexpr std::array<std::string_view, 2> kPasses{"differentiate", "dce"};
  const ir::Graph graph = passes::run_passes(traced, kPasses);
  Search search(graph, denormals);
  Tensors inputs = to_tensors(step.inputs);
  Tensors states = to_tensors(step.states);
  const auto see_input = [&](ir::Value value, const Tensor& tensor) {
    Tensors results{tensor};  // shares its elements
    search.see(value.node, {}, results);
  };
  for (std::size_t i = 0; i < inputs.size(); ++i) see_input(graph.parameters()[i].value, inputs[i]);
  for (std::size_t i = 0; i < states.size(); ++i) see_input(graph.states()[i].value, states[i]);
  ir::reference::evaluate_graph(
      graph, std::move(inputs), std::move(states), ir::bindings_of(graph, step.inputs), Arithmetic::kAsWritten,
      [&](std::uint32_t node, const Tensors& operands, Tensors& results) { search.see(node, operands, results); });
  const auto maker = search.first_maker();
  if (!maker) return error_of_result(graph, step);
  return node_error(graph.node(maker->first).origins, maker->second);
}

}  // namespace sluice::runtime
