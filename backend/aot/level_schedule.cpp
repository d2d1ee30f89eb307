#include <algorithm>

#include "backend/aot/code.h"
#include "backend/aot/level.h"
#include "backend/kernel_time.h"
#include "sluice/error.h"

// The part of a step that depends on sizes only: addresses of what grows with them, and the shares of threads.
namespace sluice::backend::aot {

namespace {

llvm::Value* number(Emitter& e, double value) { return llvm::ConstantFP::get(e.b.getDoubleTy(), value); }

llvm::Value* least(Emitter& e, llvm::Value* x, llvm::Value* y) {
  return e.b.CreateSelect(e.b.CreateFCmpOLT(x, y), x, y);
}

llvm::Value* most(Emitter& e, llvm::Value* x, llvm::Value* y) {
  return e.b.CreateSelect(e.b.CreateFCmpOGT(x, y), x, y);
}

llvm::Value* sum_of(Emitter& e, const std::vector<KernelTime::Term>& terms) {
  llvm::Value* sum = number(e, 0);
  for (const auto& [factor, growth] : terms) {
    llvm::Value* const size = e.b.CreateSIToFP(e.size(growth ? Dim(1, growth) : Dim(1)), e.b.getDoubleTy());
    sum = e.b.CreateFAdd(sum, e.b.CreateFMul(number(e, factor), size));
  }
  return sum;
}

/// KernelTime::seconds.
llvm::Value* seconds_of(Emitter& e, const KernelTime& time) {
  llvm::Value* const of_bytes = e.b.CreateFMul(sum_of(e, time.bytes), number(e, 1 / kEstimatedBytesACycle));
  return e.b.CreateFMul(most(e, sum_of(e, time.cycles), of_bytes), number(e, 1 / kEstimatedHertz));
}

struct Counts {
  llvm::Value* units = nullptr;
  llvm::Value* units_of_block = nullptr;  ///< of the first axis
};

Counts counts_of(Emitter& e, const Units& units) {
  Counts counts{e.i64(1), e.i64(1)};
  for (std::size_t axis = 0; axis < units.axes.size(); ++axis) {
    llvm::Value* const blocks = e.blocks(units.axes[axis].size, units.axes[axis].block);
    counts.units = e.mul(counts.units, blocks);
    if (axis > 0) counts.units_of_block = e.mul(counts.units_of_block, blocks);
  }
  return counts;
}

}  // namespace

Level::Extents Level::extents(Emitter& e) const {
  Extents extents;
  llvm::Value* end = e.i64(0);
  for (const GrowingArena& arena : plan_.arenas) {
    llvm::Value* const growth = e.max(e.size(Dim(1, arena.bytes.batch)), e.i64(0));
    llvm::Value* const unit = aligned(e, e.mul(e.i64(arena.granule), growth));
    extents.arenas.push_back(end);
    extents.units.push_back(unit);
    end = e.add(end, e.mul(e.i64(arena.bytes.size / arena.granule), unit));
  }
  for (std::size_t i = 0; i < tails_.size(); ++i) {
    extents.copies.push_back(tails_[i] > 0 ? end : nullptr);
    if (tails_[i] == 0) continue;
    const Type& type = plan_.parameters[i];
    const auto element = static_cast<std::int64_t>(size_of(type.dtype));
    llvm::Value* const bytes = e.mul(e.size(type.shape.element_count()), e.i64(element));
    end = e.add(end, aligned(e, e.add(bytes, e.i64(tails_[i]))));
  }
  extents.room = end;
  llvm::Value* scratch = e.i64(0);
  std::vector<Bytes> seen;
  for (const KernelPlan& kernel : plan_.kernels) {
    const Bytes bytes = kernel.scratch();
    if (std::ranges::find(seen, bytes) != seen.end()) continue;
    seen.push_back(bytes);
    scratch = e.max(scratch, e.size(bytes));
  }
  extents.stride = aligned(e, e.add(scratch, e.i64(kLine)));
  return extents;
}

void Level::bind_growing(Emitter& e, llvm::Value* memory, const Extents& extents, llvm::Value* room) {
  for (std::size_t i = 0; i < plan_.buffers.size(); ++i) {
    const Buffer& buffer = plan_.buffers[i];
    if (buffer.kind != BufferKind::kTemporary || !buffer.bytes.batch || uses_[i].empty()) continue;
    const auto alike = [&](const GrowingArena& arena) { return arena.bytes.batch == buffer.bytes.batch; };
    const auto arena = std::ranges::find_if(plan_.arenas, alike);
    SLUICE_CHECK(arena != plan_.arenas.end(), "no arena grows with {}", to_string(buffer.bytes));
    const auto index = static_cast<std::size_t>(arena - plan_.arenas.begin());
    llvm::Value* const inside = e.mul(e.i64(buffer.offset.size / arena->granule), extents.units[index]);
    set_address(e, memory, i, e.element(e.b.getInt8Ty(), room, e.add(extents.arenas[index], inside)));
  }
}

/// As StepSchedule: kernels of a few microseconds run on one thread, which needs no barriers between them.
void Level::emit_shares(Emitter& e, llvm::Value* memory, const Team& team) {
  auto& b = e.b;
  llvm::Type* const i64 = b.getInt64Ty();
  llvm::Value* saved = number(e, 0);
  llvm::Value* worth = e.i64(1);
  const auto threads_at = [&](std::size_t k) { return kernel_threads_ + 4 * static_cast<std::int64_t>(k); };
  std::vector<Counts> counts;
  for (std::size_t k = 0; k < plan_.kernels.size(); ++k) {
    const KernelPlan& kernel = plan_.kernels[k];
    counts.push_back(counts_of(e, kernel.units));
    llvm::Value* const seconds = seconds_of(e, kernel_time(plan_, kernel, target_));
    llvm::Value* const grains = b.CreateFMul(seconds, number(e, 1 / kGrainSeconds));
    llvm::Value* const paid = b.CreateFPToSI(least(e, grains, number(e, kMostThreads)), i64);
    llvm::Value* threads = e.max(e.min(paid, counts[k].units), e.i64(1));
    if (specification_.share_all) threads = e.i64(kMostThreads);
    store(e, b.CreateTrunc(threads, b.getInt32Ty()), memory, threads_at(k));
    worth = e.max(worth, threads);
    llvm::Value* const half = b.CreateFMul(seconds, number(e, 0.5));  // what a second thread saves
    saved = b.CreateFAdd(saved, b.CreateSelect(b.CreateICmpSGT(threads, e.i64(1)), half, number(e, 0)));
  }
  if (!specification_.share_all)
    worth = b.CreateSelect(b.CreateFCmpOLT(saved, number(e, kForkPaysSeconds)), e.i64(1), worth);
  llvm::Value* const all = b.CreateSExt(load_i32(e, memory, kThreadsAt), i64);
  llvm::Value* const used = e.min(worth, all);
  store(e, b.CreateTrunc(used, b.getInt32Ty()), memory, kUsedAt);

  llvm::Value* const row = b.CreateAdd(all, e.i64(1));
  llvm::Value* begins = at(e, memory, fixed_);
  llvm::Value* must_wait = b.getFalse();  // some kernel since the last barrier conflicts with another one
  llvm::Value* shared = b.getFalse();     // some kernel since the last barrier ran on several threads
  for (std::size_t k = 0; k < plan_.kernels.size(); ++k) {
    const KernelPlan& kernel = plan_.kernels[k];
    llvm::Value* const of_kernel = e.min(b.CreateSExt(load_i32(e, memory, threads_at(k)), i64), used);
    const Units::Axis axis = kernel.units.axes.empty() ? Units::Axis{1, 1} : kernel.units.axes[0];
    b.CreateCall(team.share, {begins, used, of_kernel, counts[k].units, counts[k].units_of_block, e.size(axis.size),
                              e.i64(axis.block), e.i64(kernel.units.step)});
    begins = e.element(i64, begins, row);
    llvm::Value* const divided = b.CreateICmpSGT(of_kernel, e.i64(1));
    if (kernel.barrier_before) must_wait = b.getTrue();
    llvm::Value* const barrier = b.CreateAnd(must_wait, b.CreateOr(shared, divided));
    store(e, b.CreateZExt(barrier, b.getInt8Ty()), memory, barriers_ + static_cast<std::int64_t>(k));
    must_wait = b.CreateAnd(must_wait, b.CreateNot(barrier));
    shared = b.CreateOr(b.CreateAnd(shared, b.CreateNot(barrier)), divided);
  }
}

llvm::Function* Level::emit_schedule(Emitter& e, const Team& team) {
  auto& b = e.b;
  llvm::Function* const function = internal(e, name_ + "_schedule", b.getInt32Ty(), {b.getPtrTy()});
  llvm::Value* const memory = function->getArg(0);
  load_sizes(e, at(e, memory, memory_.sizes));
  const Extents needed = extents(e);
  llvm::Value* const threads = b.CreateSExt(load_i32(e, memory, kThreadsAt), b.getInt64Ty());
  llvm::Value* const bytes = b.CreateAdd(needed.room, b.CreateMul(needed.stride, threads));
  return_if(e, b.CreateICmpSGT(bytes, load_i64(e, memory, kCapacityAt)), kTooLittleMemory);
  llvm::Value* const room = e.element(b.getInt8Ty(), at(e, memory, fixed_), share_bytes(e, threads));
  bind_growing(e, memory, needed, room);
  store(e, e.element(b.getInt8Ty(), room, needed.room), memory, kScratchAt);
  store(e, needed.stride, memory, kStrideAt);
  for (std::size_t i = 0; i < plan_.symbols.size(); ++i)
    store(e, e.size(length(plan_.symbols[i].name())), memory, sizes_ + kWord * static_cast<std::int64_t>(i));
  emit_shares(e, memory, team);
  store(e, b.getInt32(1), memory, kScheduledAt);
  b.CreateRet(b.getInt32(0));
  return function;
}

}  // namespace sluice::backend::aot
