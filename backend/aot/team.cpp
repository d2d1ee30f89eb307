#include "backend/aot/team.h"

#include <llvm/IR/InlineAsm.h>
#include <llvm/IR/Intrinsics.h>
#include <llvm/IR/IntrinsicsX86.h>

#include "backend/aot/code.h"
#include "backend/aot/memory_map.h"

namespace sluice::backend::aot {

namespace {

bool is_x86(const Emitter& e) { return e.target.triple.starts_with("x86_64"); }

void emit_pause(Emitter& e) {
  if (is_x86(e)) e.b.CreateIntrinsic(llvm::Intrinsic::x86_sse2_pause, {}, {});
}

llvm::LoadInst* load_arrivals(Emitter& e, llvm::Value* place) {
  llvm::LoadInst* const loaded = e.b.CreateAlignedLoad(e.b.getInt32Ty(), place, llvm::Align(4));
  loaded->setAtomic(llvm::AtomicOrdering::Acquire);
  return loaded;
}

/// A counter that only increases needs no per-thread state: the barrier of this arrival is complete when the counter
/// reaches the next multiple of the number of threads. Threads that wait for long let others run, if the caller has
/// given a function for that: the thread they wait for may need their core.
llvm::Function* emit_barrier(Emitter& e, const std::string& prefix) {
  auto& b = e.b;
  llvm::Function* const function = internal(e, prefix + "_barrier", b.getVoidTy(), {b.getPtrTy()});
  llvm::Value* const memory = function->getArg(0);
  llvm::Value* const count = load_i32(e, memory, kUsedAt);
  llvm::Value* const place = at(e, memory, kArrivalsAt);
  llvm::Value* const before = b.CreateAtomicRMW(llvm::AtomicRMWInst::Add, place, b.getInt32(1), llvm::MaybeAlign(4),
                                                llvm::AtomicOrdering::AcquireRelease);
  llvm::Value* const full =
      b.CreateMul(b.CreateUDiv(b.CreateAdd(before, count), count), count);  // ceil((before + 1) / count) * count

  const auto block = [&](const char* name) { return llvm::BasicBlock::Create(b.getContext(), name, function); };
  llvm::BasicBlock* const entry = b.GetInsertBlock();
  llvm::BasicBlock* const look = block("look");
  llvm::BasicBlock* const spin = block("spin");
  llvm::BasicBlock* const tired = block("tired");
  llvm::BasicBlock* const yield = block("yield");
  llvm::BasicBlock* const done = block("done");
  b.CreateBr(look);

  b.SetInsertPoint(look);
  llvm::PHINode* const spins = b.CreatePHI(b.getInt32Ty(), 4);
  spins->addIncoming(b.getInt32(0), entry);
  b.CreateCondBr(b.CreateICmpUGE(load_arrivals(e, place), full), done, spin);

  b.SetInsertPoint(spin);
  emit_pause(e);
  llvm::Value* const more = b.CreateAdd(spins, b.getInt32(1));
  constexpr std::uint32_t kSpins = 512;  // some 10 microseconds
  spins->addIncoming(more, spin);
  b.CreateCondBr(b.CreateICmpULT(more, b.getInt32(kSpins)), look, tired);

  b.SetInsertPoint(tired);
  llvm::Value* const function_of_caller = load_pointer(e, memory, kTeamAt + 16);
  spins->addIncoming(more, tired);
  b.CreateCondBr(b.CreateIsNull(function_of_caller), look, yield);

  b.SetInsertPoint(yield);
  b.CreateCall(llvm::FunctionType::get(b.getVoidTy(), {b.getPtrTy()}, false), function_of_caller,
               {load_pointer(e, memory, kTeamAt)});
  spins->addIncoming(more, yield);
  b.CreateBr(look);

  b.SetInsertPoint(done);
  b.CreateRetVoid();
  return function;
}

llvm::Function* emit_share(Emitter& e, const std::string& prefix) {
  auto& b = e.b;
  llvm::Type* const i64 = b.getInt64Ty();
  llvm::Function* const function =
      internal(e, prefix + "_share", b.getVoidTy(), {b.getPtrTy(), i64, i64, i64, i64, i64, i64, i64});
  llvm::Value* const begins = function->getArg(0);
  llvm::Value* const threads = function->getArg(1);
  llvm::Value* const used = function->getArg(2);
  llvm::Value* const all = function->getArg(3);
  llvm::Value* const of_block = function->getArg(4);
  llvm::Value* const size = function->getArg(5);
  llvm::Value* const block = function->getArg(6);
  llvm::Value* const step = function->getArg(7);
  const auto cost_of = [&](llvm::Value* x) { return b.CreateSDiv(b.CreateAdd(x, b.CreateSub(step, e.i64(1))), step); };
  llvm::Value* const whole_units = b.CreateMul(b.CreateSDiv(size, block), of_block);
  llvm::Value* const whole_cost = cost_of(block);
  llvm::Value* const rest_cost = cost_of(b.CreateSRem(size, block));
  llvm::Value* const of_whole = b.CreateMul(whole_units, whole_cost);
  llvm::Value* const total = b.CreateAdd(of_whole, b.CreateMul(b.CreateSub(all, whole_units), rest_cost));
  e.loop(e.i64(0), b.CreateAdd(threads, e.i64(1)), 1, [&](llvm::Value* thread) {
    llvm::Value* const cost = b.CreateSDiv(b.CreateMul(total, e.min(thread, used)), used);
    llvm::Value* const place = e.element(i64, begins, thread);
    e.if_else(
        b.CreateICmpSLE(cost, of_whole), [&] { b.CreateStore(b.CreateSDiv(cost, whole_cost), place); },
        [&] {
          llvm::Value* const rest = b.CreateSDiv(b.CreateSub(cost, of_whole), rest_cost);
          b.CreateStore(b.CreateAdd(whole_units, rest), place);
        });
  });
  b.CreateRetVoid();
  return function;
}

}  // namespace

Team emit_team(Emitter& e, const std::string& prefix) { return {emit_barrier(e, prefix), emit_share(e, prefix)}; }

llvm::Value* flush_denormals(Emitter& e) {
  if (!is_x86(e)) return nullptr;
  auto& b = e.b;
  constexpr std::uint32_t kFlushToZero = 0x8000;
  constexpr std::uint32_t kDenormalsAreZero = 0x0040;
  llvm::Value* const place = b.CreateAlloca(b.getInt32Ty());
  llvm::Value* const flushing = b.CreateAlloca(b.getInt32Ty());
  b.CreateIntrinsic(llvm::Intrinsic::x86_sse_stmxcsr, {}, {place});
  b.CreateStore(b.CreateOr(b.CreateLoad(b.getInt32Ty(), place), b.getInt32(kFlushToZero | kDenormalsAreZero)),
                flushing);
  b.CreateIntrinsic(llvm::Intrinsic::x86_sse_ldmxcsr, {}, {flushing});
  return place;
}

void restore_denormals(Emitter& e, llvm::Value* saved) {
  if (saved != nullptr) e.b.CreateIntrinsic(llvm::Intrinsic::x86_sse_ldmxcsr, {}, {saved});
}

}  // namespace sluice::backend::aot
