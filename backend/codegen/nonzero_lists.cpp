#include "backend/codegen/nonzero_lists.h"

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
                           llvm::Value* memory)
    : e_(emitter),
      a_(std::move(first_factor)),
      rows_(rows),
      depth_(depth),
      tile_rows_(tile.rows),
      block_(block_of(depth, tile)),
      element_(e_.b.getIntNTy(static_cast<unsigned>(8 * size_of(dtype)))),
      align_(size_of(dtype)),
      lanes_(e_.target.lanes(4)),
      skips_(memory),
      worth_(e_.element(e_.b.getInt64Ty(), memory, e_.i64(1))),
      all_(e_.element(e_.b.getInt8Ty(), memory, e_.i64(kLine))),
      segments_(e_.element(e_.b.getInt8Ty(), all_, e_.i64(nonzero_segment_bytes(block_)))) {}

llvm::Value* NonzeroLists::segment(llvm::Value* tile, llvm::Value* lead) {
  auto& b = e_.b;
  llvm::Value* const blocks = e_.blocks(depth_, block_);
  llvm::Value* const number = b.CreateAdd(e_.mul(tile, blocks), b.CreateUDiv(lead, e_.i64(block_)));
  return e_.element(b.getInt8Ty(), segments_, b.CreateMul(number, e_.i64(nonzero_segment_bytes(block_))));
}

void NonzeroLists::build(llvm::Value* begin, llvm::Value* end) {
  auto& b = e_.b;
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
            llvm::Value* const worth = b.CreateICmpSLT(listed, all);
            store_number(b.CreateZExt(worth, b.getInt64Ty()), worth_);
            return Values{range[1], b.CreateSelect(worth, end, range[1])};
          });
}

void NonzeroLists::build_segment(llvm::Value* tile, llvm::Value* lead) {
  auto& b = e_.b;
  llvm::Value* const start = segment(tile, lead);
  llvm::Value* const list = e_.element(b.getInt16Ty(), start, e_.i64(kCount));
  llvm::Value* const turns = e_.min(e_.i64(block_), b.CreateSub(e_.size(depth_), lead));
  const auto found = e_.loop(e_.i64(0), turns, lanes_, {e_.i64(0)}, [&](llvm::Value* i, const Values& count) {
    llvm::Value* const position = b.CreateAdd(lead, i);
    llvm::Value* const left = b.CreateSub(turns, i);
    llvm::Value* const bits =
        a_.transposed ? bits_down_columns(tile, position, left) : bits_along_rows(tile, position, left);
    return Values{append(list, count[0], i, bits)};
  });
  store_number(found[0], start);
}

llvm::Value* NonzeroLists::load_magnitudes(llvm::Value* at, int lanes, llvm::Value* mask) {
  auto& b = e_.b;
  llvm::Type* const type = Emitter::vector_of(element_, lanes);
  llvm::Value* const from = e_.element(element_, a_.place.pointer, at);
  llvm::Value* const loaded = mask == nullptr
                                  ? static_cast<llvm::Value*>(b.CreateAlignedLoad(type, from, align_))
                                  : b.CreateMaskedLoad(type, from, align_, mask, llvm::Constant::getNullValue(type));
  return b.CreateShl(loaded, llvm::ConstantInt::get(type, 1));
}

/// A bit for each of the `left` positions from `position` on, or of as many as a vector has lanes; rows of memory are
/// rows of the tile.
llvm::Value* NonzeroLists::bits_along_rows(llvm::Value* tile, llvm::Value* position, llvm::Value* left) {
  auto& b = e_.b;
  const bool whole = !depth_.batch && depth_.size % lanes_ == 0;
  llvm::Value* const mask = whole ? nullptr : e_.first_lanes(left, lanes_);
  llvm::Value* const row = b.CreateMul(tile, e_.i64(tile_rows_));
  llvm::Value* const last = b.CreateSub(e_.size(rows_), e_.i64(1));
  const Values start{llvm::Constant::getNullValue(Emitter::vector_of(element_, lanes_))};
  const Values any = e_.loop(e_.i64(0), e_.i64(tile_rows_), 1, start, [&](llvm::Value* r, const Values& before) {
    llvm::Value* const at = e_.min(b.CreateAdd(row, r), last);
    llvm::Value* const from = b.CreateAdd(b.CreateMul(at, e_.size(a_.stride())), position);
    return Values{b.CreateOr(before[0], load_magnitudes(from, lanes_, mask))};
  });
  llvm::Value* const nonzero = b.CreateICmpNE(any[0], llvm::Constant::getNullValue(any[0]->getType()));
  return b.CreateZExt(b.CreateBitCast(nonzero, b.getIntNTy(static_cast<unsigned>(lanes_))), b.getInt64Ty());
}

/// The same where rows of memory are inner positions: past the last one, that again.
llvm::Value* NonzeroLists::bits_down_columns(llvm::Value* tile, llvm::Value* position, llvm::Value* left) {
  auto& b = e_.b;
  const auto rows = static_cast<int>(tile_rows_);
  const bool whole = !rows_.batch && rows_.size % tile_rows_ == 0;
  llvm::Value* const row = b.CreateMul(tile, e_.i64(tile_rows_));
  llvm::Value* const mask = whole ? nullptr : e_.first_lanes(b.CreateSub(e_.size(rows_), row), rows);
  llvm::Value* const last = b.CreateSub(e_.size(depth_), e_.i64(1));
  const Values bits =
      e_.loop(e_.i64(0), e_.i64(lanes_), kTogether, {e_.i64(0)}, [&](llvm::Value* i, const Values& before) {
        llvm::Value* now = before[0];
        for (int j = 0; j < kTogether; ++j) {
          llvm::Value* const shift = b.CreateAdd(i, e_.i64(j));
          llvm::Value* const at = e_.min(b.CreateAdd(position, shift), last);
          llvm::Value* const any =
              b.CreateOrReduce(load_magnitudes(b.CreateAdd(b.CreateMul(at, e_.size(a_.stride())), row), rows, mask));
          llvm::Value* const nonzero = b.CreateICmpNE(any, llvm::Constant::getNullValue(element_));
          now = b.CreateOr(now, b.CreateShl(b.CreateZExt(nonzero, b.getInt64Ty()), shift));
        }
        return Values{now};
      });
  llvm::Value* const none = b.CreateShl(e_.i64(-1), e_.min(left, e_.i64(lanes_)));
  return b.CreateAnd(bits[0], b.CreateNot(none));
}

/// Writes the positions that `bits` marks, from `position` on, behind the `count` that the list has; gives the new
/// count.
llvm::Value* NonzeroLists::append(llvm::Value* list, llvm::Value* count, llvm::Value* position, llvm::Value* bits) {
  auto& b = e_.b;
  const auto place = [&](llvm::Value* at) { return e_.element(b.getInt16Ty(), list, at); };
  constexpr int kZmm = 64;
  if (e_.target.vector_bytes == kZmm) {
    llvm::Type* const numbers = Emitter::vector_of(b.getInt32Ty(), lanes_);
    llvm::Value* const mask = b.CreateBitCast(b.CreateTrunc(bits, b.getIntNTy(static_cast<unsigned>(lanes_))),
                                              Emitter::vector_of(b.getInt1Ty(), lanes_));
    llvm::Value* const all = b.CreateTrunc(e_.counting(position, lanes_), numbers);
    llvm::Value* const marked = b.CreateIntrinsic(llvm::Intrinsic::x86_avx512_mask_compress, {numbers},
                                                  {all, llvm::Constant::getNullValue(numbers), mask});
    b.CreateAlignedStore(b.CreateTrunc(marked, Emitter::vector_of(b.getInt16Ty(), lanes_)), place(count),
                         llvm::Align(kEntry));
    return b.CreateAdd(count, b.CreateUnaryIntrinsic(llvm::Intrinsic::ctpop, bits));
  }
  return e_.loop(e_.i64(0), e_.i64(lanes_), 1, {count}, [&](llvm::Value* i, const Values& now) {
    b.CreateAlignedStore(b.CreateTrunc(b.CreateAdd(position, i), b.getInt16Ty()), place(now[0]), llvm::Align(kEntry));
    return Values{b.CreateAdd(now[0], b.CreateAnd(b.CreateLShr(bits, i), e_.i64(1)))};
  })[0];
}

llvm::Value* NonzeroLists::load_number(llvm::Value* from) {
  return e_.b.CreateAlignedLoad(e_.b.getInt64Ty(), from, llvm::Align(8));
}

void NonzeroLists::store_number(llvm::Value* number, llvm::Value* to) {
  e_.b.CreateAlignedStore(number, to, llvm::Align(8));
}

void NonzeroLists::forget() { store_number(e_.i64(0), skips_); }

void NonzeroLists::note(const Values& sums) {
  auto& b = e_.b;
  // 0 times a number is 0, and NaN times an infinity or a NaN; a vector of half the lanes is looked at on its own.
  llvm::Value* finite = nullptr;
  llvm::Value* all = nullptr;
  const auto look = [&](llvm::Value* zeros) {
    llvm::Value* const numbers = b.CreateAndReduce(b.CreateFCmpORD(zeros, zeros));
    finite = finite == nullptr ? numbers : b.CreateAnd(finite, numbers);
  };
  for (llvm::Value* sum : sums) {
    llvm::Value* const zeros = b.CreateFSub(sum, sum);
    if (all == nullptr) {
      all = zeros;
    } else if (all->getType() == zeros->getType()) {
      all = b.CreateFAdd(all, zeros);
    } else {
      look(zeros);
    }
  }
  look(all);
  store_number(b.CreateAnd(b.CreateZExt(finite, b.getInt64Ty()), load_number(worth_)), skips_);
}

NonzeroLists::Positions NonzeroLists::of(llvm::Value* tile, llvm::Value* lead, llvm::Value* turns) {
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
