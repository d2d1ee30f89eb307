// Losses: values and slopes worked out by hand, also at the edges of their domains, where other frameworks went wrong;
// errors.
#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "sluice/frontend.h"
#include "tests/frontend/engine.h"
#include "tests/frontend/floats.h"
#include "tests/frontend/misuse.h"

using namespace sluice;
using test::floats;

namespace {

using F = std::vector<float>;
using I = std::vector<std::int32_t>;

constexpr float kInf = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

struct ValueAndSlope {
  double value;
  F slope;
};

/// Returns a loss of x, reduced to a scalar, and its derivative.
template <typename Loss>
ValueAndSlope at(const Array& x, Loss loss) {
  const auto f = function("at", [&](Tensor t) {
    const Tensor y = loss(t);
    return outputs(y, gradients(y, {t})[0]);
  });
  const auto [value, slope] = f(x);
  return {value(), floats(slope)};
}

Tensor numbers(const F& values) { return constant(Array(values)); }

void check_near(const F& got, const F& expected, double tolerance = 1e-6) {
  REQUIRE(got.size() == expected.size());
  for (std::size_t i = 0; i < got.size(); ++i) {
    CAPTURE(i);
    CHECK(got[i] == doctest::Approx(expected[i]).epsilon(tolerance));
  }
}

double approximately(double value) { return std::round(value * 1e6) / 1e6; }

}  // namespace

TEST_CASE("sparse cross-entropy leaves out ignored rows and divides by the others") {
  const auto ignoring = [](const I& labels, std::int64_t ignored) {
    return [=](Tensor z) {
      return sparse_categorical_crossentropy(z, constant(Array(labels)), {.ignore_label = ignored});
    };
  };
  const ValueAndSlope one = at(Array({{0.F, 0.F}, {0.F, 0.F}}), ignoring({0, -1}, -1));
  CHECK(one.value == doctest::Approx(0.693147));
  check_near(one.slope, {-0.5, 0.5, 0, 0});
  const Array hostile({{1.F, kInf, 2.F}, {kNan, 0.F, -kInf}});
  for (const std::int64_t ignored : {255, -100, 1}) {
    const auto label = static_cast<std::int32_t>(ignored);
    const ValueAndSlope none = at(hostile, ignoring({label, label}, ignored));
    CHECK(none.value == 0);
    CHECK(none.slope == F{0, 0, 0, 0, 0, 0});
  }
  const ValueAndSlope beside = at(Array({{1.F, 0.F}, {kNan, kInf}}), ignoring({0, 7}, 7));
  CHECK(beside.value == doctest::Approx(0.313262));
  check_near(beside.slope, {-0.268941F, 0.268941F, 0, 0});
}

TEST_CASE("labels out of range are errors unless they are ignored") {
  const auto loss = [](std::optional<std::int64_t> ignored) {
    return function("loss", [=](Tensor z, Tensor labels) {
      return sparse_categorical_crossentropy(z, labels, {.ignore_label = ignored});
    });
  };
  CHECK(thrown([&] {
          loss({})(zeros({1, 2}), I{5});
        }).starts_with(here("loss: element 0 of argument 1 is the label 5, expected 0 to 1 for the 2 classes")));
  CHECK(thrown([&] {
          loss(-100)(zeros({2, 2}), I{-100, 5});
        }).starts_with(here("loss: element 1 of argument 1 is the label 5, expected 0 to 1 or -100 for the 2")));
  CHECK(thrown([&] {
          loss(-100)(zeros({1, 2}), I{-1});
        }).starts_with(here("loss: element 0 of argument 1 is the label -1, expected 0 to 1 or -100 for the 2")));
  CHECK(loss(-100)(zeros({2, 3}), I{-100, 2}).item<double>() == doctest::Approx(std::log(3)));
  CHECK(loss(255)(zeros({2, 3}), std::vector<std::uint8_t>{255, 2}).item<double>() == doctest::Approx(std::log(3)));
  CHECK(loss(255)(zeros({1, 3}), std::vector<std::uint8_t>{255}).item<double>() == 0);
  CHECK(loss(-1)(zeros({2, 3}), std::vector<std::int64_t>{1, -1}).item<double>() == doctest::Approx(std::log(3)));
  CHECK(traced({f32(batch, 2), u8(batch)},
               [](Tensor z, Tensor labels) {
                 return sparse_categorical_crossentropy(z, labels, {.ignore_label = -100});
               }) ==
        here("sparse_categorical_crossentropy: ignore_label -100 is no value of the labels' element type u8; "
             "cast the labels"));
}

TEST_CASE("smoothing spreads its part over all classes, and class weights weight each") {
  const auto loss = [](const Array& z, const I& labels, double smoothing, const F& weights = {},
                       Reduction reduction = Reduction::kMean) {
    return at(z, [&](Tensor t) {
      const Tensor of_classes = weights.empty() ? Tensor() : numbers(weights);
      return reduce_sum(sparse_categorical_crossentropy(
          t, constant(Array(labels)),
          {.label_smoothing = smoothing, .class_weights = of_classes, .reduction = reduction}));
    });
  };
  const Array one({{1.F, 0.F}});
  const Array two({{1.F, 0.F}, {1.F, 0.F}});
  CHECK(approximately(loss(one, {0}, 0.1).value) == 0.363262);
  CHECK(approximately(loss(Array({{2.F, 1.F, 0.F}}), {0}, 0.3).value) == 0.707606);
  CHECK(approximately(loss(one, {0}, 1).value) == 0.813262);
  CHECK(approximately(loss(two, {0, 1}, 0, {1, 3}).value) == 1.063262);
  CHECK(loss(two, {0, 1}, 0, {1, 3}, Reduction::kNone).value / 2 == doctest::Approx(2.126523));
  CHECK(loss(two, {0, 1}, 0, {1, 3}, Reduction::kSum).value == doctest::Approx(4.253047));
  CHECK(approximately(loss(one, {0}, 0.1, {1, 3}).value) == 0.494588);
  const ValueAndSlope weightless = loss(one, {0}, 0, {0, 3});
  CHECK(weightless.value == 0);
  CHECK(weightless.slope == F{0, 0});
  // The ignored row has no smoothing term either.
  const ValueAndSlope ignored = at(two, [](Tensor t) {
    return sparse_categorical_crossentropy(
        t, constant(Array(I{0, 1})), {.ignore_label = 1, .label_smoothing = 0.1, .class_weights = numbers({1, 3})});
  });
  CHECK(approximately(ignored.value) == 0.494588);
  CHECK(ignored.slope[2] == 0);
  CHECK(ignored.slope[3] == 0);
  // An impossible class that is not the label: its weight of 0 does not meet its infinite loss as 0 * inf.
  const ValueAndSlope impossible = loss(Array({{1.F, -kInf}}), {0}, 0.1, {1, 0});
  CHECK(impossible.value == 0);
  CHECK(impossible.slope == F{0, 0});
}

TEST_CASE("cross-entropy with probabilities as targets") {
  const auto loss = [](const Array& z, const Array& t, double smoothing = 0) {
    return at(z, [&](Tensor x) { return categorical_crossentropy(x, constant(t), {.label_smoothing = smoothing}); });
  };
  const ValueAndSlope impossible = loss(Array({{1.F, -kInf}}), Array({{1.F, 0.F}}));
  CHECK(impossible.value == 0);
  CHECK(impossible.slope == F{0, 0});
  CHECK(loss(Array({{1.F, -kInf}}), Array({{0.5F, 0.5F}})).value == kInf);
  CHECK(loss(Array({{1000.F, 0.F}}), Array({{0.F, 1.F}})).value == 1000);
  CHECK(approximately(loss(Array({{1.F, 0.F}}), Array({{1.F, 0.F}}), 0.1).value) == 0.363262);
  const ValueAndSlope soft = loss(Array({{0.F, 0.F}, {0.F, 0.F}}), Array({{0.25F, 0.75F}, {1.F, 0.F}}));
  CHECK(soft.value == doctest::Approx(std::log(2)));
  check_near(soft.slope, {0.125, -0.125, -0.25, 0.25});
  // The derivative by the targets is that of a linear function, also where they are 0.
  const ValueAndSlope by_target = at(Array({{1.F, 0.F}}), [](Tensor t) {
    return categorical_crossentropy(constant(Array({{1.F, 0.F}})), t);
  });
  check_near(by_target.slope, {0.313262F, 1.313262F});
}

TEST_CASE("binary cross-entropy from logits") {
  const auto loss = [](float z, float label, TensorOrNumber weight, double smoothing = 0) {
    return at(Array(F{z}), [&](Tensor x) {
      return binary_crossentropy(x, numbers({label}), {.label_smoothing = smoothing, .pos_weight = weight});
    });
  };
  for (const double one : {1.0, 1.0 + 1e-12}) {  // without and with the multiplication
    CHECK(loss(-120, 1, one).value == doctest::Approx(120));
    CHECK(loss(-120, 1, one).slope[0] == -1);
    CHECK(loss(0, 1, one).value == doctest::Approx(0.693147));
    CHECK(loss(0, 0, one).value == doctest::Approx(0.693147));
    CHECK(loss(0, 0, one).slope[0] == 0.5);
    CHECK(loss(0, 1, one).slope[0] == -0.5);
    CHECK(loss(120, 0, one).value == 120);
    CHECK(loss(3e38F, 0, one).value == doctest::Approx(3e38));
    CHECK(loss(-20, 0, one).value == doctest::Approx(2.06115e-9).epsilon(1e-5));
    CHECK(loss(-20, 0, one).slope[0] == doctest::Approx(2.06115e-9).epsilon(1e-5));
    CHECK(std::isnan(loss(kNan, 1, one).value));
  }
  CHECK(loss(0, 1, 3).value == doctest::Approx(3 * 0.693147));
  CHECK(loss(0, 1, 3).slope[0] == -1.5);
  CHECK(loss(0, 0, 3).slope[0] == 0.5);
  CHECK(loss(2, 1, 1, 0.2).value ==
        doctest::Approx(0.9 * std::log1p(std::exp(-2)) + 0.1 * (2 + std::log1p(std::exp(-2)))));
  const ValueAndSlope by_class = at(Array({{0.F, 0.F}, {0.F, 0.F}}), [](Tensor x) {
    return binary_crossentropy(x, ones_like(x), {.pos_weight = numbers({1, 3}), .reduction = Reduction::kSum});
  });
  check_near(by_class.slope, {-0.5, -1.5, -0.5, -1.5});
}

TEST_CASE("Kullback-Leibler divergence from the logarithms of predictions") {
  const auto loss = [](const F& log_q, const F& t) {
    return at(Array({{log_q[0], log_q[1]}}), [&](Tensor q) { return kl_divergence(q, reshape(numbers(t), {1, 2})); });
  };
  const ValueAndSlope certain = loss({-0.7F, -0.7F}, {0, 1});
  CHECK(certain.value == doctest::Approx(0.7));
  CHECK(certain.slope == F{0, -1});
  const ValueAndSlope impossible = loss({-kInf, 0}, {0, 1});
  CHECK(impossible.value == 0);
  CHECK(impossible.slope == F{0, -1});
  CHECK(loss({-kInf, 0}, {0.5, 0.5}).value == kInf);
  CHECK(loss({std::log(0.5F), std::log(0.5F)}, {0.25, 0.75}).value ==
        doctest::Approx(0.25 * std::log(0.5) + 0.75 * std::log(1.5)));
  const auto of_both = function("of_both", {f32(2), f32(2).range(0, 1)}, [](Tensor q, Tensor t) {
    const Tensor y = kl_divergence(q, t);
    return outputs(y, gradients(y, {t})[0]);
  });
  const auto [value, by_target] = of_both(F{-kInf, -1}, F{0, 1});
  CHECK(value() == 1);
  CHECK(floats(by_target) == F{0, 2});
  CHECK(std::isnan(std::get<0>(of_both(F{-1, -1}, F{kNan, 1}))()));
}

TEST_CASE("cosine similarity has Keras's sign, and no NaN for a zero vector") {
  const auto loss = [](const Array& x, const Array& y, int axis = -1) {
    return at(x, [&](Tensor t) { return cosine_similarity(t, constant(y), axis); });
  };
  const ValueAndSlope zero = loss(Array({{0.F, 0.F}}), Array({{1.F, 0.F}}));
  CHECK(zero.value == 0);
  CHECK(std::isfinite(zero.slope[0]));
  CHECK(zero.slope[1] == 0);
  CHECK(loss(Array({{0.F, 0.F}}), Array({{0.F, 0.F}})).value == 0);
  CHECK(loss(Array({{3.F, 4.F}}), Array({{6.F, 8.F}})).value == doctest::Approx(-1));
  CHECK(loss(Array({{3.F, 4.F}}), Array({{-3.F, -4.F}})).value == doctest::Approx(1));
  CHECK(loss(Array({{1.F, 0.F}}), Array({{0.F, 5.F}})).value == 0);
  check_near(loss(Array({{1.F, 0.F}}), Array({{1.F, 1.F}})).slope, {0, -0.707107F});
  Array counted(DType::kF32, {84});
  for (int i = 0; i < 84; ++i) counted.at<float>(i) = static_cast<float>(i);
  CHECK(loss(counted, counted).value >= -1);
  CHECK(loss(counted, counted).value == doctest::Approx(-1));
  // The squares of these overflow.
  CHECK(loss(Array({{3e30F, 4e30F}}), Array({{3e30F, 4e30F}})).value == doctest::Approx(-1));
  // Below 1e-7, norms count as 1e-7.
  CHECK(loss(Array({{1e-8F, 0.F}}), Array({{1.F, 0.F}})).value == doctest::Approx(-0.1));
  CHECK(loss(Array({{3.F, 1.F}, {4.F, 0.F}}), Array({{6.F, 0.F}, {8.F, 1.F}}), 0).value == doctest::Approx(-0.5));
  CHECK(std::isnan(loss(Array({{kNan, 0.F}}), Array({{1.F, 0.F}})).value));
}

TEST_CASE("losses of a difference") {
  const auto slope_of = [](float error, auto loss) {
    return at(Array(F{error}), [&](Tensor x) { return loss(x, zeros_like(x)); });
  };
  const auto huber_of = [&](float error, double delta) {
    return slope_of(error, [=](Tensor x, Tensor y) { return huber(x, y, delta); });
  };
  const auto smooth = [&](float error, double beta) {
    return slope_of(error, [=](Tensor x, Tensor y) { return smooth_l1(x, y, beta); });
  };
  CHECK(huber_of(3, 2).value == 4);
  CHECK(smooth(3, 2).value == 2);
  CHECK(huber_of(-1, 2).value == 0.5);
  CHECK(huber_of(-1, 2).slope[0] == -1);
  CHECK(huber_of(2, 2).value == 2);
  CHECK(huber_of(1e20F, 1).value == doctest::Approx(1e20));
  CHECK(huber_of(1e20F, 1).slope[0] == 1);
  CHECK(huber_of(-kInf, 1).value == kInf);
  CHECK(huber_of(-kInf, 1).slope[0] == -1);
  CHECK(std::isnan(huber_of(kNan, 1).value));
  CHECK(smooth(1e20F, 2).slope[0] == 1);
  CHECK(smooth(1, 2).value == 0.25);
  CHECK(smooth(-3, 0).value == 3);
  CHECK(smooth(-3, 0).slope[0] == -1);

  const auto absolute = [&](float error) {
    return slope_of(error, [](Tensor x, Tensor y) { return mean_absolute_error(x, y); });
  };
  CHECK(absolute(-2).value == 2);
  CHECK(absolute(-2).slope[0] == -1);
  CHECK(absolute(0).slope[0] == 0);

  const auto cosh_of = [&](float error) { return slope_of(error, [](Tensor x, Tensor y) { return log_cosh(x, y); }); };
  CHECK(cosh_of(2).value == doctest::Approx(std::log(std::cosh(2))));
  CHECK(cosh_of(-2).slope[0] == doctest::Approx(std::tanh(-2)));
  CHECK(cosh_of(0).value == 0);
  CHECK(cosh_of(0).slope[0] == 0);
  CHECK(cosh_of(1e-3F).value == doctest::Approx(5e-7).epsilon(1e-3));
  CHECK(cosh_of(-3e38F).value == doctest::Approx(3e38));
  CHECK(cosh_of(-3e38F).slope[0] == -1);
}

TEST_CASE("Poisson and hinge losses") {
  const auto f = function("f", [](Tensor x, Tensor y) {
    return outputs(poisson(x, y), hinge(x, y, Reduction::kNone), squared_hinge(x, y, Reduction::kNone));
  });
  const auto [of_poisson, of_hinge, squared] = f(F{2, 0.5, 3}, F{3, 0, 1});
  CHECK(of_poisson.item<double>() == doctest::Approx((2 - 3 * std::log(2) + 0.5 + 3 - std::log(3)) / 3));
  check_near(floats(of_hinge), {0, 1.5, 0});
  check_near(floats(squared), {0, 2.25, 0});
  CHECK(std::get<0>(f(F{0, 0}, F{0, 1})).item<double>() == doctest::Approx(-std::log(1e-7) / 2));
  const auto [of_negative, signed_hinge, signed_squared] = f(F{0, -0.5, -2}, F{0, -1, 1});
  CHECK(std::isnan(of_negative.item<double>()));
  check_near(floats(signed_hinge), {1, 0.5, 3});
  check_near(floats(signed_squared), {1, 0.25, 9});
  // 0 is the margin of the other class: 0 and -1 are the same label.
  const ValueAndSlope at_margin = at(Array(F{1, -1}), [](Tensor x) {
    return hinge(x, numbers({1, 0}), Reduction::kSum);
  });
  CHECK(at_margin.value == 0);
  CHECK(at_margin.slope == F{0, 0});
  const ValueAndSlope categorical = at(Array({{1.F, 3.F, 2.F}, {5.F, 0.F, 1.F}}), [](Tensor x) {
    return categorical_hinge(x, constant(Array({{0.F, 0.F, 1.F}, {1.F, 0.F, 0.F}})));
  });
  CHECK(categorical.value == 1);  // 3 - 2 + 1, and 0: the mean of both
  check_near(categorical.slope, {0, 0.5, -0.5, 0, 0, 0});
}

TEST_CASE("reductions, ranks, dtypes and empty batches") {
  const auto all = function("all", {f64(batch, 2, 3), f64(batch, 2, 3)}, [](Tensor x, Tensor y) {
    return outputs(huber(x, y), huber(x, y, 1, Reduction::kSum), huber(x, y, 1, Reduction::kNone),
                   cosine_similarity(x, y, -1, Reduction::kNone), cosine_similarity(x, y, 1, Reduction::kNone),
                   categorical_crossentropy(x, y, {.reduction = Reduction::kNone}));
  });
  const auto [mean, sum, none, by_row, by_column, rows] =
      all(Array(DType::kF64, {5, 2, 3}), Array(DType::kF64, {5, 2, 3}));
  CHECK(mean.type() == Type{DType::kF64, {}});
  CHECK(sum.type() == Type{DType::kF64, {}});
  CHECK(none.sizes() == std::vector<std::int64_t>{5, 2, 3});
  CHECK(by_row.sizes() == std::vector<std::int64_t>{5, 2});
  CHECK(by_column.sizes() == std::vector<std::int64_t>{5, 3});
  CHECK(rows.sizes() == std::vector<std::int64_t>{5, 2});

  const auto empty = function("empty", [](Tensor x, Tensor labels) {
    const Tensor y = zeros_like(x);
    const Tensor loss =
        huber(x, y) + mean_absolute_error(x, y) + log_cosh(x, y) + hinge(x, y) + cosine_similarity(x, y) +
        kl_divergence(x, y) + categorical_crossentropy(x, y) + binary_crossentropy(x, y, {.pos_weight = 2}) +
        sparse_categorical_crossentropy(x, labels, {.ignore_label = -1}) + sparse_categorical_crossentropy(x, labels);
    return outputs(loss, gradients(loss, {x})[0]);
  });
  const auto [nothing, slope] = empty(Array(DType::kF32, {0, 3}), Array(DType::kI32, {0}));
  CHECK(nothing.item<double>() == 0);
  CHECK(slope.element_count() == 0);
}

TEST_CASE("operands and options that do not fit are errors at the user's line") {
  const auto of = [](std::vector<TensorSpec> types, auto loss) { return traced(std::move(types), loss); };
  CHECK(of({f32(batch, 1), f32(batch)}, [](Tensor x, Tensor y) { return huber(x, y); }) ==
        here("huber: expected predictions and targets of one type of floats, got f32[B,1] and f32[B]"));
  CHECK(of({i32(3), i32(3)}, [](Tensor x, Tensor y) { return mean_absolute_error(x, y); }) ==
        here("mean_absolute_error: expected predictions and targets of one type of floats, got i32[3] and i32[3]"));
  CHECK(of({f32(3), f64(3)}, [](Tensor x, Tensor y) { return log_cosh(x, y); }) ==
        here("log_cosh: expected predictions and targets of one type of floats, got f32[3] and f64[3]"));
  CHECK(of({f32(), f32()}, [](Tensor x, Tensor y) { return kl_divergence(x, y); }) ==
        here("kl_divergence: expected predictions and targets of one type of floats with at least one axis, got f32[] "
             "and f32[]"));
  CHECK(of({f32(3), f32(3)}, [](Tensor x, Tensor y) { return huber(x, y, 0); }) ==
        here("huber: expected a finite delta above 0, got 0"));
  CHECK(of({f32(3), f32(3)}, [](Tensor x, Tensor y) { return smooth_l1(x, y, -1); }) ==
        here("smooth_l1: expected a finite beta above 0, got -1"));
  CHECK(of({f32(3), f32(3)}, [](Tensor x, Tensor y) { return cosine_similarity(x, y, 1); }) ==
        here("cosine_similarity: axis 1 is outside of f32[3]"));
  CHECK(of({f32(3, batch), f32(3, batch)}, [](Tensor x, Tensor y) { return categorical_crossentropy(x, y); }) ==
        here("categorical_crossentropy: expected a number of classes, axis 1, got f32[3,B]"));
  CHECK(of({f32(3, 2), f32(3, 2)}, [](Tensor x, Tensor y) {
          return categorical_crossentropy(x, y, {.label_smoothing = 1.5});
        }) == here("categorical_crossentropy: expected a label_smoothing from 0 to 1, got 1.5"));
  CHECK(of({f32(batch, 2), f32(batch)}, [](Tensor x, Tensor y) { return sparse_categorical_crossentropy(x, y); }) ==
        here("sparse_categorical_crossentropy: expected float logits [...,classes] and integer labels [...], got "
             "f32[B,2] and f32[B]"));
  CHECK(of({f32(batch, 2), i32(batch)}, [](Tensor x, Tensor y) {
          return sparse_categorical_crossentropy(x, y, {.class_weights = numbers({1, 2, 3})});
        }) == here("sparse_categorical_crossentropy: expected class_weights f32[2], got f32[3]"));
  CHECK(of({f32(batch, 2), f32(batch, 2)}, [](Tensor x, Tensor y) {
          return binary_crossentropy(x, y, {.pos_weight = full({5, 1, 2}, 1)});
        }) == here("binary_crossentropy: expected a pos_weight that broadcasts to f32[B,2], got f32[5,1,2]"));
}
