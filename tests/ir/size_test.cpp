// Sizes of axes, and the symbols that the sizes of arguments bind.
#include "sluice/size.h"

#include <doctest/doctest.h>

#include <limits>
#include <type_traits>

#include "ir/solve_sizes.h"

namespace {

using namespace sluice;

static_assert(std::is_convertible_v<int, Dim>);
static_assert(!std::is_constructible_v<Dim, bool>);  // Shape{3, true} is not [3,1]

TEST_CASE("signs of coefficients bound a size") {
  const Dim t = length("T");
  CHECK((t + 2).always_at_least(3));
  CHECK_FALSE((t + 2).always_at_least(4));
  CHECK_FALSE((2 * batch - t).always_at_least(0));
  CHECK((2 * batch - t).ever_at_least(100));
  CHECK((5 - t).ever_at_least(4));
  CHECK_FALSE((5 - t).ever_at_least(5));
  CHECK(Dim(3).always_at_least(3));
  CHECK_FALSE(Dim(3).ever_at_least(4));
}

TEST_CASE("an axis of an array without elements may be as large as 64 bits allow") {
  constexpr std::int64_t kLargest = std::numeric_limits<std::int64_t>::max();
  const Dim t = length("T");
  const auto solved = [](const Type& type, const Array& array) {
    Bindings bindings;
    const auto wrong = ir::solve_sizes(
        1, [&](std::size_t) { return ir::SizedArgument(type, array); }, bindings, [](std::size_t) { return "x"; });
    return wrong ? wrong->what : to_string(bindings);
  };
  const Array large(DType::kF32, {kLargest, 0});
  CHECK(solved({DType::kF32, {t, 0}}, large) == "T = 9223372036854775807, B = 1");
  CHECK(solved({DType::kF32, {t - 5, 0}}, large) == "is f32[9223372036854775807,0], expected f32[T-5,0]");
  CHECK(solved({DType::kF32, {t + 5, 0}}, large) == "T = 9223372036854775802, B = 1");
}

}  // namespace
