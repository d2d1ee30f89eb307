#include "backend/codegen/panel_packer.h"

#include <fmt/format.h>

namespace sluice::backend {

PanelPacker::PanelPacker(Emitter& emitter, DType dtype, std::int64_t columns)
    : e_(emitter),
      element_(emitter.memory_type(dtype)),
      bytes_(static_cast<int>(size_of(dtype))),
      lanes_(emitter.target.lanes(bytes_)),
      columns_(columns) {}

void PanelPacker::pack_rows(llvm::Value* from, llvm::Value* stride, llvm::Value* depth, llvm::Value* count,
                            std::int64_t vectors, llvm::Value* to) {
  auto& b = e_.b;
  llvm::Type* const vector = Emitter::vector_of(element_, lanes_);
  const llvm::Align align(static_cast<std::uint64_t>(bytes_));
  e_.loop(e_.i64(0), depth, 1, [&](llvm::Value* k) {
    llvm::Value* const row = e_.element(element_, from, b.CreateMul(k, stride));
    llvm::Value* const packed = e_.element(element_, to, b.CreateMul(k, e_.i64(columns_)));
    for (std::int64_t v = 0; v < vectors; ++v) {
      llvm::Value* const offset = e_.i64(v * lanes_);
      llvm::Value* const left = e_.min(e_.max(b.CreateSub(count, offset), e_.i64(0)), e_.i64(lanes_));
      llvm::Value* const loaded =
          b.CreateMaskedLoad(vector, e_.element(element_, row, offset), align, e_.first_lanes(left, lanes_),
                             llvm::Constant::getNullValue(vector));
      b.CreateAlignedStore(loaded, e_.element(element_, packed, offset), align);
    }
  });
}

void PanelPacker::pack_transposed(llvm::Value* from, llvm::Value* stride, llvm::Value* last_row, llvm::Value* left,
                                  llvm::Value* to) {
  e_.b.CreateCall(transposed_function(), {from, stride, last_row, left, to});
}

llvm::Function* PanelPacker::transposed_function() {
  llvm::Function*& made = e_.shared[fmt::format("transpose_{}_{}", bytes_ * 8, columns_)];
  if (made != nullptr) return made;
  auto& b = e_.b;
  const llvm::IRBuilderBase::InsertPointGuard guard(b);
  llvm::Type* const pointer = b.getPtrTy();
  llvm::Type* const i64 = b.getInt64Ty();
  made = e_.function(fmt::format("transpose_{}_{}", bytes_ * 8, columns_), b.getVoidTy(),
                     {pointer, i64, i64, i64, pointer}, false);
  llvm::Type* const vector = Emitter::vector_of(element_, lanes_);
  const llvm::Align align(static_cast<std::uint64_t>(bytes_));
  llvm::Value* const mask = e_.first_lanes(e_.min(made->getArg(3), e_.i64(lanes_)), lanes_);
  Values block;
  for (int i = 0; i < lanes_; ++i) {
    llvm::Value* const row = e_.min(e_.i64(i), made->getArg(2));
    llvm::Value* const from = e_.element(element_, made->getArg(0), b.CreateMul(row, made->getArg(1)));
    block.push_back(b.CreateMaskedLoad(vector, from, align, mask, llvm::Constant::getNullValue(vector)));
  }
  transpose(block);
  for (int i = 0; i < lanes_; ++i) {
    llvm::Value* const to = e_.element(element_, made->getArg(4), e_.i64(i * columns_));
    b.CreateAlignedStore(block[static_cast<std::size_t>(i)], to, align);
  }
  b.CreateRetVoid();
  return made;
}

/// In turn for each bit of the number of a row, exchanges it with that bit of the lane's number.
void PanelPacker::transpose(Values& block) {
  for (int bit = 1; bit < lanes_; bit *= 2) {
    std::vector<int> low;
    std::vector<int> high;
    for (int lane = 0; lane < lanes_; ++lane) {
      low.push_back((lane & bit) == 0 ? lane : lanes_ + lane - bit);
      high.push_back((lane & bit) == 0 ? lane + bit : lanes_ + lane);
    }
    for (int i = 0; i < lanes_; ++i) {
      if ((i & bit) != 0) continue;
      llvm::Value*& x = block[static_cast<std::size_t>(i)];
      llvm::Value*& y = block[static_cast<std::size_t>(i + bit)];
      llvm::Value* const upper = e_.b.CreateShuffleVector(x, y, high);
      x = e_.b.CreateShuffleVector(x, y, low);
      y = upper;
    }
  }
}

}  // namespace sluice::backend
