#pragma once

#include <string_view>

#include "ir/infer.h"
#include "sluice/error.h"

// Parts of inference functions.
namespace sluice::ir {

inline std::string_view name(const InferContext& c) { return info(c.op).name; }
inline const Type& x(const InferContext& c) { return c.operands[0]; }
inline const Type& y(const InferContext& c) { return c.operands[1]; }

inline void check_same(const InferContext& c, const Type& a, const Type& b) {
  if (a == b) return;
  fail("{}: operands have different types: {} and {}", name(c), to_string(a), to_string(b));
}

inline int check_axis(const InferContext& c, std::int64_t axis, int rank) {
  if (axis < 0 || axis >= rank) fail("{}: axis {} is outside of {}", name(c), axis, to_string(x(c)));
  return static_cast<int>(axis);
}

/// The axis that a slice, pad or concat works along.
inline int check_axis(const InferContext& c) {
  return check_axis(c, c.attributes.integer(Attr::kAxis), x(c).shape.rank());
}

}  // namespace sluice::ir
