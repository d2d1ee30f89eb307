// Sizes, CPUs and contexts: one export serves all of them.
#include <cstring>
#include <thread>

#include "ir/random_arrays.h"
#include "sluice/sluice.h"
#include "tests/aot/exported.h"

using namespace sluice;
using namespace sluice::test;

namespace {

bool same_bits(const Array& x, const Array& y) {
  return x.type() == y.type() && std::memcmp(x.bytes(), y.bytes(), x.byte_count()) == 0;
}

}  // namespace

TEST_CASE("each symbol is a size of its own") {
  const Dim t = length("T");
  const auto step = function("scores", {f32(batch, t, 6), f32(t + 1)}, [&](Tensor x, Tensor y) {
    const Tensor scores = matmul(x, x, {.transpose_b = true});
    return outputs(softmax(scores), reduce_sum(y), slice(y, {0}, {1}));
  });
  const Exported exported(step, {});
  const Threads pool(2);
  Context context(exported, pool.team(), std::int64_t{9}, std::int64_t{17});
  for (const std::int64_t b : {std::int64_t{1}, std::int64_t{9}, std::int64_t{2}}) {
    for (const std::int64_t length : {std::int64_t{1}, std::int64_t{3}, std::int64_t{16}, std::int64_t{17}}) {
      CAPTURE(b);
      CAPTURE(length);
      const Array x = random_array({DType::kF32, {b, length, 6}}, 1, 1);
      const Array y = random_array({DType::kF32, {length + 1}}, 1, 2);
      Array softmaxes(DType::kF32, {b, length, length});
      Array sum(DType::kF32, {});
      Array first(DType::kF32, {1});
      REQUIRE(context.run(b, length, x.bytes(), y.bytes(), softmaxes.bytes(), sum.bytes(), first.bytes()) == SLUICE_OK);
      const auto expected = step(x, y);
      CHECK(same_bits(softmaxes, expected[0]));
      CHECK(same_bits(sum, expected[1]));
      CHECK(same_bits(first, expected[2]));
    }
  }
  CHECK(context.run(std::int64_t{1}, std::int64_t{18}, &context, &context, &context, &context, &context) ==
        SLUICE_WRONG_SIZE);
}

TEST_CASE("arrays without elements may be null") {
  const Dim t = length("T");
  const auto sums = function("sums", {f32(batch, t - 1), f32(t)},
                             [&](Tensor x, Tensor y) { return outputs(reduce_sum(x, {1}), y * 2); });
  const Exported exported(sums, {});
  Context context(exported, nullptr, std::int64_t{4}, std::int64_t{4});
  std::array<float, 4> sum{1, 1, 1, 1};
  std::array<float, 1> y{3};
  std::array<float, 1> doubled{};
  const float* const none = nullptr;
  REQUIRE(context.run(std::int64_t{4}, std::int64_t{1}, none, y.data(), sum.data(), doubled.data()) == SLUICE_OK);
  CHECK(sum == std::array<float, 4>{});
  CHECK(doubled[0] == 6);
  CHECK(context.run(std::int64_t{4}, std::int64_t{2}, none, y.data(), sum.data(), doubled.data()) ==
        SLUICE_NULL_POINTER);
}

TEST_CASE("all dtypes, and a function without symbols or inputs") {
  const auto kinds = function(
      "kinds", {f64(3), i32(3), i64(3), u8(3), bool_(3)},
      [](Tensor a, Tensor b, Tensor c, Tensor d, Tensor e) { return outputs(a * 2, b + 1, c - 1, d, logical_not(e)); });
  const Exported exported(kinds, {});
  Context context(exported, nullptr);
  const Array a = random_array({DType::kF64, {3}}, 1, 1);
  const Array b{1, -2, 3};
  const Array c(std::vector<std::int64_t>{4, -5, 6}, {3});
  const Array d(std::vector<std::uint8_t>{7, 8, 255}, {3});
  const Array e(std::vector<std::uint8_t>{1, 0, 1}, {3});
  const auto to_bool = function("to_bool", {u8(3)}, [](Tensor x) { return x > 0; });
  const Array flags = to_bool(e);
  const auto expected = kinds(a, b, c, d, flags);
  std::vector<Array> results;
  for (const Array& array : expected) results.emplace_back(array.dtype(), array.sizes());
  REQUIRE(context.run(a.bytes(), b.bytes(), c.bytes(), d.bytes(), flags.bytes(), results[0].bytes(), results[1].bytes(),
                      results[2].bytes(), results[3].bytes(), results[4].bytes()) == SLUICE_OK);
  for (std::size_t i = 0; i < results.size(); ++i) CHECK(same_bits(results[i], expected[i]));

  const Variable calls("calls", Array::scalar(std::int64_t{40}), {.trainable = false});
  const auto count = function("count", std::vector<TensorSpec>{}, [&] {
    calls.assign_add(1);
    return Tensor(calls);
  });
  const Exported counting(count, {});
  Context counter(counting, nullptr);
  std::int64_t value = 0;
  REQUIRE(counter.run(&value) == SLUICE_OK);
  REQUIRE(counter.run(&value) == SLUICE_OK);
  CHECK(value == 42);  // from its initial value, which is in the object
}

TEST_CASE("contexts run at the same time, and know nothing of each other") {
  set_seed(4);
  MLP model(Dense(40, relu), Dense(3));
  SGD sgd({.learning_rate = 0.1});
  const auto step = function("step", {f32(batch, 20), u8(batch).range(0, 3)}, [&](Tensor x, Tensor labels) {
    const Tensor loss = reduce_mean(sparse_softmax_cross_entropy(model(x), labels));
    sgd.minimize(loss, model);
    return loss;
  });
  const Exported exported(step, {});
  const auto train = [&](std::uint64_t seed, std::vector<float>& losses) {
    Context context(exported, nullptr, std::int64_t{16});
    for (std::uint64_t i = 0; i < 200; ++i) {
      const Array x = random_array({DType::kF32, {16, 20}}, 1, seed * 1000 + i);
      const Array labels = random_array({DType::kU8, {16}}, 1, seed * 1000 + i, ir::Range{0, 3});
      if (context.run(std::int64_t{16}, x.bytes(), labels.bytes(), &losses.emplace_back()) != SLUICE_OK) return;
    }
  };
  std::vector<float> alone[2];
  train(1, alone[0]);
  train(2, alone[1]);
  std::vector<float> together[2];
  std::thread other([&] { train(2, together[1]); });
  train(1, together[0]);
  other.join();
  CHECK(alone[0].size() == 200);
  CHECK(together[0] == alone[0]);
  CHECK(together[1] == alone[1]);
}

TEST_CASE("an object for any CPU runs here and has no instructions of newer ones") {
  if (run_program("objdump", "--version").status != 0) return;
  set_seed(5);
  MLP model(Dense(40, gelu), Dense(10));
  const auto predict = function("predict", {f32(batch, 20)}, [&](Tensor x) { return softmax(model(x)); });
  const Array x = random_array({DType::kF32, {7, 20}}, 1, 1);
  const Array expected = predict(x);
  const auto run = [&](std::vector<std::string> cpus) {
    const Exported exported(predict, {.cpus = cpus});
    Context context(exported, nullptr, std::int64_t{7});
    Array y(DType::kF32, {7, 10});
    REQUIRE(context.run(std::int64_t{7}, x.bytes(), y.bytes()) == SLUICE_OK);
    for (std::int64_t i = 0; i < 70; ++i)
      CHECK(y.data<float>()[static_cast<std::size_t>(i)] ==
            doctest::Approx(expected.data<float>()[static_cast<std::size_t>(i)]).epsilon(1e-5));
    return run_program("objdump", "-d '" + exported.path(".o") + "'").out;
  };
  const std::string baseline = run({"x86-64"});
  CHECK(contains(baseline, "%xmm"));
  CHECK_FALSE(contains(baseline, "%ymm"));
  CHECK_FALSE(contains(baseline, "%zmm"));
  CHECK_FALSE(contains(baseline, "\tv"));  // an instruction of AVX
  const std::string levels = run({"x86-64", "x86-64-v3", "x86-64-v4"});
  CHECK(contains(levels, "%ymm"));
  CHECK(contains(levels, "%zmm"));
}

TEST_CASE("init refuses a CPU without the code's instructions, or selects older code") {
  const auto twice = function("twice", {f32(batch)}, [](Tensor x) { return x * 2; });
  const Exported newer(twice, {.cpus = {"bdver4"}});  // with XOP, which no CPU since 2017 has
  std::byte* const memory = static_cast<std::byte*>(std::aligned_alloc(64, 1 << 16));
  sluice_context context{};
  using Start = int (*)(sluice_context*, void*, std::int64_t, std::int64_t, const sluice_team*);
  CHECK(newer.symbol<Start>("init")(&context, memory, 1 << 16, 4, nullptr) == SLUICE_WRONG_CPU);
  std::free(memory);
  const Exported both(twice, {.cpus = {"x86-64", "bdver4"}});
  Context older(both, nullptr, std::int64_t{4});
  const std::array<float, 3> x{1, 2, 3};
  std::array<float, 3> y{};
  REQUIRE(older.run(std::int64_t{3}, x.data(), y.data()) == SLUICE_OK);
  CHECK(y == std::array<float, 3>{2, 4, 6});
}

TEST_CASE("run runs the code that init has selected") {
  set_seed(8);
  MLP model(Dense(40, gelu), Dense(10));
  const auto predict = function("predict", {f32(batch, 20)}, [&](Tensor x) { return softmax(model(x)); });
  const Array x = random_array({DType::kF32, {7, 20}}, 1, 1);
  const Array expected = predict(x);
  const auto run = [&](const std::vector<std::string>& cpus) {
    const Exported exported(predict, {.cpus = cpus});
    Context context(exported, nullptr, std::int64_t{7});
    Array y(DType::kF32, {7, 10});
    REQUIRE(context.run(std::int64_t{7}, x.bytes(), y.bytes()) == SLUICE_OK);
    return y;
  };
  // Code for other CPUs has other last bits, as products and sums are rounded at once or apart.
  const Array of_oldest = run({"x86-64"});
  CHECK_FALSE(same_bits(of_oldest, expected));
  CHECK(same_bits(run({"x86-64", "bdver4"}), of_oldest));
  CHECK(same_bits(run({"x86-64", "native"}), expected));
  CHECK(same_bits(run({"x86-64", "native", "bdver4"}), expected));
}

TEST_CASE("wrong options are errors at the user's line") {
  const auto twice = function("twice", {f32(batch)}, [](Tensor x) { return x * 2; });
  const TemporaryFolder folder;
  const auto refused = [&](const ObjectOptions& options, std::string_view message) {
    CHECK_THROWS_WITH_AS(export_object(twice, folder.path() / "f", options),
                         doctest::Contains(std::string(message).c_str()), Error);
  };
  refused({.prefix = "2nd"}, "expected a prefix that is an identifier of C, got \"2nd\"");
  refused({.prefix = "while"}, "expected a prefix that is an identifier of C, got \"while\"");
  refused({.cpus = {"x86-64-v9"}}, "there is no CPU 'x86-64-v9'");
  refused({.cpus = {}}, "expected at least one CPU");
  refused({.results = {"y", "z"}}, "@twice has 1 results, got 2 names");
  const auto checked = function("checked", {f32(batch)}, [](Tensor x) {
    check(x > 0, "positive");
    return x;
  });
  CHECK_THROWS_AS(export_object(checked, folder.path() / "f"), Error);
  CHECK_THROWS_AS(export_object(twice, folder.path() / "none" / "f"), Error);
  CHECK(std::filesystem::is_empty(folder.path()));
}
