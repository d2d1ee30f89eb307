#include "ir/windows.h"
#include "tests/support/op_case_lists.h"

namespace sluice::test {

using namespace ir;

namespace {

/// Windows over a value of `shape`, from `axis` on.
struct Slide {
  Shape shape;
  std::int64_t axis;
  std::vector<Window> windows;
};

std::vector<Slide> slides() {
  // Each window: size, stride, dilation, low, high.
  return {{{batch, 7, 6, 3}, 1, {{3, 1, 1, 0, 0}, {2, 1, 1, 0, 0}}},
          {{batch, 7, 6, 3}, 1, {{3, 1, 1, 1, 1}, {3, 1, 1, 1, 1}}},
          {{batch, 7, 8, 1}, 1, {{3, 2, 1, 0, 1}, {3, 3, 2, 2, 2}}},
          {{batch, 9, 17}, 1, {{2, 3, 1, 0, 0}}},           // gaps that no window covers
          {{batch, 33}, 1, {{5, 2, 3, 4, 3}}},              // along the last axis
          {{2, batch}, 1, {{1, 1, 1, 1, 2}}},               // along B
          {{batch, 4, 17}, 1, {{2, 1, 2, -1, 1}}},          // cropped before
          {{3, 5}, 0, {{3, 1, 1, 0, 0}, {5, 1, 1, 0, 0}}},  // one window
          {{3, 4, 2, batch}, 1, {{2, 2, 1, 1, 0}, {2, 1, 1, 0, 0}}}};
}

std::vector<Slide> empty_slides() {
  return {{{batch, 5, 0}, 1, {{2, 1, 1, 0, 0}}}, {{0, 4, 3}, 1, {{3, 1, 1, 1, 1}}}, {{0, 3}, 0, {{2, 1, 1, 1, 1}}}};
}

void add(Cases& cases, Op op, DType dtype, std::string_view kind, const std::vector<Slide>& list) {
  const auto build = [=](Builder& b) {
    std::vector<Value> results;
    for (const Slide& slide : list) {
      Attributes attributes = window_attributes(slide.axis, slide.windows);
      if (op == Op::kWindows) {
        results.push_back(b(op, {input(b, {dtype, slide.shape})}, attributes));
        continue;
      }
      Builder other("windows");
      const Value windows = other(Op::kWindows, {input(other, {dtype, slide.shape})}, attributes);
      const Type type = other.type(windows);
      attributes.set(Attr::kShape, slide.shape);
      results.push_back(b(op, {input(b, type)}, attributes));
    }
    return results;
  };
  const Agreement agreement = op == Op::kWindows || !is_float(dtype) ? Agreement::kBits : Agreement::kSummed;
  cases.push_back(
      {fmt::format("{}/{}/{}", to_string(op), to_string(dtype), kind), op, agreement, Fill::kRandom, build});
}

}  // namespace

void add_window_cases(Cases& cases) {
  for (const DType dtype : kAllDTypes) {
    add(cases, Op::kWindows, dtype, "slides", slides());
    add(cases, Op::kWindows, dtype, "empty", empty_slides());
  }
  for (const DType dtype : kNumbers) {
    add(cases, Op::kAddWindows, dtype, "slides", slides());
    add(cases, Op::kAddWindows, dtype, "empty", empty_slides());
  }
}

}  // namespace sluice::test
