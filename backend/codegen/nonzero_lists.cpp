#include "backend/codegen/nonzero_lists.h"

#include <fmt/format.h>
#include <llvm/IR/IntrinsicsX86.h>

namespace sluice::backend {

namespace {

constexpr std::int64_t kEntry = 2;   // bytes
constexpr std::int64_t kCount = 4;   // entries, in front of a segment's list
constexpr int kTogether = 4;         // a vector has a multiple of so many lanes
constexpr std::int64_t kWorth = 16;  // lists pay if the first leaves out more than one position of so many

std::int64_t block_of(Dim depth, const Tile& tile) { return tile.depth_block > 0 ? tile.depth_block : depth.size; }

}  // namespace

NonzeroLists::NonzeroLists(Emitter& emitter, Matrix first_factor, DType dtype, Dim rows, Dim depth, const Tile& tile,
                           llvm::Value* memory, std::int64_t list_bytes)
    : e_(emitter),
      a_(std::move(first_factor)),
      rows_(rows),
      depth_(depth),
      tile_rows_(tile.rows),
      block_(block_of(depth, tile)),
      list_bytes_(list_bytes),
      element_(e_.b.getIntNTy(static_cast<unsigned>(8 * size_of(dtype)))),
      align_(size_of(dtype)),
      lanes_(e_.target.lanes(4)),
      skips_(memory),
      worth_(e_.element(e_.b.getInt64Ty(), memory, e_.i64(1))),
      all_(e_.element(e_.b.getInt8Ty(), memory, e_.i64(kLine))),
      segments_(e_.element(e_.b.getInt8Ty(), all_, e_.i64(list_bytes_))) {}

llvm::Value* NonzeroLists::segment(llvm::Value* tile, llvm::Value* lead) const {
  auto& b = e_.b;
  llvm::Value* const blocks = e_.blocks(depth_, block_);
  llvm::Value* const number = b.CreateAdd(e_.mul(tile, blocks), b.CreateUDiv(lead, e_.i64(block_)));
  return e_.element(b.getInt8Ty(), segments_, b.CreateMul(number, e_.i64(list_bytes_)));
}

void NonzeroLists::build(llvm::Value* begin, llvm::Value* end, llvm::Value* first_panel, llvm::Value* last_panel,
                         llvm::Value* row_tiles) const {
  auto& b = e_.b;
  // Parts of several panels may have all tiles.
  llvm::Value* const before = b.CreateMul(first_panel, row_tiles);
  llvm::Value* const one = b.CreateICmpEQ(b.CreateAdd(first_panel, e_.i64(1)), last_panel);
  begin = b.CreateSelect(one, b.CreateSub(begin, before), e_.i64(0));
  end = b.CreateSelect(one, b.CreateSub(end, before), row_tiles);
  llvm::Type* const entries = Emitter::vector_of(b.getInt16Ty(), lanes_);
  e_.loop(e_.i64(0), e_.i64(block_), lanes_, [&](llvm::Value* i) {
    b.CreateAlignedStore(b.CreateTrunc(e_.counting(i, lanes_), entries), e_.element(b.getInt16Ty(), all_, i),
                         llvm::Align(kEntry));
  });
  // The first tile, and then the others if its list says that they are worth it.
  e_.loop(e_.i64(0), e_.i64(2), 1, {begin, e_.min(b.CreateAdd(begin, e_.i64(1)), end)},
          [&](llvm::Value*, const Values& range) {
            e_.loop(range[0], range[1], 1, [&](llvm::Value* tile) {
              e_.loop(e_.i64(0), e_.size(depth_), block_, [&](llvm::Value* lead) { build_segment(tile, lead); });
            });
            llvm::Value* const listed = e_.mul(load_number(segment(begin, e_.i64(0))), e_.i64(kWorth));
            llvm::Value* const all = e_.mul(e_.min(e_.size(depth_), e_.i64(block_)), e_.i64(kWorth - 1));
            llvm::Value* worth = b.CreateICmpSLT(listed, all);
            if (!depth_.always_at_least(1))
              worth = b.CreateAnd(worth, b.CreateICmpSGT(all, e_.i64(0)));  // there is no list
            store_number(b.CreateZExt(worth, b.getInt64Ty()), worth_);
            return Values{range[1], b.CreateSelect(worth, end, range[1])};
          });
}

void NonzeroLists::build_segment(llvm::Value* tile, llvm::Value* lead) const {
  auto& b = e_.b;
  llvm::Value* const row = b.CreateMul(tile, e_.i64(tile_rows_));
  llvm::Value* const stride = e_.size(a_.stride());
  llvm::Value* const first =
      a_.transposed ? b.CreateAdd(b.CreateMul(lead, stride), row) : b.CreateAdd(b.CreateMul(row, stride), lead);
  llvm::Value* const rows = e_.min(e_.i64(tile_rows_), b.CreateSub(e_.size(rows_), row));
  llvm::Value* const positions = e_.min(e_.i64(block_), b.CreateSub(e_.size(depth_), lead));
  b.CreateCall(lister(), {e_.element(element_, a_.place.pointer, first), stride, rows, positions, segment(tile, lead)});
}

/// A function that looks through `positions` positions of `rows` rows, of as many as a tile has, from `a` on, and
/// writes a segment.
llvm::Function* NonzeroLists::lister() const {
  llvm::Function*& made =
      e_.shared[fmt::format("nonzero_{}_{}_{}", element_->getIntegerBitWidth(), a_.transposed ? "t" : "n", tile_rows_)];
  if (made != nullptr) return made;
  auto& b = e_.b;
  const llvm::IRBuilderBase::InsertPointGuard guard(b);
  llvm::Type* const pointer = b.getPtrTy();
  llvm::Type* const i64 = b.getInt64Ty();
  made = e_.function(fmt::format("nonzero_{}_{}", element_->getIntegerBitWidth(), a_.transposed ? "t" : "n"),
                     b.getVoidTy(), {pointer, i64, i64, i64, pointer}, false);
  const Rows of{made->getArg(0), made->getArg(1), made->getArg(2), made->getArg(3)};
  llvm::Value* const start = made->getArg(4);
  llvm::Value* const list = e_.element(b.getInt16Ty(), start, e_.i64(kCount));
  const Values found = e_.loop(e_.i64(0), of.positions, lanes_, {e_.i64(0)}, [&](llvm::Value* i, const Values& count) {
    return Values{append(list, count[0], i, a_.transposed ? bits_down_columns(of, i) : bits_along_rows(of, i))};
  });
  store_number(found[0], start);
  b.CreateRetVoid();
  return made;
}

/// As integers, without the sign: 0 for both zeros.
llvm::Value* NonzeroLists::load_magnitudes(llvm::Value* from, llvm::Value* mask, int lanes) const {
  llvm::Type* const type = Emitter::vector_of(element_, lanes);
  llvm::Value* const loaded = e_.b.CreateMaskedLoad(type, from, align_, mask, llvm::Constant::getNullValue(type));
  return e_.b.CreateShl(loaded, llvm::ConstantInt::get(type, 1));
}

/// A bit for each lane of a vector of positions from `first` on; rows of memory are rows of the tile.
llvm::Value* NonzeroLists::bits_along_rows(const Rows& of, llvm::Value* first) const {
  auto& b = e_.b;
  llvm::Value* const mask = e_.first_lanes(b.CreateSub(of.positions, first), lanes_);
  const Values none{llvm::Constant::getNullValue(Emitter::vector_of(element_, lanes_))};
  const Values any = e_.loop(e_.i64(0), of.rows, 1, none, [&](llvm::Value* row, const Values& before) {
    llvm::Value* const from = b.CreateAdd(b.CreateMul(row, of.stride), first);
    return Values{b.CreateOr(before[0], load_magnitudes(e_.element(element_, of.a, from), mask, lanes_))};
  });
  llvm::Value* const nonzero = b.CreateICmpNE(any[0], none[0]);
  return b.CreateZExt(b.CreateBitCast(nonzero, b.getIntNTy(static_cast<unsigned>(lanes_))), b.getInt64Ty());
}

/// The same where rows of memory are inner positions: past the last one, that again.
llvm::Value* NonzeroLists::bits_down_columns(const Rows& of, llvm::Value* first) const {
  auto& b = e_.b;
  const auto rows = static_cast<int>(tile_rows_);
  llvm::Value* const mask = e_.first_lanes(of.rows, rows);
  llvm::Value* const last = b.CreateSub(of.positions, e_.i64(1));
  llvm::Value* const lanes = e_.i64(lanes_);
  const Values bits = e_.loop(e_.i64(0), lanes, kTogether, {e_.i64(0)}, [&](llvm::Value* i, const Values& before) {
    llvm::Value* now = before[0];
    for (int j = 0; j < kTogether; ++j) {
      llvm::Value* const lane = b.CreateAdd(i, e_.i64(j));
      llvm::Value* const position = e_.min(b.CreateAdd(first, lane), last);
      llvm::Value* const from = e_.element(element_, of.a, b.CreateMul(position, of.stride));
      llvm::Value* const any = b.CreateOrReduce(load_magnitudes(from, mask, rows));
      llvm::Value* const nonzero = b.CreateICmpNE(any, llvm::Constant::getNullValue(element_));
      now = b.CreateOr(now, b.CreateShl(b.CreateZExt(nonzero, b.getInt64Ty()), lane));
    }
    return Values{now};
  });
  llvm::Value* const past = b.CreateShl(e_.i64(-1), e_.min(b.CreateSub(of.positions, first), lanes));
  return b.CreateAnd(bits[0], b.CreateNot(past));
}

/// Writes the positions that `bits` marks, counted from `first`, after the `count` that the list has; returns the new
/// count.
llvm::Value* NonzeroLists::append(llvm::Value* list, llvm::Value* count, llvm::Value* first, llvm::Value* bits) const {
  auto& b = e_.b;
  const auto place = [&](llvm::Value* at) { return e_.element(b.getInt16Ty(), list, at); };
  constexpr int kZmm = 64;
  if (e_.target.vector_bytes == kZmm) {
    llvm::Type* const numbers = Emitter::vector_of(b.getInt32Ty(), lanes_);
    llvm::Value* const mask = b.CreateBitCast(b.CreateTrunc(bits, b.getIntNTy(static_cast<unsigned>(lanes_))),
                                              Emitter::vector_of(b.getInt1Ty(), lanes_));
    llvm::Value* const all = b.CreateTrunc(e_.counting(first, lanes_), numbers);
    llvm::Value* const marked = b.CreateIntrinsic(llvm::Intrinsic::x86_avx512_mask_compress, {numbers},
                                                  {all, llvm::Constant::getNullValue(numbers), mask});
    b.CreateAlignedStore(b.CreateTrunc(marked, Emitter::vector_of(b.getInt16Ty(), lanes_)), place(count),
                         llvm::Align(kEntry));
    return b.CreateAdd(count, b.CreateUnaryIntrinsic(llvm::Intrinsic::ctpop, bits));
  }
  const Values counted = e_.loop(e_.i64(0), e_.i64(lanes_), 1, {count}, [&](llvm::Value* i, const Values& now) {
    b.CreateAlignedStore(b.CreateTrunc(b.CreateAdd(first, i), b.getInt16Ty()), place(now[0]), llvm::Align(kEntry));
    return Values{b.CreateAdd(now[0], b.CreateAnd(b.CreateLShr(bits, i), e_.i64(1)))};
  });
  return counted[0];
}

llvm::Value* NonzeroLists::load_number(llvm::Value* from) const {
  return e_.b.CreateAlignedLoad(e_.b.getInt64Ty(), from, llvm::Align(8));
}

void NonzeroLists::store_number(llvm::Value* number, llvm::Value* to) const {
  e_.b.CreateAlignedStore(number, to, llvm::Align(8));
}

void NonzeroLists::forget() const { store_number(e_.i64(0), skips_); }

void NonzeroLists::note(llvm::Value* finite) const {
  store_number(e_.b.CreateAnd(finite, load_number(worth_)), skips_);
}

NonzeroLists::Positions NonzeroLists::of(llvm::Value* tile, llvm::Value* lead, llvm::Value* turns) const {
  auto& b = e_.b;
  llvm::Value* const own = segment(tile, lead);
  llvm::Value* const skips = b.CreateICmpNE(load_number(skips_), e_.i64(0));
  return {b.CreateSelect(skips, e_.element(b.getInt16Ty(), own, e_.i64(kCount)), all_),
          b.CreateSelect(skips, load_number(own), turns)};
}

llvm::Value* NonzeroLists::first_of(Emitter& e, llvm::Value* list) {
  return e.b.CreateZExt(e.b.CreateAlignedLoad(e.b.getInt16Ty(), list, llvm::Align(kEntry)), e.b.getInt64Ty());
}

}  // namespace sluice::backend
