#include "backend/codegen/philox.h"

namespace sluice::backend {

std::array<llvm::Value*, 4> emit_philox(Emitter& e, llvm::Value* block, llvm::Value* counter, llvm::Value* key) {
  auto& b = e.b;
  llvm::Type* const word = Emitter::like(block, b.getInt32Ty());
  llvm::Type* const wide = Emitter::like(block, b.getInt64Ty());
  const auto low = [&](llvm::Value* x) { return b.CreateTrunc(x, word); };
  const auto high = [&](llvm::Value* x) {
    return b.CreateTrunc(b.CreateLShr(x, llvm::ConstantInt::get(x->getType(), 32)), word);
  };
  const auto w = [&](std::uint32_t value) { return llvm::ConstantInt::get(word, value); };
  std::array<llvm::Value*, 4> c{low(block), high(block), low(counter), high(counter)};
  llvm::Value* k0 = low(key);
  llvm::Value* k1 = high(key);
  for (int round = 0; round < 10; ++round) {
    llvm::Value* const p0 = b.CreateMul(b.CreateZExt(c[0], wide), llvm::ConstantInt::get(wide, 0xD2511F53U));
    llvm::Value* const p1 = b.CreateMul(b.CreateZExt(c[2], wide), llvm::ConstantInt::get(wide, 0xCD9E8D57U));
    c = {b.CreateXor(b.CreateXor(high(p1), c[1]), k0), low(p1), b.CreateXor(b.CreateXor(high(p0), c[3]), k1), low(p0)};
    k0 = b.CreateAdd(k0, w(0x9E3779B9U));
    k1 = b.CreateAdd(k1, w(0xBB67AE85U));
  }
  return c;
}

}  // namespace sluice::backend
