// The errors of float functions in units in the last place, over all exponents and for each vector width. No absolute
// tolerance hides an error near 0. `test_accuracy -s` prints the measured errors.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <functional>
#include <limits>
#include <numbers>
#include <random>

#include "ir/philox.h"
#include "ir/reference/interpreter.h"
#include "sluice/ir/graph.h"
#include "sluice/runtime/executable.h"
#include "tests/support/float_functions.h"
#include "tests/support/vector_targets.h"

namespace sluice::test {
namespace {

using ir::Op;

/// A function, its exact values, and the largest acceptable error in f32 and f64, in units in the last place.
struct Function {
  Op op;
  double bound_f32;
  double bound_f64;
  std::function<long double(long double, long double)> exact;
  std::vector<std::pair<double, double>> dense;  ///< intervals that are sampled densely
};

/// The bounds that the language promises of a function, and intervals that suit most.
Function usual(Op op, std::function<long double(long double, long double)> exact) {
  return {op, 2, 2, std::move(exact), {{-746, 710}, {-88, 89}, {-10, 10}, {-1, 1}, {-0.01, 0.01}}};
}

std::vector<Function> make_functions() {
  std::vector<Function> list;
#define FUNCTION(enumerator, value, slope) \
  list.push_back(usual(Op::enumerator, [](long double x, long double) -> long double { return value; }));
#include "ir/reference/functions.def"
#undef FUNCTION
  list.push_back(usual(Op::kRsqrt, [](long double x, long double) { return 1 / std::sqrt(x); }));
  list.push_back(usual(Op::kPow, [](long double x, long double y) { return std::pow(x, y); }));
  const auto change = [&](Op op, double bound_f32, double bound_f64, std::vector<std::pair<double, double>> dense) {
    Function& function = *std::ranges::find(list, op, &Function::op);
    function.bound_f32 = bound_f32;
    function.bound_f64 = bound_f64;
    if (!dense.empty()) function.dense = std::move(dense);
  };
  change(Op::kExp, 2, 1, {});
  change(Op::kExpm1, 2, 1.5, {{-88, 89}, {-1, 1}, {-0.01, 0.01}, {-40, 710}});
  change(Op::kLog, 2, 1, {{0.5, 2}, {0.99, 1.01}, {0, 1000}});
  change(Op::kLog1p, 2, 1.5, {{-1, 1}, {-0.01, 0.01}, {0, 1000}});
  change(Op::kSqrt, 0.5, 0.5, {{0, 4}});
  change(Op::kErfc, 2, 2, {{-6, 11}, {-1, 1}, {-0.01, 0.01}, {1, 4}, {4, 9.2}, {9.19, 9.2}, {11, 27}, {26.5, 26.6}});
  change(Op::kSigmoid, 2, 2, {{-746, 710}, {-88, 89}, {-10, 10}, {-1, 1}, {-0.01, 0.01}, {-5, -3}});
  for (const Op op : {Op::kAtan, Op::kSinh, Op::kCosh}) change(op, 1, 2, {});
  for (const Op op : {Op::kSin, Op::kCos, Op::kTan})
    change(op, 1.5, 1, {{-746, 710}, {-10, 10}, {-1, 1}, {-0.01, 0.01}, {-9e6, 9e6}, {-1e9, 1e9}});
  change(Op::kRsqrt, 1.5, 1.5, {{0, 4}});
  change(Op::kPow, 1.5, 1, {{0, 4}, {-4, 4}, {0.9, 1.1}});
  return list;
}

const std::vector<Function>& functions() {
  static const std::vector<Function> kFunctions = make_functions();
  return kFunctions;
}

template <typename T>
using Word = std::conditional_t<std::is_same_v<T, float>, std::uint32_t, std::uint64_t>;

template <typename T>
T from_bits(Word<T> bits) {
  T value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

/// Uses quiet NaNs: C's pow returns 1 for those to the power 0, but not for signaling ones.
template <typename T>
T quiet(T x) {
  return std::isnan(x) ? std::copysign(std::numeric_limits<T>::quiet_NaN(), x) : x;
}

/// Every exponent with both signs: the mantissas 0, 1 and all ones, and random ones; then numbers in the intervals.
template <typename T>
std::vector<T> samples(const Function& function, std::mt19937_64& engine) {
  constexpr int kMantissaBits = std::numeric_limits<T>::digits - 1;
  constexpr Word<T> kMantissas = Word<T>{1} << kMantissaBits;
  constexpr Word<T> kExponents = 2 * std::numeric_limits<T>::max_exponent;
  constexpr int kRandom = sizeof(T) == 4 ? 192 : 24;
  constexpr int kDense = 30000;
  std::vector<T> list;
  for (const Word<T> sign : {Word<T>{0}, Word<T>{1}}) {
    for (Word<T> exponent = 0; exponent < kExponents; ++exponent) {
      const Word<T> upper = (sign * kExponents + exponent) << kMantissaBits;
      for (const Word<T> mantissa : {Word<T>{0}, Word<T>{1}, kMantissas - 1})
        list.push_back(quiet(from_bits<T>(upper | mantissa)));
      for (int i = 0; i < kRandom; ++i)
        list.push_back(quiet(from_bits<T>(upper | (static_cast<Word<T>>(engine()) & (kMantissas - 1)))));
    }
  }
  for (const auto& [low, high] : function.dense) {
    std::uniform_real_distribution<double> numbers(low, high);
    for (int i = 0; i < kDense; ++i) list.push_back(static_cast<T>(numbers(engine)));
  }
  return list;
}

/// Compiled code treats subnormal numbers as zeros.
template <typename T>
T flushed(T x) {
  return std::abs(x) < std::numeric_limits<T>::min() ? std::copysign(T{0}, x) : x;
}

/// Returns |computed - exact| in units in the last place of a T near `exact`. Non-finite results must be identical;
/// below the smallest normal number, where results may become 0, that number is the unit.
template <typename T>
double error(T computed, long double exact) {
  using Limits = std::numeric_limits<T>;
  constexpr double kWrong = std::numeric_limits<double>::infinity();
  if (std::isnan(exact)) return std::isnan(computed) ? 0 : kWrong;
  const long double size = std::abs(exact);
  const long double half_unit = std::ldexp(1.0L, Limits::max_exponent - Limits::digits - 1);
  if (size >= static_cast<long double>(Limits::max()) + half_unit) {
    return std::isinf(computed) && std::signbit(computed) == std::signbit(exact) ? 0 : kWrong;
  }
  if (size == 0) return computed == 0 && std::signbit(computed) == std::signbit(exact) ? 0 : kWrong;
  if (std::isnan(computed)) return kWrong;
  if (size < static_cast<long double>(Limits::min())) {
    return static_cast<double>(std::abs(computed - exact) / static_cast<long double>(Limits::min()));
  }
  if (std::isinf(computed)) computed = std::copysign(Limits::max(), computed);
  const long double unit = std::ldexp(1.0L, std::ilogb(size) + 1 - Limits::digits);
  return static_cast<double>(std::abs(static_cast<long double>(computed) - exact) / unit);
}

/// Returns a graph with the op over all elements: whole vectors, or one lane at a time if the last axis has one element
/// and the loop is not flat, for which the factor 1 is broadcast.
ir::Graph graph_of(Op op, DType dtype, bool scalar) {
  ir::Builder b("f");
  const Type type{dtype, scalar ? Shape{batch, 2, 1} : Shape{batch}};
  std::vector<ir::Value> operands{b.parameter("x", type)};
  if (op == Op::kPow) operands.push_back(b.parameter("y", type));
  if (scalar) {
    const ir::Value one = b.parameter("one", {dtype, {2, 1}});
    operands[0] = b(Op::kMul, {operands[0], b.broadcast(one, type.shape)});
  }
  b.set_results({b.add(op, operands)});
  return std::move(b).finish();
}

template <typename T>
struct Sweep {
  std::vector<T> x;
  std::vector<T> y;
  std::vector<long double> exact;
};

template <typename T>
Sweep<T> sweep_of(const Function& function) {
  std::mt19937_64 engine(7);
  Sweep<T> sweep;
  sweep.x = samples<T>(function, engine);
  sweep.x.resize(sweep.x.size() / 2 * 2);
  std::uniform_real_distribution<double> exponents(-8, 8);
  for (std::size_t i = 0; i < sweep.x.size(); ++i) {
    T y{0};
    if (function.op == Op::kPow) {
      constexpr double kSpecial[] = {0, -0.0, 1, -1, 2, 3, -3, 0.5, -0.5, 1e30, -1e30};
      y = static_cast<T>(i % 4 == 0 ? kSpecial[i / 4 % std::size(kSpecial)] : exponents(engine));
      if (i % 4 == 1) y = std::round(y);
      // Near 1, exponents are large enough to matter.
      if (i % 4 == 2 && std::abs(static_cast<double>(sweep.x[i]) - 1) < 0.1) y *= 50;
    }
    sweep.y.push_back(flushed(y));
    sweep.exact.push_back(function.exact(flushed(sweep.x[i]), y));
  }
  return sweep;
}

template <typename T>
void check(const Function& function, const Sweep<T>& sweep, double bound, const std::string& features, bool scalar) {
  const auto count = static_cast<std::int64_t>(sweep.x.size());
  const std::vector<std::int64_t> sizes = scalar ? std::vector<std::int64_t>{count / 2, 2, 1} : std::vector{count};
  const ir::Graph graph = graph_of(function.op, dtype_of<T>, scalar);
  const auto executable = runtime::Executable::create(graph, {}, {.target_features = features});
  std::vector<Array> inputs{Array(sweep.x, sizes)};
  if (function.op == Op::kPow) inputs.emplace_back(sweep.y, sizes);
  if (scalar) inputs.emplace_back(std::vector<T>{1, 1}, std::vector<std::int64_t>{2, 1});
  std::vector<Array> outputs(1);
  executable->run(inputs, outputs);
  const auto computed = outputs[0].template data<T>();
  double worst = -1;
  std::size_t at = 0;
  for (std::size_t i = 0; i < sweep.x.size(); ++i) {
    const double e = error(computed[i], sweep.exact[i]);
    if (e > worst) at = i;
    worst = std::max(worst, e);
  }
  const std::string measured =
      fmt::format("{} of {} on {}{}: {:.3f} at most, at {:a}{}: {}, exactly {}", to_string(function.op),
                  to_string(dtype_of<T>), features.empty() ? "this machine" : features, scalar ? ", one lane" : "",
                  worst, sweep.x[at], function.op == Op::kPow ? fmt::format(" and {:a}", sweep.y[at]) : "",
                  computed[at], static_cast<double>(sweep.exact[at]));
  MESSAGE(measured);
  CHECK_MESSAGE(worst <= bound, measured);
}

template <typename T>
void check_on_all_targets(const Function& function, double bound) {
  const Sweep<T> sweep = sweep_of<T>(function);
  for (const std::string& features : vector_targets()) {
    for (const bool scalar : {false, true}) check(function, sweep, bound, features, scalar);
  }
}

/// Returns the elements of random_normal, computed from the words that its row in ops.def specifies.
std::vector<long double> exact_normals(std::int64_t key, std::size_t count) {
  std::vector<long double> normals;
  const auto word = static_cast<std::uint64_t>(key);
  for (std::uint32_t block = 0; normals.size() < count; ++block) {
    const auto words =
        philox4x32_10({block, 0, 0, 0}, {static_cast<std::uint32_t>(word), static_cast<std::uint32_t>(word >> 32)});
    for (const std::size_t pair : {std::size_t{0}, std::size_t{2}}) {
      const long double radius =
          std::sqrt(-2 * std::log(std::ldexp(static_cast<long double>((words[pair] >> 8) + 1), -24)));
      // sin(2 pi t) for t = quarter / 4 + rest with a small `rest`: 2 pi t itself would be rounded.
      const long double turn = std::ldexp(static_cast<long double>(words[pair + 1] >> 8), -24);
      const int quarter = static_cast<int>(std::round(4 * turn));
      const long double angle = 2 * std::numbers::pi_v<long double> * (turn - quarter / 4.0L);
      const auto wave = [&](int q) {
        const long double size = q % 2 == 0 ? std::sin(angle) : std::cos(angle);
        return q / 2 % 2 == 0 ? size : -size;
      };
      normals.push_back(radius * wave(quarter + 1));
      normals.push_back(radius * wave(quarter));
    }
  }
  return normals;
}

template <typename T>
void check_normals(double bound) {
  constexpr std::int64_t kCount = 1 << 18;
  constexpr std::int64_t kKey = 0x0123456789abcdef;
  const std::vector<long double> exact = exact_normals(kKey, kCount);
  ir::Builder b("normals");
  const ir::Value key = b.parameter("key", {DType::kI64, {}});
  const ir::Value counter = b.parameter("counter", {DType::kI64, {}});
  b.set_results(
      {b.add(Op::kRandomNormal, {key, counter}, {{ir::Attr::kDType, dtype_of<T>}, {ir::Attr::kShape, Shape{kCount}}})});
  const ir::Graph graph = std::move(b).finish();
  const std::vector<Array> inputs{Array::scalar(kKey), Array::scalar(std::int64_t{0})};
  for (const std::string& features : vector_targets()) {
    std::vector<Array> outputs(1);
    runtime::Executable::create(graph, {}, {.target_features = features})->run(inputs, outputs);
    double worst = 0;
    for (std::size_t i = 0; i < exact.size(); ++i)
      worst = std::max(worst, error(outputs[0].template data<T>()[i], exact[i]));
    const std::string measured = fmt::format("random_normal of {} on {}: {:.3f} at most", to_string(dtype_of<T>),
                                             features.empty() ? "this machine" : features, worst);
    MESSAGE(measured);
    CHECK_MESSAGE(worst <= bound, measured);
  }
}

#if defined(__x86_64__)
TEST_CASE("subnormal numbers are zeros where something is computed, and keep their bits elsewhere") {
  ir::Builder b("subnormal");
  const ir::Value x = b.parameter("x", {DType::kF32, {batch}});
  const ir::Value zero = b.full(b.type(x), 0);
  b.set_results({b.cast(x, DType::kBool), b(Op::kLog, {x}), b(Op::kDiv, {b.full(b.type(x), 1), x}),
                 b(Op::kEqual, {x, zero}), b(Op::kMul, {x, b.full(b.type(x), 2)}), b(Op::kNeg, {x}),
                 b.reshape(x, {batch, 1})});
  const ir::Graph graph = std::move(b).finish();
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  for (const std::int64_t count : {1, 37}) {
    Array subnormals(DType::kF32, {count});
    for (float& element : subnormals.data<float>()) element = 1e-40F;
    for (const std::string& features : vector_targets()) {
      std::vector<Array> outputs(7);
      runtime::Executable::create(graph, {}, {.target_features = features})->run(std::vector{subnormals}, outputs);
      for (std::size_t i = 0; i < static_cast<std::size_t>(count); ++i) {
        CHECK_FALSE(outputs[0].data<bool>()[i]);
        CHECK(outputs[1].data<float>()[i] == -kInfinity);
        CHECK(outputs[2].data<float>()[i] == kInfinity);
        CHECK(outputs[3].data<bool>()[i]);
        CHECK(outputs[4].data<float>()[i] == 0);
        CHECK(outputs[5].data<float>()[i] == -1e-40F);
        CHECK(outputs[6].data<float>()[i] == 1e-40F);
      }
    }
    const std::vector<Array> exact = ir::evaluate(graph, std::vector{subnormals}, {}).results;
    CHECK(exact[0].data<bool>()[0]);
    CHECK(exact[1].data<float>()[0] == doctest::Approx(-92.1).epsilon(1e-3));
    CHECK(exact[4].data<float>()[0] == 2 * 1e-40F);
  }
}
#endif

TEST_CASE("normal numbers are within their bounds, even where sine or cosine is close to 0") {
  check_normals<float>(3.5);
  check_normals<double>(3.5);
}

TEST_CASE("every function of floats that rounds has a bound") {
  for (const FloatFunction& function : float_functions()) {
    if (!ir::info(function.op).has(ir::kRounds)) continue;
    CHECK_MESSAGE(std::ranges::count(functions(), function.op, &Function::op) == 1, to_string(function.op));
  }
}

TEST_CASE("functions of f32 are within their bounds") {
  for (const Function& function : functions()) check_on_all_targets<float>(function, function.bound_f32);
}

TEST_CASE("functions of f64 are within their bounds") {
  for (const Function& function : functions()) check_on_all_targets<double>(function, function.bound_f64);
}

}  // namespace
}  // namespace sluice::test
