#include "tests/passes/meaning.h"

#include <algorithm>
#include <bit>
#include <limits>

#include "ir/random_arrays.h"
#include "ir/reference/interpreter.h"
#include "passes/pass.h"
#include "passes/rebuild.h"
#include "sluice/error.h"
#include "tests/passes/agreement.h"

namespace sluice::test {

using passes::Exactness;

namespace {

constexpr DType kDTypes[] = {DType::kF32, DType::kF64, DType::kI32, DType::kI64, DType::kU8, DType::kBool};

template <typename T>
std::vector<T> special_elements() {
  using Limits = std::numeric_limits<T>;
  if constexpr (std::is_same_v<T, bool>) {
    return {false, true};
  } else if constexpr (std::is_integral_v<T>) {
    return {0, 1, 2, Limits::max(), Limits::min(), static_cast<T>(-1), static_cast<T>(-3), Limits::max() / 2 + 1};
  } else {
    using Bits = std::conditional_t<std::is_same_v<T, float>, std::uint32_t, std::uint64_t>;
    const Bits quiet = std::bit_cast<Bits>(Limits::quiet_NaN());
    const Bits infinity = std::bit_cast<Bits>(Limits::infinity());
    const Bits minus = Bits{1} << (sizeof(T) * 8 - 1);
    std::vector<T> all{0,
                       1,
                       static_cast<T>(0.5),
                       3,
                       300,
                       Limits::infinity(),
                       Limits::max(),
                       Limits::min(),
                       Limits::denorm_min(),
                       Limits::min() / 2,
                       std::bit_cast<T>(quiet | 0x123),
                       std::bit_cast<T>(infinity | 1)};  // signalling
    for (std::size_t i = 0, count = all.size(); i < count; ++i) {
      all.push_back(std::bit_cast<T>(std::bit_cast<Bits>(all[i]) | minus));
    }
    return all;
  }
}

/// Elements are copied as bytes: as numbers, signaling NaNs might become quiet.
void fill_with_special_values(Array& array, std::size_t offset) {
  const Array special = special_values(array.dtype());
  const std::size_t size = size_of(array.dtype());
  const auto count = static_cast<std::size_t>(special.element_count());
  for (std::size_t i = 0; i < static_cast<std::size_t>(array.element_count()); ++i) {
    std::memcpy(array.bytes() + i * size, special.bytes() + (offset + i) % count * size, size);
  }
}

bool agree(const std::vector<Array>& x, const std::vector<Array>& y, Exactness exactness) {
  switch (exactness) {
    case Exactness::kExact:
      return x == y;
    case Exactness::kNanBits:
      return same_but_nan_bits(x, y);
    case Exactness::kFast:
      break;
  }
  return same_values(x, y, 1e-5);
}

/// Returns a graph that the interpreter can run: with its gradients expanded, if it has any.
ir::Graph without_gradient(const ir::Graph& graph) {
  const bool has =
      std::ranges::any_of(graph.nodes(), [](const ir::Node& node) { return node.op == ir::Op::kGradient; });
  return has ? passes::find_pass("differentiate").run(graph) : graph;
}

Array converted(const Array& array, DType to) {
  ir::Builder b("convert");
  b.set_results({b.cast(b.constant(array), to)});
  return ir::evaluate(std::move(b).finish(), {}, {}).results[0];
}

std::optional<ir::Graph> retyped(const ir::Graph& graph, DType from, DType to) {
  const auto other = [&](Type type) {
    if (type.dtype == from) type.dtype = to;
    return type;
  };
  ir::Builder builder(graph.name());
  std::vector<std::vector<ir::Value>> values(graph.nodes().size());
  for (const ir::Parameter& parameter : graph.parameters()) {
    values[parameter.value.node] = {builder.parameter(parameter.name, other(graph.type(parameter.value)))};
  }
  if (!graph.states().empty()) return std::nullopt;
  try {
    for (std::uint32_t i = 0; i < graph.nodes().size(); ++i) {
      const ir::Node& node = graph.node(i);
      if (!values[i].empty()) continue;
      std::vector<ir::Value> operands;
      for (const ir::Value operand : node.operands) operands.push_back(values[operand.node][operand.result]);
      ir::Attributes attributes = node.attributes;
      if (node.op == ir::Op::kConstant && node.types[0].dtype == from) {
        attributes.set(ir::Attr::kValue, converted(node.attributes.array(), to));
      } else if (attributes.find(ir::Attr::kDType) && attributes.dtype() == from) {
        attributes.set(ir::Attr::kDType, to);
      }
      const ir::Value value = builder.add(node.op, std::move(operands), std::move(attributes));
      for (std::uint32_t r = 0; r < node.types.size(); ++r) values[i].push_back({value.node, r});
    }
  } catch (const Error&) {
    return std::nullopt;  // an op does not take this dtype
  }
  std::vector<ir::Value> results;
  for (const ir::Value result : graph.results()) results.push_back(values[result.node][result.result]);
  builder.set_results(std::move(results));
  return std::move(builder).finish();
}

}  // namespace

Array special_values(DType dtype) {
  return visit_dtype(dtype, [&](auto zero) {
    using T = decltype(zero);
    const std::vector<T> elements = special_elements<T>();
    Array array(dtype, {static_cast<std::int64_t>(elements.size())});
    std::ranges::copy(elements, array.data<T>().begin());
    return array;
  });
}

bool keeps_meaning(const ir::Graph& given, const ir::Graph& made, Exactness exactness) {
  const ir::Graph before = without_gradient(given);
  const ir::Graph after = without_gradient(made);
  const auto agree_on = [&](const std::vector<Array>& inputs, const std::vector<Array>& states) {
    const ir::EvalResult expected = ir::evaluate(before, inputs, states);
    const ir::EvalResult result = ir::evaluate(after, inputs, states);
    return agree(result.results, expected.results, exactness) && agree(result.states, expected.states, exactness);
  };
  for (const std::size_t round : {0U, 1U}) {
    if (!agree_on(random_parameters(before, round == 0 ? 1 : 3, 11 + round), random_states(before, 12 + round)))
      return false;
  }
  if (exactness == Exactness::kFast) return true;
  std::vector<Array> inputs = random_parameters(before, 3, 13);
  const std::vector<Array> states = random_states(before, 14);
  std::size_t longest = 1;  // of the lists of special values
  std::size_t step = 100;   // the elements that each input takes from its list at once
  for (const Array& input : inputs) {
    longest = std::max(longest, static_cast<std::size_t>(special_values(input.dtype()).element_count()));
    step = std::clamp<std::size_t>(static_cast<std::size_t>(input.element_count()), 1, step);
  }
  for (std::size_t shift = 0; shift < (inputs.size() > 1 ? longest : 1); ++shift) {
    for (std::size_t start = 0; start < longest; start += step) {
      for (std::size_t i = 0; i < inputs.size(); ++i) fill_with_special_values(inputs[i], start + shift * i);
      if (!agree_on(inputs, states)) return false;
    }
  }
  return true;
}

std::vector<Retyped> in_all_dtypes(const ir::Graph& graph) {
  std::vector<Retyped> all;
  for (const DType from : kDTypes) {
    const auto has = [&](const ir::Node& node) { return node.types[0].dtype == from; };
    if (std::ranges::none_of(graph.nodes(), has)) continue;
    for (const DType to : kDTypes) {
      if (to == from) continue;
      if (std::optional<ir::Graph> other = retyped(graph, from, to)) all.push_back({from, to, std::move(*other)});
    }
  }
  return all;
}

}  // namespace sluice::test
