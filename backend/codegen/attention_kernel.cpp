#include <numbers>

#include "backend/codegen/attention_matrices.h"
#include "backend/layout.h"

namespace sluice::backend {

AttentionFrame::AttentionFrame(Frame& kernel)
    : frame(kernel),
      e(kernel.e),
      body(*ir::attention_body(kernel.body())),
      node(*body.node),
      parts(ir::attention_parts(kernel.body(), node)),
      tile(std::get<AttentionKernel>(kernel.plan.how).tile),
      scratch(std::get<AttentionKernel>(kernel.plan.how).scratch),
      code(e, parts, tile),
      queries(e.size_at_entry(parts.queries)),
      keys(e.size_at_entry(parts.keys)) {
  if (parts.causal) keys = e.min(keys, queries);
}

AttentionFrame::Matrix AttentionFrame::matrix(const ir::AttentionView& view, const Place& place,
                                              const std::vector<llvm::Value*>& blocks) {
  llvm::Value* offset = e.size(view.offset);
  for (std::size_t axis = 0; axis < blocks.size(); ++axis)
    offset = e.add(offset, e.mul(blocks[axis], e.size(view.strides[axis])));
  const bool has_rows = view.strides.size() == blocks.size() + 2;
  return {floats(place.pointer, offset), has_rows ? view.strides[blocks.size()].size : 1};
}

AttentionFrame::Matrix AttentionFrame::operand(std::size_t i, const std::vector<llvm::Value*>& blocks) {
  return matrix(body.operands[i], frame.operands[body.operands[i].place], blocks);
}

AttentionFrame::Matrix AttentionFrame::result(std::size_t i, const std::vector<llvm::Value*>& blocks) {
  return matrix(body.results[i], frame.results[body.results[i].place], blocks);
}

/// Axes of size 1 stand for all.
llvm::Value* AttentionFrame::mask(const std::vector<llvm::Value*>& blocks) {
  if (!parts.mask) return nullptr;
  const Type& type = frame.body().type(node.operands[*parts.mask]);
  const ir::AttentionView& view = body.operands[*parts.mask];
  llvm::Value* offset = e.i64(0);
  for (std::size_t axis = 0; axis < blocks.size(); ++axis) {
    if (type.shape[static_cast<int>(axis)] != Dim(1))
      offset = e.add(offset, e.mul(blocks[axis], e.size(view.strides[axis])));
  }
  return e.element(e.memory_type(type.dtype), frame.operands[view.place].pointer, offset);
}

llvm::Value* AttentionFrame::part(const Bytes& begin) {
  auto& b = e.b;
  constexpr std::int64_t kLineOfCache = kLine;
  llvm::Value* const aligned = b.CreateAnd(b.CreateAdd(e.size(begin), e.i64(kLineOfCache - 1)), e.i64(-kLineOfCache));
  return e.element(b.getInt8Ty(), frame.scratch, aligned);
}

void AttentionFrame::hide(llvm::Value* weights, llvm::Value* query, llvm::Value* rows, llvm::Value* key,
                          llvm::Value* mask) {
  auto& b = e.b;
  AttentionCode::Hidden hidden{
      b.CreateSub(keys, key), b.CreateSub(b.CreateAdd(query, e.i64(1)), key), mask, nullptr, 0, false};
  if (mask != nullptr) {
    const Type& type = frame.body().type(node.operands[*parts.mask]);
    const int rank = type.shape.rank();
    const Dim row = type.shape[rank - 1];
    hidden.bools = type.dtype == DType::kBool;
    hidden.key_stride = row == Dim(1) && parts.keys != Dim(1) ? 0 : 1;
    hidden.row_stride = type.shape[rank - 2] == Dim(1) ? e.i64(0) : e.size(row);
    llvm::Value* const offset = e.add(e.mul(query, hidden.row_stride), e.mul(key, e.i64(hidden.key_stride)));
    hidden.mask = e.element(e.memory_type(type.dtype), mask, offset);
  }
  code.hide(weights, rows, hidden);
}

AttentionFrame::Ahead AttentionFrame::ahead(llvm::Value* unit, std::initializer_list<std::size_t> which) {
  auto& b = e.b;
  llvm::Value* const last = b.CreateSub(frame.end, e.i64(1));
  const std::vector<llvm::Value*> blocks = unit_blocks(frame, e.min(b.CreateAdd(unit, e.i64(1)), last));
  Ahead rows;
  for (const std::size_t i : which) {
    rows.matrices.push_back(operand(i, blocks));
    const Shape& shape = frame.body().type(node.operands[i]).shape;
    rows.widths.push_back(shape[shape.rank() - 1].size);
  }
  return rows;
}

void AttentionFrame::prefetch(const Ahead& ahead, llvm::Value* first, std::int64_t count, llvm::Value* begin,
                              std::int64_t step, llvm::Value* end) {
  auto& b = e.b;
  const auto row = [&](llvm::Value* at) {
    return b.CreateAdd(first, b.CreateUDiv(b.CreateMul(at, e.i64(count)), end));
  };
  constexpr std::int64_t kFloatsOfLine = kLine / 4;
  e.loop(row(begin), row(b.CreateAdd(begin, e.i64(step))), 1, [&](llvm::Value* at) {
    for (std::size_t i = 0; i < ahead.matrices.size(); ++i) {
      llvm::Value* const start = ahead.matrices[i].row(e, at);
      for (std::int64_t k = 0; k < ahead.widths[i]; k += kFloatsOfLine)
        e.prefetch(floats(start, e.i64(k)), Fetch::kReadLater);
    }
  });
}

void emit_attention_forward(AttentionFrame& f, llvm::Value* unit) {
  Emitter& e = f.e;
  auto& b = e.b;
  const std::vector<llvm::Value*> blocks = unit_blocks(f.frame, unit);
  const auto q = f.operand(0, blocks);
  const auto k = f.operand(1, blocks);
  const auto v = f.operand(2, blocks);
  const auto y = f.result(0, blocks);
  const auto logarithms = f.result(1, blocks);
  llvm::Value* const mask = f.mask(blocks);
  llvm::Value* const packed = f.part(f.scratch.keys);
  llvm::Value* const weights = f.part(f.scratch.weights);
  llvm::Value* const factors = f.part(f.scratch.sums);
  llvm::Value* const largest = f.part(f.scratch.offsets);
  const std::int64_t columns = f.tile.columns();
  f.code.pack(k.pointer, k.stride, f.parts.depth, f.keys, packed, f.parts.scale * std::numbers::log2e);
  const AttentionFrame::Ahead ahead = f.ahead(unit, {0, 1, 2});
  e.loop(e.i64(0), f.queries, f.tile.rows, [&](llvm::Value* query) {
    llvm::Value* const rows = e.min(b.CreateSub(f.queries, query), e.i64(f.tile.rows));
    llvm::Value* const count = f.keys_before(b.CreateAdd(query, rows));
    llvm::Value* const seen_by_all = f.keys_before(b.CreateAdd(query, e.i64(1)));
    llvm::Value* const end = b.CreateAnd(b.CreateAdd(count, e.i64(columns - 1)), e.i64(-columns));
    e.loop(e.i64(0), count, columns, [&](llvm::Value* key) {
      f.prefetch(ahead, query, f.tile.rows, key, columns, end);
      llvm::Value* const panel = f.floats(packed, b.CreateMul(key, e.i64(f.parts.depth)));
      llvm::Value* const scores = f.floats(weights, b.CreateMul(key, e.i64(f.tile.rows)));
      f.code.scores(q.row(e, query), q.stride, panel, rows, nullptr, scores);
      llvm::Value* const partly =
          mask != nullptr ? b.getTrue() : b.CreateICmpSGT(b.CreateAdd(key, e.i64(columns)), seen_by_all);
      e.if_then(partly, [&] { f.hide(scores, query, rows, key, mask); });
    });
    llvm::Value* const panels = b.CreateUDiv(b.CreateAdd(count, e.i64(columns - 1)), e.i64(columns));
    f.code.softmax(weights, panels, factors, largest, logarithms.row(e, query), rows);
    for (const AttentionCode::Columns& of : f.code.columns_of(f.parts.width))
      f.code.values(of, weights, count, v.pointer, v.stride, factors, y.row(e, query), y.stride, rows);
  });
}

void emit_attention(Frame& frame) {
  AttentionFrame f(frame);
  frame.e.loop(frame.begin, frame.end, 1, [&](llvm::Value* unit) {
    f.parts.backward ? emit_attention_backward(f, unit) : emit_attention_forward(f, unit);
  });
}

}  // namespace sluice::backend
