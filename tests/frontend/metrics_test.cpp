// Metrics of a batch, and counts over batches, against values worked out by hand.
#include "sluice/metrics.h"

#include <doctest/doctest.h>

#include <cmath>

#include "sluice/frontend.h"
#include "tests/frontend/engine.h"
#include "tests/frontend/floats.h"
#include "tests/frontend/misuse.h"

using namespace sluice;

namespace {

using F = std::vector<float>;
using I = std::vector<std::int32_t>;

std::vector<std::int64_t> integers(const Array& array) {
  const auto elements = array.data<std::int64_t>();
  return {elements.begin(), elements.end()};
}

double top_k(const Array& scores, const I& labels, std::int64_t k) {
  return function([=](Tensor s, Tensor y) { return top_k_accuracy(s, y, k); })(scores, labels).item<double>();
}

}  // namespace

TEST_CASE("accuracy takes the first of the largest scores") {
  const auto f = function("f", [](Tensor scores, Tensor labels) { return accuracy(scores, labels); });
  CHECK(
      f(Array({{1.F, 3.F, 2.F}, {0.F, 0.F, 0.F}, {-1.F, -2.F, -3.F}, {0.F, 1.F, 1.F}}), I{1, 0, 2, 2}).item<float>() ==
      0.5F);
  CHECK(f(Array({{1.F, 3.F}, {5.F, 3.F}}), std::vector<std::uint8_t>{1, 1}).item<float>() == 0.5F);
  CHECK(f(Array(DType::kF32, {0, 3}), Array(DType::kI32, {0})).item<float>() == 0);
  CHECK(f(Array(DType::kF64, {2, 2, 3}), Array(DType::kI64, {2, 2})).item<float>() == 1);
  CHECK(thrown([&] { f(zeros({1, 3}), I{3}); }).starts_with(here("f: element 0 of argument 1 is the label 3")));
  const auto signed_spec =
      function("f", {f32(batch, 3), i64(batch)}, [](Tensor s, Tensor y) { return accuracy(s, y); });
  for (const std::int64_t rows : {1, 3, 64, 128}) {
    Array scores(DType::kF32, {rows, 3});
    Array labels(DType::kI64, {rows});
    for (std::int64_t i = 0; i < rows; ++i) {
      scores.at<float>(i, i % 3) = 1;
      labels.at<std::int64_t>(i) = i % 2;
    }
    double right = 0;
    for (std::int64_t i = 0; i < rows; ++i) right += i % 3 == i % 2 ? 1 : 0;
    CHECK(signed_spec(scores, labels).item<double>() == doctest::Approx(right / static_cast<double>(rows)));
  }
}

TEST_CASE("top-k accuracy counts classes with a higher score") {
  const Array scores({{0.1F, 0.9F, 0.5F, 0.3F}, {0.4F, 0.3F, 0.2F, 0.1F}});
  CHECK(top_k(scores, {2, 3}, 1) == 0);
  CHECK(top_k(scores, {2, 3}, 2) == 0.5);
  CHECK(top_k(scores, {2, 3}, 4) == 1);
  const Array ties({{1.F, 1.F, 1.F, 0.F}});
  for (const std::int32_t label : {0, 1, 2}) CHECK(top_k(ties, {label}, 1) == 1);
  CHECK(top_k(ties, {3}, 3) == 0);
  const Array hostile({{NAN, 1.F, INFINITY, -INFINITY}});
  CHECK(top_k(hostile, {0}, 4) == 0);
  CHECK(top_k(hostile, {2}, 1) == 0);
  CHECK(top_k(hostile, {2}, 2) == 1);
  CHECK(top_k(hostile, {3}, 3) == 0);
  CHECK(top_k(hostile, {3}, 4) == 1);
  // A computed label that is no class.
  const auto shifted = function([](Tensor s, Tensor y) { return top_k_accuracy(s, y + 3, 1); });
  CHECK(shifted(Array({{-1.F, -2.F, -3.F, -4.F}}), I{1}).item<float>() == 0);
  for (const std::int64_t k : {0, 5}) {
    CHECK(traced({f32(batch, 4), i32(batch)}, [=](Tensor s, Tensor y) { return top_k_accuracy(s, y, k); }) ==
          here(fmt::format("top_k_accuracy: expected a k from 1 to 4, got {}", k)));
  }
}

TEST_CASE("binary accuracy with labels of any dtype") {
  const auto f = function("f", [](Tensor p, Tensor y) { return binary_accuracy(p, y); });
  const F predictions{0.9F, 0.5F, 0.1F, NAN, 0.7F};
  CHECK(f(predictions, F{1, 0, 1, 1, 0.5F}).item<float>() == 0.4F);
  CHECK(f(predictions, I{1, 0, 1, 0, 1}).item<float>() == 0.8F);
  CHECK(f(predictions, test::bools({1, 1, 0, 0, 0}, {5})).item<float>() == 0.6F);
  const auto logits = function([](Tensor z, Tensor y) { return binary_accuracy(z, y, 0); });
  CHECK(logits(Array({{-1.F, 2.F}, {3.F, -4.F}}), Array({{0.F, 1.F}, {1.F, 1.F}})).item<float>() == 0.75F);
  CHECK(traced({f32(batch, 1), f32(batch)}, [](Tensor p, Tensor y) { return binary_accuracy(p, y); }) ==
        here("binary_accuracy: expected float predictions and labels of one shape, got f32[B,1] and f32[B]"));
}

TEST_CASE("a confusion matrix adds up over batches") {
  const auto f = function("f", {f32(batch, 3), i32(batch)}, [](Tensor s, Tensor y) { return confusion_matrix(s, y); });
  ConfusionCounts counts;
  CHECK(counts.examples() == 0);
  CHECK(counts.accuracy() == 0);
  const Array first = f(Array({{1.F, 0.F, 0.F}, {0.F, 1.F, 0.F}, {1.F, 0.F, 0.F}}), I{0, 1, 1});
  CHECK(first.type() == Type{DType::kI64, {3, 3}});
  CHECK(integers(first) == std::vector<std::int64_t>{1, 0, 0, 1, 1, 0, 0, 0, 0});
  counts.add(first);
  counts.add(f(Array({{1.F, 0.F, 0.F}, {0.F, 0.F, 1.F}}), I{0, 1}));
  CHECK(counts.examples() == 5);
  CHECK(counts.accuracy() == 0.6);
  CHECK(counts.count(1, 0) == 1);
  CHECK(counts.precision(0) == doctest::Approx(2.0 / 3));
  CHECK(counts.recall(0) == 1);
  CHECK(counts.recall(1) == doctest::Approx(1.0 / 3));
  CHECK(counts.precision(1) == 1);
  CHECK(counts.recall(2) == 0);  // there are none
  CHECK(counts.precision(2) == 0);
  CHECK(counts.f1(0) == doctest::Approx(0.8));
  CHECK(counts.f1(1) == doctest::Approx(0.5));
  CHECK(counts.f1(2) == 0);
  CHECK(counts.macro_f1() == doctest::Approx(1.3 / 3));
  CHECK(thrown([&] { counts.recall(3); }) == "confusion counts: there is no class 3, there are 3");
  CHECK(thrown([&] {
          counts.add(Array(DType::kI64, {2, 2}));
        }) == "confusion counts: expected i64[3,3], what confusion_matrix returns, got i64[2,2]");
  CHECK(thrown([&] {
          ConfusionCounts().add(zeros({2, 2}));
        }) == "confusion counts: expected i64[classes,classes], what confusion_matrix returns, got f32[2,2]");
  // Computed labels that are no classes are not counted.
  const auto shifted = function([](Tensor s, Tensor y) { return confusion_matrix(s, y - 1); });
  CHECK(integers(shifted(zeros({3, 2}), I{0, 1, 1})) == std::vector<std::int64_t>{2, 0, 0, 0});
  for (const std::int64_t rows : {1, 3, 64, 128}) {
    ConfusionCounts all;
    all.add(f(zeros({rows, 3}), Array(DType::kI32, {rows})));
    CHECK(all.count(0, 0) == rows);
    CHECK(all.examples() == rows);
  }
}

TEST_CASE("precision, recall and F1 over batches") {
  const auto f = function("f", {f32(batch), f32(batch)}, [](Tensor p, Tensor y) { return binary_counts(p, y); });
  BinaryCounts counts;
  CHECK(counts.thresholds() == 0);
  counts.add(f(F{0.9F, 0.8F, 0.2F, 0.5F}, F{1, 0, 1, 1}));
  CHECK(counts.precision() == 0.5);
  CHECK(counts.recall() == doctest::Approx(1.0 / 3));
  counts.add(f(F{0.7F, 0.1F}, F{1, 0}));
  CHECK(counts.true_positives() == 2);
  CHECK(counts.false_positives() == 1);
  CHECK(counts.true_negatives() == 1);
  CHECK(counts.false_negatives() == 2);
  CHECK(counts.accuracy() == 0.5);
  CHECK(counts.precision() == doctest::Approx(2.0 / 3));  // 0.5 and 1 are those of the batches: no mean of these
  CHECK(counts.recall() == 0.5);
  CHECK(counts.f1() == doctest::Approx(4.0 / 7));
  BinaryCounts none;
  none.add(f(F{0.1F}, F{0}));
  CHECK(none.precision() == 0);
  CHECK(none.recall() == 0);
  CHECK(none.f1() == 0);
  const auto matrix = function([](Tensor p, Tensor y) { return binary_counts(p, y, {0.1, 0.5, 0.75}); });
  const Array by_threshold = matrix(Array({{0.3F, 0.6F}, {0.8F, NAN}}), test::bools({1, 0, 1, 1}, {2, 2}));
  CHECK(integers(by_threshold) == std::vector<std::int64_t>{2, 1, 0, 1, 1, 1, 0, 2, 1, 0, 1, 2});
  CHECK(integers(matrix(Array(DType::kF32, {0}), Array(DType::kI32, {0}))) == std::vector<std::int64_t>(12));
  CHECK(thrown([&] { counts.recall(1); }) == "binary counts: there is no threshold 1, there are 1");
  CHECK(thrown([&] { counts.add(by_threshold); }) ==
        "binary counts: expected i64[1,4], what binary_counts returns, got i64[3,4]");
  CHECK(thrown([&] { counts.auc(); }) == "auc: expected counts of at least two thresholds, got 1");
  CHECK(traced({f32(3), f32(3)}, [](Tensor p, Tensor y) { return binary_counts(p, y, {}); }) ==
        here("binary_counts: expected at least one threshold"));
}

TEST_CASE("the areas under both curves are Keras's") {
  CHECK(auc_thresholds(3) == std::vector<double>{-1e-7, 0.5, 1 + 1e-7});
  CHECK(auc_thresholds().size() == 200);
  CHECK(auc_thresholds()[1] == doctest::Approx(1.0 / 199));
  CHECK(thrown([] { auc_thresholds(1); }) == "auc_thresholds: expected at least two thresholds, got 1");
  const auto counts_of = [](const F& predictions, const F& labels, int thresholds) {
    BinaryCounts counts;
    counts.add(function([=](Tensor p, Tensor y) { return binary_counts(p, y, auc_thresholds(thresholds)); })(
        predictions, labels));
    return counts;
  };
  // The example of Keras's documentation.
  const BinaryCounts keras = counts_of({0, 0.5F, 0.3F, 0.9F}, {0, 0, 1, 1}, 3);
  CHECK(keras.auc() == doctest::Approx(0.75));
  CHECK(keras.pr_auc() == doctest::Approx(0.5 + (1 + 2.0 / 3 * std::log(4)) / 6));
  CHECK(counts_of({0, 0.5F, 0.3F, 0.9F}, {0, 0, 1, 1}, 200).auc() == doctest::Approx(0.75));
  CHECK(counts_of({0, 1}, {0, 1}, 200).auc() == 1);
  CHECK(counts_of({0, 1}, {0, 1}, 200).pr_auc() == 1);
  CHECK(counts_of({1, 0}, {0, 1}, 200).auc() == 0);
  CHECK(counts_of({0.4F, 0.4F}, {0, 1}, 200).auc() == 0.5);
  CHECK(counts_of({0.2F, 0.9F}, {1, 1}, 200).auc() == 0);  // there is no rate of false positives
}
