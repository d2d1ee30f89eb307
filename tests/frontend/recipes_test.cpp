// Claims of the cookbook that the output of its programs does not show.
#include <doctest/doctest.h>

#include <cstdint>
#include <vector>

#include "sluice/foreign_weights.h"
#include "sluice/layers.h"
#include "sluice/optimizers.h"
#include "sluice/reduce.h"
#include "sluice/shape_ops.h"
#include "tests/frontend/engine.h"
#include "tests/frontend/run.h"

namespace sluice::recipes_test {

using namespace sluice::test;

class SignDescent : public Optimizer {
 public:
  SignDescent() : Optimizer("sign_descent", 0.5) {}

  void update(const std::vector<Tensor>& gradients, const std::vector<Variable>& variables) const override {
    for (std::size_t i = 0; i < variables.size(); ++i)
      variables[i].assign_sub(cast(learning_rate(), gradients[i].dtype()) * sign(gradients[i]));
  }
};

TEST_CASE("an optimizer of one's own updates variables of every float dtype") {
  const Variable single("single", Array({1.F, -1.F}));
  const Variable twice("twice", Array({2., -2.}));
  const SignDescent descent;
  const auto step = function("step", {}, [&] {
    descent.minimize(reduce_sum(square(single)) + cast(reduce_sum(square(twice)), f32), {single, twice});
  });
  step();
  CHECK(single.value() == Array({0.5F, -0.5F}));
  CHECK(twice.value() == Array({1.5, -1.5}));
}

TEST_CASE("PyTorch's in_proj_weight holds the kernels of a query, a key and a value") {
  // Row r and column c of each [out, in] = [2, 2] projection: 100 * projection + 10 * r + c.
  std::vector<float> weights, biases;
  for (int row = 0; row < 6; ++row) {
    for (int column = 0; column < 2; ++column) {
      weights.push_back(static_cast<float>(100 * (row / 2) + 10 * (row % 2) + column));
    }
    biases.push_back(static_cast<float>(row));
  }
  const Array in_proj_weight(weights, {6, 2});
  const Array in_proj_bias(biases, {6});
  for (std::int64_t part = 0; part < 3; ++part) {
    const Array kernel =
        WeightSource("in_proj_weight", {1, 0}).part(part, 3, 1).value(in_proj_weight, {DType::kF32, {2, 2, 1}});
    for (int in = 0; in < 2; ++in) {
      for (int head = 0; head < 2; ++head) {
        CHECK(kernel(in, head, 0) == static_cast<double>(100 * part + 10 * head + in));
      }
    }
    const Array bias = WeightSource("in_proj_bias").part(part, 3, 0).value(in_proj_bias, {DType::kF32, {2, 1}});
    CHECK(bias(0, 0) == static_cast<double>(2 * part));
    CHECK(bias(1, 0) == static_cast<double>(2 * part + 1));
  }
}

}  // namespace sluice::recipes_test
