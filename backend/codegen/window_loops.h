#pragma once

#include <functional>
#include <vector>

#include "backend/codegen/kernels.h"

// Loops over the positions of windows along one axis. Most of them are inner ones, at which windows lie within their
// images: there nothing is tested, and several positions follow one another in the code, which loads what their windows
// share once.
namespace sluice::backend {

/// The positions begin <= p < end of a kernel along `axis`.
struct Positions {
  int axis;
  llvm::Value* begin;
  llvm::Value* end;
};

/// Ranges of positions: inner ones, which begin <= first_inner <= p < end_inner <= end.
struct InnerPositions {
  llvm::Value* first;
  llvm::Value* end;
};

/// Returns the inner ones of `positions` if `index`, which has a coordinate for each axis but that of the positions,
/// lies inside along all others; none if not. An axis whose coordinate has no base is gone through as a whole.
InnerPositions inner_positions(Frame& frame, const std::vector<InnerRange>& ranges, const Shape& shape,
                               const Index& index, const Positions& positions);

/// Code for all positions, of inner ones `at_once` at a time: calls `body` with the first position and how many it is
/// to work on. Sets whether the elements are inside, and begins a row of them.
void for_positions(Frame& frame, const Positions& positions, const InnerPositions& inner, int at_once,
                   const std::function<void(llvm::Value* first, int count)>& body);

/// The positions of one row that are worked on at once, if each computes `values` values.
int positions_at_once(const Emitter& e, std::int64_t values);

void emit_loop_of_windows(Frame& frame);    ///< window_loops.cpp
void emit_reduce_of_windows(Frame& frame);  ///< window_reduce.cpp

}  // namespace sluice::backend
