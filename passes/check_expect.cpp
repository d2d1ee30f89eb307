// The expected results of a graph, with an estimate of the error of other ways of rounding.
#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <random>

#include "ir/reduction.h"
#include "ir/reference/folds.h"
#include "ir/reference/interpreter.h"
#include "passes/check.h"
#include "passes/check_ways.h"
#include "passes/expand_attention.h"

namespace sluice::passes {

namespace {

using ir::Node;
using ir::Op;
using ir::reference::Arithmetic;
using ir::reference::Tensors;

/// Index 0 is computed in double, 1 as written, the others as written with perturbed rounding.
constexpr std::size_t kFewWays = 4;
constexpr std::size_t kManyWays = 24;
constexpr std::size_t kFirstDisturbed = 2;

/// A difference may be this many times the estimated error.
constexpr double kMargin = 8;
/// An element whose margin exceeds this fraction of the largest one proves nothing.
constexpr double kVacuous = 0.02;

/// Returns whether rounding errors are proportional to the summands, not to the sum.
bool sums(Op op) {
  return op == Op::kMatmul || op == Op::kReduceSum || op == Op::kScatterAdd || op == Op::kAddWindows ||
         op == Op::kCumsum || op == Op::kLinearRecurrence;
}

/// Returns the elements, each perturbed by up to four units in the last place. Integers stay: they are mostly exact.
Tensor disturbed(const Tensor& tensor, std::mt19937_64& engine) {
  return tensor.visit([&]<typename T>(std::span<const T> from) {
    if constexpr (!std::is_same_v<T, float> && !std::is_same_v<T, double>) {
      return tensor;
    } else {
      Tensor moved = Tensor::zeros<T>(tensor.sizes());
      std::ranges::transform(from, moved.data<T>().begin(), [&](T x) {
        if (!std::isfinite(x) || (x == std::trunc(x) && std::abs(x) < T(1 << 20))) return x;
        const double unit = static_cast<double>(engine() >> 11) * 0x1p-52 - 1;  // in [-1,1)
        const double step = unit * 4 * static_cast<double>(std::numeric_limits<T>::epsilon());
        return static_cast<T>(x + static_cast<T>(static_cast<double>(x) * step));
      });
      return moved;
    }
  });
}

bool has_any(const Mask& mask) { return std::ranges::find(mask, true) != mask.end(); }

void unite(Mask& to, const Mask& from) {
  if (from.empty()) return;
  if (to.empty()) to.resize(from.size());
  for (std::size_t i = 0; i < from.size(); ++i) to[i] = to[i] || from[i];
}

Tensor to_tensor(const Mask& mask, const Tensor& like) {
  Tensor tensor = Tensor::zeros<bool>(like.sizes());
  for (std::size_t i = 0; i < mask.size(); ++i) tensor.data<bool>()[i] = mask[i];
  return tensor;
}

Mask to_mask(const Tensor& tensor) {
  Mask mask(tensor.count());
  tensor.visit([&]<typename T>(std::span<const T> x) {
    for (std::size_t i = 0; i < x.size(); ++i) mask[i] = ir::reference::element<double>(x[i]) != 0;
  });
  return mask;
}

class Walk {
 public:
  Walk(const Bindings& bindings, std::uint64_t seed, std::size_t ways) : bindings_(bindings), ways_(ways) {
    for (std::size_t way = 0; way < ways; ++way) engines_.emplace_back(seed * ways + way);
  }

  struct Output {
    std::vector<Ways> results;
    std::vector<Ways> states;
  };

  Output run(const ir::Graph& graph, std::vector<Ways> inputs, std::vector<Ways> states) {
    std::vector<std::vector<Ways>> values(graph.nodes().size());
    std::vector<std::size_t> last(values.size());
    for (std::size_t i = 0; i < values.size(); ++i) {
      for (const ir::Value v : graph.nodes()[i].operands) last[v.node] = i;
    }
    for (const ir::Value v : graph.results()) last[v.node] = values.size();
    for (const ir::State& state : graph.states()) last[state.update.value_or(state.value).node] = values.size();
    for (std::size_t i = 0; i < inputs.size(); ++i) values[graph.parameters()[i].value.node] = {std::move(inputs[i])};
    for (std::size_t i = 0; i < states.size(); ++i) values[graph.states()[i].value.node] = {std::move(states[i])};
    for (std::size_t i = 0; i < values.size(); ++i) {
      const Node& node = graph.nodes()[i];
      if (ir::info(node.op).has(ir::kInput)) continue;
      std::vector<Ways> operands;
      for (const ir::Value v : node.operands) operands.push_back(values[v.node][v.result]);
      values[i] = evaluate(graph, node, std::move(operands));
      for (const ir::Value v : node.operands) {
        if (last[v.node] == i) values[v.node].clear();  // its memory can be released
      }
    }
    Output output;
    for (const ir::Value v : graph.results()) output.results.push_back(values[v.node][v.result]);
    for (const ir::State& state : graph.states()) {
      const ir::Value v = state.update.value_or(state.value);
      output.states.push_back(values[v.node][v.result]);
    }
    return output;
  }

 private:
  std::vector<Ways> evaluate(const ir::Graph& graph, const Node& node, std::vector<Ways> operands) {
    if (node.op == Op::kFused) return run(node.attributes.body(), std::move(operands), {}).results;
    if (node.op == Op::kAttention || node.op == Op::kAttentionGradient)
      return evaluate_attention(graph, node, std::move(operands));
    std::vector<Ways> results(node.types.size(), Ways(ways_));
    for (std::size_t way = 0; way < ways_; ++way) {
      Tensors tensors;
      for (const Ways& operand : operands) tensors.push_back(operand.values[way]);
      if (way >= kFirstDisturbed && sums(node.op)) {
        for (Tensor& tensor : tensors) tensor = disturbed(tensor, engines_[way]);
      }
      const Arithmetic arithmetic = way == 0 ? Arithmetic::kDouble : Arithmetic::kAsWritten;
      Tensors made = ir::reference::find_rule(node.op)({node, tensors, bindings_, arithmetic});
      for (std::size_t i = 0; i < made.size(); ++i) {
        const bool moves = way >= kFirstDisturbed && ir::info(node.op).has(ir::kRounds);
        results[i].values[way] = moves ? disturbed(made[i], engines_[way]) : std::move(made[i]);
      }
    }
    for (Ways& result : results) {
      result.undecided = pass_on(node, operands, result);
      mark_decisions(node, operands, result);
    }
    if (ir::info(node.op).has(ir::kMoves)) results[0].near_kink = move_mask(node, operands, &Ways::near_kink);
    return results;
  }

  /// By the products and the softmax that it stands for, whose intermediate values are rounded, too.
  std::vector<Ways> evaluate_attention(const ir::Graph& graph, const Node& node, std::vector<Ways> operands) {
    ir::Builder builder("attention");
    std::vector<ir::Value> parameters;
    for (std::size_t i = 0; i < operands.size(); ++i)
      parameters.push_back(builder.parameter(fmt::format("p{}", i), graph.type(node.operands[i])));
    builder.set_results(append_attention(builder, node, parameters));
    std::vector<Ways> results = run(std::move(builder).finish(), operands, {}).results;
    for (Ways& result : results) mark_decisions(node, operands, result);
    return results;
  }

  Mask move_mask(const Node& node, const std::vector<Ways>& operands, Mask Ways::*which) const {
    if (std::ranges::none_of(operands, [&](const Ways& x) { return has_any(x.*which); })) return {};
    Tensors masks;
    for (const Ways& operand : operands) masks.push_back(to_tensor(operand.*which, operand.values[0]));
    return to_mask(ir::reference::find_rule(node.op)({node, masks, bindings_, Arithmetic::kAsWritten})[0]);
  }

  /// Returns the mask of elements that depend on undecided ones.
  Mask pass_on(const Node& node, const std::vector<Ways>& operands, const Ways& result) const {
    if (std::ranges::none_of(operands, [](const Ways& x) { return has_any(x.undecided); })) return {};
    if (ir::info(node.op).has(ir::kElementwise)) {
      Mask mask;
      for (const Ways& operand : operands) unite(mask, operand.undecided);
      return mask;
    }
    if (ir::info(node.op).has(ir::kMoves) || node.op == Op::kAddWindows)
      return move_mask(node, operands, &Ways::undecided);
    if (node.op == Op::kMatmul) return through_matmul(node, operands, result);
    if (ir::info(node.op).has(ir::kReduction)) return through_reduction(node, operands, ir::reduced_axes(node));
    if (node.op == Op::kIsFirstMax || node.op == Op::kArgsort || node.op == Op::kCumsum)
      return among_folded(node, operands[0].undecided, operands[0].values[0].sizes());
    return Mask(result.count(), true);
  }

  Mask through_reduction(const Node& node, const std::vector<Ways>& operands, std::vector<std::int64_t> axes) const {
    const Node maximum{Op::kReduceMax, node.operands, {{ir::Attr::kAxes, std::move(axes)}}, node.types, {}};
    Tensor mask = Tensor::zeros<std::uint8_t>(operands[0].values[0].sizes());
    for (std::size_t i = 0; i < mask.count(); ++i) mask.data<std::uint8_t>()[i] = operands[0].undecided[i] ? 1 : 0;
    const Tensors masks{mask};
    return to_mask(ir::reference::find_rule(Op::kReduceMax)({maximum, masks, bindings_, Arithmetic::kAsWritten})[0]);
  }

  /// Marks all elements that are compared with a marked one.
  static Mask among_folded(const Node& node, const Mask& marked, const ir::reference::Sizes& sizes) {
    Mask mask(marked.size());
    ir::reference::for_each_fold(node, sizes, [&](const std::vector<std::size_t>& fold) {
      if (std::ranges::none_of(fold, [&](std::size_t i) { return marked[i]; })) return;
      for (const std::size_t i : fold) mask[i] = true;
    });
    return mask;
  }

  static Mask through_matmul(const Node& node, const std::vector<Ways>& operands, const Ways& result) {
    const auto& sizes = result.values[0].sizes();
    const std::size_t rank = sizes.size();
    const auto rows = static_cast<std::size_t>(sizes[rank - 2]);
    const auto columns = static_cast<std::size_t>(sizes[rank - 1]);
    Mask mask(result.values[0].count());
    if (mask.empty()) return mask;
    const std::size_t matrices = mask.size() / (rows * columns);
    // Of each matrix, the rows of the lhs and the columns of the rhs.
    std::array<Mask, 2> lines{Mask(matrices * rows), Mask(matrices * columns)};
    const std::array<bool, 2> kept_is_last{node.attributes.flag(ir::Attr::kTransposeA),
                                           !node.attributes.flag(ir::Attr::kTransposeB)};
    for (std::size_t o = 0; o < 2; ++o) {
      const auto width = static_cast<std::size_t>(operands[o].values[0].sizes()[rank - 1]);
      const std::size_t kept = lines[o].size() / matrices;
      const std::size_t matrix = operands[o].undecided.size() / matrices;
      for (std::size_t i = 0; i < operands[o].undecided.size(); ++i) {
        const std::size_t line = kept_is_last[o] ? i % width : i % matrix / width;
        if (operands[o].undecided[i]) lines[o][i / matrix * kept + line] = true;
      }
    }
    for (std::size_t i = 0; i < mask.size(); ++i)
      mask[i] = lines[0][i / columns] || lines[1][i / (rows * columns) * columns + i % columns];
    return mask;
  }

  Bindings bindings_;
  std::size_t ways_;
  std::vector<std::mt19937_64> engines_;
};

std::vector<Ways> all_ways(std::span<const Array> arrays, std::size_t count) {
  std::vector<Ways> result;
  for (const Array& array : arrays) {
    Ways ways(count);
    for (std::size_t way = 0; way < count; ++way) {
      ways.values[way] = Tensor::from(array, way == 0 ? Arithmetic::kDouble : Arithmetic::kAsWritten);
    }
    result.push_back(std::move(ways));
  }
  return result;
}

Expected summarise(const Ways& ways, std::string name, DType dtype) {
  Expected expected;
  expected.name = std::move(name);
  expected.exact = ways.values[0].to_array(is_float(dtype) ? DType::kF64 : dtype);
  const std::size_t count = ways.count();
  expected.tolerance.resize(count);
  const std::vector<double> exact = numbers(ways.values[0]);
  std::vector<bool> agrees(count, true);  // whether it is the same infinity, or NaN, in every evaluation
  double largest = 0;
  double worst = 0;
  for (std::size_t i = 0; i < count; ++i) {
    if (std::isfinite(exact[i])) largest = std::max(largest, std::abs(exact[i]));
  }
  for (std::size_t way = 1; is_float(dtype) && way < ways.values.size(); ++way) {
    const std::vector<double> other = numbers(ways.values[way]);
    for (std::size_t i = 0; i < count; ++i) {
      const double error = std::abs(other[i] - exact[i]);
      expected.tolerance[i] = std::max(expected.tolerance[i], std::isfinite(error) ? error : 0);
      // A float that overflows where the double does not is as undecided as one behind a decision.
      if (std::isfinite(other[i]) != std::isfinite(exact[i])) expected.tolerance[i] = INFINITY;
      agrees[i] = agrees[i] && (other[i] == exact[i] || (std::isnan(other[i]) && std::isnan(exact[i])));
    }
  }
  for (const double error : expected.tolerance) worst = std::max(worst, std::isfinite(error) ? error : 0);
  const double shared = std::min(worst * kMargin, 1e-5 * largest);
  const double relative = dtype == DType::kF64 ? 1e-12 : 4e-6;
  for (std::size_t i = 0; i < count; ++i) {
    double& tolerance = expected.tolerance[i];
    const bool vacuous = kMargin * tolerance > kVacuous * largest;
    if (is_float(dtype)) tolerance = kMargin * tolerance + shared + relative * std::abs(exact[i]) + 1e-36;
    if (!std::isfinite(exact[i])) {
      ++expected.not_finite;
      tolerance = agrees[i] ? 0 : -1;
    } else if (at(ways.undecided, i) || vacuous) {
      ++expected.undecided;
      tolerance = -1;
    }
    if (at(ways.undecided, i)) tolerance = -1;
  }
  return expected;
}

std::vector<Expected> expect_by(const ir::Graph& graph, const Sample& sample, std::size_t ways) {
  Walk walk(sample.bindings, sample.seed, ways);
  const Walk::Output output = walk.run(graph, all_ways(sample.inputs, ways), all_ways(sample.states, ways));
  std::vector<Expected> expected;
  for (std::size_t i = 0; i < output.results.size(); ++i) {
    const DType dtype = graph.type(graph.results()[i]).dtype;
    expected.push_back(summarise(output.results[i], fmt::format("result {}", i), dtype));
  }
  for (std::size_t i = 0; i < output.states.size(); ++i) {
    const ir::State& state = graph.states()[i];
    expected.push_back(
        summarise(output.states[i], fmt::format("state %{}", state.name), graph.type(state.value).dtype));
  }
  return expected;
}

}  // namespace

std::vector<Expected> expect(const ir::Graph& graph, const Sample& sample) {
  return expect_by(graph, sample, kFewWays);
}

std::string confirmed_difference(const ir::Graph& graph, const Sample& sample, std::span<const Expected> expected,
                                 std::span<const Array> actual) {
  if (compare(expected, actual).empty()) return "";
  return compare(expect_by(graph, sample, kManyWays), actual);
}

}  // namespace sluice::passes
