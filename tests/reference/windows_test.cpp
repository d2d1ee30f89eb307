#include "ir/windows.h"

#include "tests/reference/run_op.h"

namespace sluice::ir {
namespace {

using Numbers = std::vector<std::int64_t>;

/// Each window: size, stride, dilation, low, high.
using Windows = std::vector<Window>;

Array windows(const Array& x, const Windows& list) { return run_op(Op::kWindows, {x}, window_attributes(0, list)); }

Array add_windows(const Array& x, const Shape& shape, const Windows& list) {
  Attributes attributes = window_attributes(0, list);
  attributes.set(Attr::kShape, shape);
  return run_op(Op::kAddWindows, {x}, attributes);
}

TEST_CASE("windows step by the stride, inside by the dilation, and are 0 outside") {
  CHECK_SAME(windows(row({1, 2, 3, 4}), {{2, 1, 1, 0, 0}}), Array({1, 2, 2, 3, 3, 4}, {3, 2}));
  CHECK_SAME(windows(row({1, 2, 3, 4}), {{2, 2, 1, 0, 0}}), Array({1, 2, 3, 4}, {2, 2}));
  // The padding after the axis is longer than the last window needs.
  CHECK_SAME(windows(row({1, 2, 3, 4}), {{3, 2, 1, 0, 2}}), Array({1, 2, 3, 3, 4, 0}, {2, 3}));
  CHECK_SAME(windows(row({1, 2, 3, 4, 5, 6}), {{3, 2, 2, 1, 1}}), Array({0, 2, 4, 2, 4, 6}, {2, 3}));
  CHECK_SAME(windows(row({1, 2, 3}), {{2, 1, 1, -1, 0}}), Array({2, 3}, {1, 2}));
  CHECK_SAME(windows(Array({1, 2, 3, 4}, {2, 2}), {{2, 1, 1, 0, 0}, {1, 1, 1, 1, 0}}),
             Array({0, 0, 1, 3, 2, 4}, {1, 3, 2, 1}));
}

TEST_CASE("add_windows adds each element of the windows where it came from") {
  CHECK_SAME(add_windows(Array({1, 2, 3, 4, 5, 6}, {3, 2}), {4}, {{2, 1, 1, 0, 0}}), row({1, 5, 9, 6}));
  CHECK_SAME(add_windows(Array({1, 2, 3, 4}, {2, 2}), {6}, {{2, 3, 1, 0, 0}}), row({1, 2, 0, 3, 4, 0}));
  CHECK_SAME(add_windows(Array({1, 2, 3, 4, 5, 6}, {2, 3}), {6}, {{3, 2, 2, 1, 1}}), row({0, 2 + 4, 0, 3 + 5, 0, 6}));
}

TEST_CASE("is_first_max is true once along its axes: for the first of equal maxima, or the first NaN") {
  const auto is_first = [](const Array& x, const Numbers& axes) {
    return run_op(Op::kIsFirstMax, {x}, {{Attr::kAxes, axes}});
  };
  CHECK_SAME(is_first(row({1, 3, 3}), {0}), row({false, true, false}));
  CHECK_SAME(is_first(Array({1.F, kNaN, kNaN, 9.F}, {2, 2}), {0, 1}), Array({false, true, false, false}, {2, 2}));
  CHECK_SAME(is_first(Array({1.F, kNaN, kNaN, 9.F}, {2, 2}), {0}), Array({false, true, true, false}, {2, 2}));
  CHECK_SAME(is_first(row({5, 7}), {}), row({true, true}));
}

}  // namespace
}  // namespace sluice::ir
