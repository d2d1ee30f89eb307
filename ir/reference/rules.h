#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "ir/reference/tensor.h"
#include "sluice/ir/graph.h"

// The rule of each op: its row in ops.def, as code. Each is written once, for every element type; a missing rule does
// not link.
namespace sluice::ir::reference {

using Tensors = std::vector<Tensor>;

/// The context of a rule.
struct RuleContext {
  const Node& node;
  const Tensors& operands;
  const Bindings& bindings;
  Arithmetic arithmetic;

  const Tensor& x() const { return operands[0]; }
  const Tensor& y() const { return operands[1]; }
  const Attributes& attributes() const { return node.attributes; }
  /// Returns the sizes of the first result.
  Sizes result_sizes() const { return node.types[0].shape.at(bindings); }
  /// Returns the value of a size among the attributes.
  std::int64_t size(Attr key) const { return node.attributes.size(key).at(bindings); }
  DType result_dtype() const { return node.types[0].dtype; }
};

template <Op op>
Tensors rule(const RuleContext& context);

#define OP(enumerator, ...) \
  template <>               \
  Tensors rule<Op::enumerator>(const RuleContext&);
#include "sluice/ir/ops.def"
#undef OP

/// Returns the table's rule for `op`.
using Rule = Tensors (*)(const RuleContext&);
Rule find_rule(Op op);

/// Called with each evaluated node other than inputs; may change the elements of its results.
using Observer = std::function<void(std::uint32_t node, const Tensors& operands, Tensors& results)>;

/// Like evaluate(), on tensors: the results of `graph` and the new states, for inputs that fit.
struct Evaluation {
  Tensors results;
  Tensors states;
};
Evaluation evaluate_graph(const Graph& graph, Tensors inputs, Tensors states, const Bindings& bindings,
                          Arithmetic arithmetic, const Observer& observer = {});

// ---- integers ----

/// Returns the number in 64 bits, sign extended: sums, differences and products of such numbers, truncated to T, wrap
/// around like T.
template <typename T>
std::uint64_t wide(T x) {
  return static_cast<std::uint64_t>(x);
}

template <typename T>
T plus(T x, T y) {
  if constexpr (std::is_integral_v<T>) {
    return static_cast<T>(wide(x) + wide(y));
  } else {
    return x + y;
  }
}

template <typename T>
T product(T x, T y) {
  if constexpr (std::is_integral_v<T>) {
    return static_cast<T>(wide(x) * wide(y));
  } else {
    return x * y;
  }
}

template <typename T>
bool is_nan(T x) {
  if constexpr (is_float_element<T>) {
    using std::isnan;
    return isnan(x);
  } else {
    return false;
  }
}

// ---- elementwise ----

/// Applies f(x), or f(x, y), to each element of the operands, which the op's row restricts to those for which `Allowed`
/// holds.
template <template <typename> typename Allowed, typename F>
Tensors map_elements(const RuleContext& context, F f) {
  return context.x().visit([&]<typename T>(std::span<const T> x) -> Tensors {
    if constexpr (Allowed<T>::value) {
      const auto at = [&](std::size_t i) {
        if constexpr (std::is_invocable_v<F, T>) {
          return f(x[i]);
        } else {
          return f(x[i], context.y().data<T>()[i]);
        }
      };
      using Result = decltype(at(0));
      Tensor result = Tensor::zeros<Result>(context.x().sizes());
      const auto to = result.data<Result>();
      for (std::size_t i = 0; i < to.size(); ++i) to[i] = at(i);
      return {result};
    } else {
      SLUICE_UNREACHABLE("{}: an operand of a type that its row excludes", to_string(context.node.op));
    }
  });
}

template <typename T>
struct IsAny : std::true_type {};
template <typename T>
struct IsNumber : std::bool_constant<!std::is_same_v<T, bool>> {};
template <typename T>
struct IsFloat : std::bool_constant<is_float_element<T>> {};
template <typename T>
struct IsBool : std::is_same<T, bool> {};

}  // namespace sluice::ir::reference
