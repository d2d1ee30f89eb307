// Attention of [batch, heads, positions, depth]; queries see keys up to their own position if it is causal.
#include <cmath>

#include "tests/oracles/batched.h"
#include "tests/oracles/registry.h"

namespace sluice::oracles {

namespace {

Program attention(const Oracle& oracle) {
  return function_of_one(oracle, [&](const Tensors& in) {
    const Tensor& q = in["q_"];
    const Tensor& k = in["k_"];
    const std::string scale = oracle.attributes.text("scale", "1/sqrt(d)");
    if (scale != "1/sqrt(d)") throw CannotSay("scale " + scale);
    const auto depth = static_cast<double>(q.shape()[q.rank() - 1].size);
    const Tensor scores = batched_matmul(q, k, {.transpose_b = true}) / std::sqrt(depth);
    const int rank = scores.rank();
    const Shape last_two{scores.shape()[rank - 2], scores.shape()[rank - 1]};
    Tensor visible = full(last_two, true, DType::kBool);
    if (oracle.attributes.flag("causal")) visible = iota(last_two, 1, i64) <= iota(last_two, 0, i64);
    if (const Tensor* keep = in.find("keep")) visible = visible & *keep;
    // A row in which nothing is visible has no softmax: it gives zeros.
    const Tensor hidden = select(visible, scores, -1e30);
    const Tensor weights = select(visible, softmax(hidden), 0);
    return batched_matmul(weights, in["v_"]);
  });
}

}  // namespace

void add_attention(Builders& builders) {
  builders["attention"] = attention;
  builders["attention_masked"] = attention;
}

}  // namespace sluice::oracles
