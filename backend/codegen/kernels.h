#pragma once

#include <functional>
#include <vector>

#include "backend/codegen/elements.h"
#include "backend/plan.h"

namespace sluice::backend {

/// A kernel that is being emitted: void(arguments, sizes, scratch, begin, end) works on the units begin <= u < end.
struct Frame {
  Emitter& e;
  const KernelPlan& plan;
  std::vector<Place> operands;  ///< the memory of the body's parameters
  std::vector<Place> results;
  llvm::Value* scratch;
  llvm::Value* begin;
  llvm::Value* end;
  Elements elements;

  const ir::Graph& body() const { return *plan.body; }
  /// Returns the address `offset` bytes into scratch.
  llvm::Value* in_scratch(const Bytes& offset) const { return e.element(e.b.getInt8Ty(), scratch, e.size(offset)); }
};

void emit_loop(Frame& frame);        ///< loop_kernel.cpp
void emit_reduce(Frame& frame);      ///< reduce_kernel.cpp
void emit_rows(Frame& frame);        ///< rows_kernel.cpp
void emit_scatter(Frame& frame);     ///< scatter_kernel.cpp
void emit_matmul(Frame& frame);      ///< matmul_kernel.cpp
void emit_argsort(Frame& frame);     ///< argsort_kernel.cpp
void emit_recurrence(Frame& frame);  ///< recurrence_kernel.cpp
void emit_attention(Frame& frame);   ///< attention_kernel.cpp

// Shared by the kinds of kernels, in loop_kernel.cpp.

/// The block of each axis that unit `unit` stands for.
std::vector<llvm::Value*> unit_blocks(Frame& frame, llvm::Value* unit);
/// Code for the elements begin <= i < end of an axis: whole vectors in a loop, then a masked one. One lane: a plain
/// loop.
void for_vectors(Frame& frame, llvm::Value* begin, llvm::Value* end, int lanes,
                 const std::function<void(const Coordinate&)>& body);
/// Computes the body's results of `shape` at `index`, then stores them: a result may overwrite an operand of the same
/// element.
void store_results(Frame& frame, const Shape& shape, const Index& index);

}  // namespace sluice::backend
