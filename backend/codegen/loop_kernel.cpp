#include "backend/codegen/kernels.h"
#include "backend/codegen/window_loops.h"

namespace sluice::backend {

std::vector<llvm::Value*> unit_blocks(Frame& frame, llvm::Value* unit) {
  Emitter& e = frame.e;
  const auto& axes = frame.plan.units.axes;
  std::vector<llvm::Value*> blocks(axes.size());
  for (std::size_t i = axes.size(); i-- > 0;) {
    llvm::Value* const count = e.blocks(axes[i].size, axes[i].block);
    blocks[i] = i == 0 ? unit : e.b.CreateURem(unit, count);
    if (i > 0) unit = e.b.CreateUDiv(unit, count);
  }
  return blocks;
}

void for_vectors(Frame& frame, llvm::Value* begin, llvm::Value* end, int lanes,
                 const std::function<void(const Coordinate&)>& body) {
  Emitter& e = frame.e;
  if (lanes == 1) {
    e.loop(begin, end, 1, [&](llvm::Value* i) {
      frame.elements.begin_vector(1, nullptr);
      body({i, false, nullptr, Level::kVector});
    });
    return;
  }
  llvm::Value* const count = e.b.CreateSub(end, begin);
  llvm::Value* const rest = e.b.CreateAnd(count, e.i64(lanes - 1));
  llvm::Value* const whole_end = e.b.CreateSub(end, rest);
  e.if_then(e.b.CreateICmpSLT(begin, whole_end), [&] {
    e.loop(begin, whole_end, lanes, [&](llvm::Value* i) {
      frame.elements.begin_vector(lanes, nullptr);
      body({i, true, nullptr, Level::kVector});
    });
  });
  e.if_then(e.b.CreateICmpNE(rest, e.i64(0)), [&] {
    frame.elements.begin_vector(lanes, e.first_lanes(rest, lanes));
    body({whole_end, true, nullptr, Level::kVector});
  });
}

void store_results(Frame& frame, const Shape& shape, const Index& index) {
  std::vector<std::pair<std::size_t, llvm::Value*>> values;
  const auto results = frame.body().results();
  for (std::size_t i = 0; i < results.size(); ++i) {
    if (frame.body().type(results[i]).shape == shape)
      values.emplace_back(i, frame.elements.vector_at(results[i], index));
  }
  for (const auto& [i, value] : values) {
    const Emitter::At at(frame.e, frame.body().node(results[i]));
    frame.elements.store(frame.results[i], frame.body().type(results[i]), index, value);
  }
}

static void emit_flat(Frame& frame, const Shape& shape) {
  Emitter& e = frame.e;
  const Dim count = frame.plan.units.axes[0].size;
  llvm::Value* const first = e.b.CreateMul(frame.begin, e.i64(kFlatBlock));
  llvm::Value* const last = e.min(e.b.CreateMul(frame.end, e.i64(kFlatBlock)), e.size(count));
  frame.elements.begin_row(e.preheader("row"));
  const int lanes = count == Dim(1) ? 1 : e.target.lanes(4);
  for_vectors(frame, first, last, lanes, [&](const Coordinate& i) { store_results(frame, shape, {i}); });
}

void emit_loop(Frame& frame) {
  Emitter& e = frame.e;
  const Shape& shape = frame.body().type(frame.body().results()[0]).shape;
  if (std::get<LoopKernel>(frame.plan.how).flat) return emit_flat(frame, shape);
  if (std::get<LoopKernel>(frame.plan.how).by_positions) return emit_loop_of_windows(frame);
  e.loop(frame.begin, frame.end, 1, [&](llvm::Value* unit) {
    const auto blocks = unit_blocks(frame, unit);
    Index index;
    for (llvm::Value* block : blocks) index.push_back({block, false, nullptr, Level::kRow});
    if (index.empty()) {
      frame.elements.begin_row(e.preheader("row"));
      frame.elements.begin_vector(1, nullptr);
      store_results(frame, shape, index);
      return;
    }
    const Dim inner = shape[shape.rank() - 1];
    llvm::Value* const first = e.b.CreateMul(blocks.back(), e.i64(kFlatBlock));
    llvm::Value* const last = e.min(e.b.CreateAdd(first, e.i64(kFlatBlock)), e.size(inner));
    frame.elements.begin_row(e.preheader("row"));
    for_vectors(frame, first, last, inner == Dim(1) ? 1 : e.target.lanes(4), [&](const Coordinate& i) {
      index.back() = i;
      store_results(frame, shape, index);
    });
  });
}

}  // namespace sluice::backend
