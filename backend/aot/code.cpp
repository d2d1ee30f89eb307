#include "backend/aot/code.h"

namespace sluice::backend::aot {

namespace {

llvm::Value* load(Emitter& e, llvm::Type* type, llvm::Value* base, std::int64_t offset) {
  return e.b.CreateLoad(type, at(e, base, offset));
}

}  // namespace

llvm::Value* at(Emitter& e, llvm::Value* base, std::int64_t offset) {
  return offset == 0 ? base : e.element(e.b.getInt8Ty(), base, e.i64(offset));
}

llvm::Value* load_i64(Emitter& e, llvm::Value* base, std::int64_t offset) {
  return load(e, e.b.getInt64Ty(), base, offset);
}

llvm::Value* load_i32(Emitter& e, llvm::Value* base, std::int64_t offset) {
  return load(e, e.b.getInt32Ty(), base, offset);
}

llvm::Value* load_pointer(Emitter& e, llvm::Value* base, std::int64_t offset) {
  return load(e, e.b.getPtrTy(), base, offset);
}

void store(Emitter& e, llvm::Value* value, llvm::Value* base, std::int64_t offset) {
  e.b.CreateStore(value, at(e, base, offset));
}

llvm::ConstantInt* i32(Emitter& e, std::int64_t value) { return e.b.getInt32(static_cast<std::uint32_t>(value)); }

llvm::Value* aligned(Emitter& e, llvm::Value* x) { return e.b.CreateAnd(e.b.CreateAdd(x, e.i64(63)), e.i64(-64)); }

void return_if(Emitter& e, llvm::Value* condition, int code) {
  llvm::Function* const parent = e.b.GetInsertBlock()->getParent();
  llvm::BasicBlock* const leave = llvm::BasicBlock::Create(e.b.getContext(), "leave", parent);
  llvm::BasicBlock* const stay = llvm::BasicBlock::Create(e.b.getContext(), "stay", parent);
  e.b.CreateCondBr(condition, leave, stay);
  e.b.SetInsertPoint(leave);
  e.b.CreateRet(llvm::ConstantInt::get(parent->getReturnType(), static_cast<std::uint64_t>(code), true));
  e.b.SetInsertPoint(stay);
}

void copy(Emitter& e, llvm::Value* to, llvm::Value* from, llvm::Value* bytes) {
  e.b.CreateMemCpy(to, llvm::MaybeAlign(1), from, llvm::MaybeAlign(1), bytes);
}

}  // namespace sluice::backend::aot
