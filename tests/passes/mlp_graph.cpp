#include "tests/passes/mlp_graph.h"

#include "sluice/error.h"

namespace sluice::test {

namespace {

using ir::Attr;
using ir::Builder;
using ir::Op;
using ir::Value;

constexpr DType kF = DType::kF32;

Value full(Builder& b, Value like, double value) { return b.full(b.type(like), value); }

Value scaled(Builder& b, Value x, double factor) { return b(Op::kMul, {x, full(b, x, factor)}); }

struct Loss {
  Value loss;
  Value accuracy;
};

Value mean_over_batch(Builder& b, Value x) {
  return b(Op::kDiv, {b.reduce_sum(x, {0}), b.cast(b(Op::kBatchSize, {}), kF)});
}

Loss cross_entropy(Builder& b, Value logits, Value labels) {
  const Shape shape = b.type(logits).shape;
  const std::vector<std::int64_t> rows{1};
  const Value highest = b(Op::kStopGradient, {b(Op::kReduceMax, {logits}, {{Attr::kAxes, rows}})});
  const Value column = b.reshape(highest, {batch, 1});
  const Value shifted = b(Op::kSub, {logits, b.broadcast(column, shape)});
  const Value log_sum = b(Op::kLog, {b.reduce_sum(b(Op::kExp, {shifted}), rows)});
  const Value hot = b(Op::kOneHot, {labels}, {{Attr::kDepth, shape[1].size}, {Attr::kDType, kF}});
  const Value picked = b.reduce_sum(b(Op::kMul, {hot, shifted}), rows);
  const Value losses = b(Op::kSub, {log_sum, picked});
  const Value guess = b(Op::kArgmax, {logits}, {{Attr::kAxis, std::int64_t{1}}});
  const Value correct = b.cast(b(Op::kEqual, {guess, b.cast(labels, DType::kI64)}), kF);
  return {mean_over_batch(b, losses), mean_over_batch(b, correct)};
}

void adam(Builder& b, const std::vector<Value>& variables, const std::vector<std::string>& names, Value loss) {
  std::vector<Value> operands{loss};
  operands.insert(operands.end(), variables.begin(), variables.end());
  const Value gradient = b.add(Op::kGradient, operands);
  const Value rate = b.state("rate", "adam/rate", {kF, {}}, ir::Range{0.001, 0.002});
  const Value steps = b.state("steps", "adam/steps", {kF, {}}, ir::Range{1, 2});
  const Value step = b(Op::kAdd, {steps, b.scalar(kF, 1)});
  b.set_update(steps, step);
  const auto correction = [&](double beta) {
    return b(Op::kSub, {b.scalar(kF, 1), b(Op::kPow, {b.scalar(kF, beta), step})});
  };
  const Value correction_m = correction(0.9);
  const Value correction_v = correction(0.999);
  for (std::uint32_t i = 0; i < variables.size(); ++i) {
    const Value w = variables[i];
    const Type type = b.type(w);
    const Value g{gradient.node, i};
    const Value m = b.state(names[i] + "_m", "adam/" + names[i] + "/m", type);
    const Value v = b.state(names[i] + "_v", "adam/" + names[i] + "/v", type, ir::Range{0, 1});
    const Value new_m = b(Op::kAdd, {scaled(b, m, 0.9), scaled(b, g, 0.1)});
    const Value new_v = b(Op::kAdd, {scaled(b, v, 0.999), scaled(b, b(Op::kSquare, {g}), 0.001)});
    const Value m_hat = b(Op::kDiv, {new_m, b.broadcast(correction_m, type.shape)});
    const Value v_hat = b(Op::kDiv, {new_v, b.broadcast(correction_v, type.shape)});
    const Value root = b(Op::kAdd, {b(Op::kSqrt, {v_hat}), full(b, v_hat, 1e-7)});
    const Value change = b(Op::kDiv, {b(Op::kMul, {b.broadcast(rate, type.shape), m_hat}), root});
    b.set_update(m, new_m);
    b.set_update(v, new_v);
    b.set_update(w, b(Op::kSub, {w, change}));
  }
}

}  // namespace

ir::Graph mlp_train_step(const std::vector<std::int64_t>& widths) {
  Builder b("train_step");
  const Value images = b.parameter("images", {DType::kU8, {batch, 4, 7}}, ir::Range{0, 256});
  const Value labels = b.parameter("labels", {DType::kU8, {batch}}, ir::Range{0, static_cast<double>(widths.back())});
  const Value pixels = b.reshape(b.cast(images, kF), {batch, 28});
  Value x = b(Op::kDiv, {pixels, full(b, pixels, 255)});
  std::vector<Value> variables;
  std::vector<std::string> names;
  for (std::size_t i = 0; i < widths.size(); ++i) {
    const auto variable = [&](std::string_view kind, Shape shape) {
      names.push_back(fmt::format("{}{}", kind, i));
      variables.push_back(b.state(names.back(), names.back(), {kF, std::move(shape)}));
      return variables.back();
    };
    const Value w = variable("w", {b.type(x).shape[1], widths[i]});
    const Value bias = variable("b", {widths[i]});
    const Value product = b(Op::kMatmul, {x, w});
    x = b(Op::kAdd, {product, b.broadcast(bias, b.type(product).shape)});
    if (i + 1 < widths.size()) x = b(Op::kRelu, {x});
  }
  const Loss loss = cross_entropy(b, x, labels);
  adam(b, variables, names, loss.loss);
  b.set_results({loss.loss, loss.accuracy});
  return std::move(b).finish();
}

ir::Value update_of(const ir::Graph& graph, std::string_view variable) {
  for (const ir::State& state : graph.states()) {
    if (state.variable == variable) return state.update.value();
  }
  fail("there is no variable \"{}\"", variable);
}

}  // namespace sluice::test
