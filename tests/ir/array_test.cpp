#include "sluice/array.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <cmath>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#if defined(__linux__)
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#endif

#include "ir/guarded_arrays.h"
#include "tests/support/refusal.h"

using namespace sluice;

TEST_CASE("an array is zeros, aligned, with a readable tail") {
  const Array array(DType::kF64, {3, 5});
  CHECK(array.element_count() == 15);
  CHECK(array.byte_count() == 120);
  CHECK(reinterpret_cast<std::uintptr_t>(array.bytes()) % 64 == 0);
  for (std::size_t i = 0; i < array.byte_count() + 64; ++i) CHECK(array.bytes()[i] == std::byte{0});
  CHECK(Array().type() == Type{DType::kF32, {}});
  CHECK(Array().item<float>() == 0);
}

TEST_CASE("values come in row-major order, one for each element") {
  const Array array(std::vector<std::int32_t>{1, 2, 3, 4, 5, 6}, {2, 3});
  CHECK(array.type() == Type{DType::kI32, {2, 3}});
  CHECK(array.data<std::int32_t>()[4] == 5);
  CHECK(test::refusal([] { Array({1.0f, 2.0f}, {3}); }) == "array: f32[3] takes 3 values, got 2");
  CHECK(test::refusal([] { Array({1.0f, 2.0f}, {}); }) == "array: f32[] takes 1 values, got 2");
  CHECK(test::refusal([&] { array.data<float>(); }) == "array: the elements of i32[2,3] cannot be viewed as f32");
}

TEST_CASE("sizes are checked") {
  CHECK(test::refusal([] { Array(DType::kF32, {2, -1}); }) == "array: a size is negative: [2,-1]");
  constexpr std::int64_t kHuge = std::numeric_limits<std::int64_t>::max();
  CHECK(test::refusal([] { Array(DType::kF32, {kHuge}); }) == "array: f32[9223372036854775807] is too large");
  CHECK(test::refusal([] {
          Array(DType::kU8, {1LL << 40, 1LL << 40});
        }) == "array: u8[1099511627776,1099511627776] is too large");
  CHECK(Array(DType::kF32, {0, 5}).element_count() == 0);
}

TEST_CASE("a copy shares, a clone does not") {
  Array a({1.0f, 2.0f}, {2});
  Array shared = a;
  Array own = a.clone();
  shared.data<float>()[0] = 9;
  CHECK(a.data<float>()[0] == 9);
  CHECK(own.data<float>()[0] == 1);
  CHECK_FALSE(a.unique());
  CHECK(own.unique());
  const Array column = a.reshaped({2, 1});
  CHECK(column.type() == Type{DType::kF32, {2, 1}});
  CHECK(column.data<float>()[0] == 9);
  CHECK(test::refusal([&] { a.reshaped({3}); }) == "reshape: f32[2] has 2 elements, [3] would have 3");
}

TEST_CASE("borrowed elements are neither copied nor freed before their owner") {
  auto owner = std::make_shared<std::vector<float>>(std::vector<float>{1, 2, 3});
  Array array = Array::borrow(DType::kF32, {3}, std::shared_ptr<void>(owner, owner->data()));
  (*owner)[1] = 7;
  std::weak_ptr<std::vector<float>> watch = owner;
  owner.reset();
  CHECK(array.data<float>()[1] == 7);
  CHECK_FALSE(watch.expired());
  array = Array();
  CHECK(watch.expired());
}

TEST_CASE("arrays are equal by type and bits") {
  CHECK(Array({0.0f}, {1}) == Array({0.0f}, {1}));
  CHECK_FALSE(Array({0.0f}, {1}) == Array({-0.0f}, {1}));
  CHECK(Array({std::nanf("")}, {1}) == Array({std::nanf("")}, {1}));
  CHECK_FALSE(Array({0.0f}, {1}) == Array({0.0f}, {}));
  CHECK_FALSE(Array({0.0f}, {1}) == Array({0}, {1}));
  CHECK(Array(DType::kF32, {0, 2}) == Array::borrow(DType::kF32, {0, 2}, nullptr));
}

namespace {

/// Returns the message of an error at this file's line `line`.
std::string refused_at(int line, const std::string& what) {
  const std::string place = fmt::format("{}:{}: ", __FILE__, line);
  return what.starts_with(place) ? what.substr(place.size()) : "not at " + place + what;
}

/// Pairs of an error and what it should be. They are no arguments of CHECK, since compilers differ on which line of a
/// macro's arguments a call is at.
void check_refused(const std::vector<std::pair<std::string, std::string>>& errors) {
  for (const auto& [got, expected] : errors) CHECK(got == expected);
}

}  // namespace

TEST_CASE("item converts to numbers of every C++ type") {
  CHECK(Array::scalar(std::int64_t{7}).item<std::size_t>() == 7U);
  CHECK(Array::scalar(7).item<unsigned>() == 7U);
  CHECK(Array::scalar(-7.5).item<long long>() == -7);
  CHECK(Array::scalar(7).item<std::int16_t>() == 7);
  CHECK(Array::scalar(9.2e18).item<std::uint64_t>() == 9200000000000000000U);
  CHECK(Array::scalar(true).item<std::size_t>() == 1U);
  CHECK(Array::scalar(2.F).item<long double>() == 2);
  check_refused({
      {refused_at(__LINE__, test::refusal([] { Array::scalar(-1).item<std::size_t>(); })), "item: -1 does not fit u64"},
      {refused_at(__LINE__, test::refusal([] { Array::scalar(40000.F).item<short>(); })),
       "item: 40000 does not fit i16"},
      {refused_at(__LINE__, test::refusal([] { Array::scalar(1.9e19).item<std::uint64_t>(); })),
       "item: 1.9e+19 does not fit u64"},
  });
}

TEST_CASE("an element is read by an index of any integer type, and a wrong one is an error at its line") {
  Array array(std::vector<std::int32_t>{1, 2, 3, 4}, {2, 2});
  const std::size_t one = 1;
  CHECK(array.at<std::int32_t>(one, -2) == 3);
  array.at<std::int32_t>(one, one) = 5;
  CHECK(array(1U, 1LL) == 5);
  CHECK(Array::scalar(2.F).at<float>() == 2);
  check_refused({
      {refused_at(__LINE__, test::refusal([&] { array.at<std::int32_t>(one, 2); })),
       "array: the index 2 is outside of axis 1 of i32[2,2]"},
      {refused_at(__LINE__, test::refusal([&] { array(); })), "array: expected 2 indices for i32[2,2], got 0"},
      {refused_at(__LINE__, test::refusal([&] { array.at<float>(0, 0); })),
       "array: the elements of i32[2,2] cannot be viewed as f32"},
  });
  static_assert(!std::is_invocable_v<const Array&, bool, int> && std::is_invocable_v<const Array&, unsigned, int>);
}

TEST_CASE("item converts the only element, if it fits") {
  CHECK(Array::scalar(2.75f).item<double>() == 2.75);
  CHECK(Array::scalar(-2.75f).item<std::int32_t>() == -2);
  CHECK(Array({std::uint8_t{200}}, {1, 1}).item<std::int64_t>() == 200);
  CHECK(Array::scalar(true).item<float>() == 1);
  CHECK(Array::scalar(-0.5).item<std::uint8_t>() == 0);
  check_refused({
      {refused_at(__LINE__, test::refusal([] { Array(DType::kF32, {2}).item<float>(); })),
       "item: expected an array of one element, got f32[2]"},
      {refused_at(__LINE__, test::refusal([] { Array(DType::kF32, {0}).item<float>(); })),
       "item: expected an array of one element, got f32[0]"},
      {refused_at(__LINE__, test::refusal([] { Array::scalar(std::nan("")).item<std::int32_t>(); })),
       "item: nan does not fit i32"},
      {refused_at(__LINE__, test::refusal([] { Array::scalar(2147483648.0).item<std::int32_t>(); })),
       "item: 2147483648 does not fit i32"},
      {refused_at(__LINE__, test::refusal([] { Array::scalar(256).item<std::uint8_t>(); })),
       "item: 256 does not fit u8"},
      {refused_at(__LINE__, test::refusal([] { Array::scalar(-1).item<std::uint8_t>(); })), "item: -1 does not fit u8"},
  });
}

TEST_CASE("arrays print as NumPy's do") {
  CHECK(fmt::format("{}", Array::scalar(2.5f)) == "2.5 f32[]");
  CHECK(to_string(Array({true, false}, {2})) == "[true, false] bool[2]");
  CHECK(to_string(Array({1, 2, 3, 4}, {2, 2})) == "[[1, 2],\n [3, 4]] i32[2,2]");
  CHECK(to_string(Array(DType::kU8, {2, 0})) == "[] u8[2,0]");
  CHECK(to_string(Array({std::nanf(""), -std::nanf("")}, {2})) == "[nan, nan] f32[2]");
  Array many(DType::kI64, {10});
  for (std::int64_t i = 0; i < 10; ++i) many.data<std::int64_t>()[static_cast<std::size_t>(i)] = i;
  CHECK(to_string(many) == "[0, 1, 2, 3, ..., 6, 7, 8, 9] i64[10]");
}

TEST_CASE("dtypes and shapes print and read") {
  for (int i = 0; i < kDTypeCount; ++i) {
    const auto dtype = static_cast<DType>(i);
    CHECK(parse_dtype(to_string(dtype)) == dtype);
    CHECK(visit_dtype(dtype, [](auto zero) { return dtype_of<decltype(zero)>; }) == dtype);
    CHECK(visit_dtype(dtype, [](auto zero) { return sizeof zero; }) == size_of(dtype));
  }
  CHECK_FALSE(parse_dtype("f16").has_value());
  CHECK(to_string(Type{DType::kF32, {batch, Dim(3), Dim(1)}}) == "f32[B,3,1]");
  CHECK(to_string(Shape{5 * batch}) == "[5*B]");
  CHECK(Shape{batch, 6}.element_count() == 6 * batch);
  CHECK(Shape{2 * batch, 6}.at(7) == std::vector<std::int64_t>{14, 6});
}

TEST_CASE("arrays without elements print as [] whatever their other sizes are") {
  CHECK(to_string(Array(DType::kF32, {9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 0})) ==
        "[] f32[9,9,9,9,9,9,9,9,9,9,9,9,9,9,9,0]");
  CHECK(to_string(Array(DType::kU8, {0})) == "[] u8[0]");
}

TEST_CASE("arrays that do not fit are errors, unless they have no elements") {
  const std::int64_t large = std::int64_t{1} << 62;
  CHECK(to_string(Array(DType::kF32, {0, large, 9})) == "[] f32[0,4611686018427387904,9]");
  CHECK(to_string(Array(DType::kF32, {large, 9, 0})) == "[] f32[4611686018427387904,9,0]");
  CHECK_THROWS_WITH_AS(Array(DType::kU8, {large, 2}), "array: u8[4611686018427387904,2] is too large", Error);
  CHECK_THROWS_WITH_AS(Array(DType::kU8, {large - 1}),
                       "array: not enough memory for u8[4611686018427387903], 4611686018427387903 bytes", Error);
}

#if defined(__linux__)
/// Returns the signal that ends a child process when it accesses an array of 15 bytes at offset `behind`.
static int signal_of_touching(std::size_t behind, bool writes) {
  const pid_t child = fork();
  if (child == 0) {
    for (const int signal : {SIGABRT, SIGSEGV}) std::signal(signal, SIG_DFL);  // doctest's would report a failure
    if (std::freopen("/dev/null", "w", stderr) == nullptr) _exit(1);
    {
      const GuardedArrays guarded;
      Array array(DType::kU8, {15});
      volatile std::byte* const touched = array.bytes() + behind;
      *touched = writes ? std::byte{1} : *touched;
    }
    _exit(0);
  }
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

TEST_CASE("access past a guarded array is stopped") {
  CHECK(signal_of_touching(14, true) == 0);
  CHECK(signal_of_touching(15 + 63, false) == 0);  // the readable tail
  CHECK(signal_of_touching(15, true) == SIGABRT);
  CHECK(signal_of_touching(128, false) == SIGSEGV);
}
#endif
