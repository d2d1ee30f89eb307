#include <fmt/format.h>

#include "backend/argsort_scratch.h"
#include "backend/codegen/kernels.h"

namespace sluice::backend {

using ir::Node;
using Values = Emitter::Values;

namespace {

/// Code that sorts one row by keys, which are unsigned integers in the order that is wanted: by counting smaller keys
/// where they are few, else digit by digit from the lowest (LSD radix sort), which is stable.
class RowSorter {
 public:
  RowSorter(Emitter& e, const ArgsortScratch& scratch)
      : e_(e), scratch_(scratch), key_(e.b.getIntNTy(static_cast<unsigned>(scratch.key_bytes * 8))) {}

  llvm::Type* key_type() const { return key_; }

  /// Returns ptr(scratch, n): sorts the n keys at `keys` in scratch, and returns where the sorted positions lie, as
  /// i64.
  llvm::Function* function() {
    llvm::Function*& made = e_.shared[fmt::format("argsort_{}", scratch_.key_bytes * 8)];
    if (made != nullptr) return made;
    const llvm::IRBuilderBase::InsertPointGuard guard(e_.b);
    made = e_.function(fmt::format("argsort_{}", scratch_.key_bytes * 8), e_.b.getPtrTy(),
                       {e_.b.getPtrTy(), e_.b.getInt64Ty()}, false);
    llvm::Value* const memory = made->getArg(0);
    n_ = made->getArg(1);
    // The parts of scratch by the row's own length: that of other rows' is the same.
    positions_ = memory;
    counters_ = at(memory, e_.b.CreateMul(n_, e_.i64(16)));
    keys_ = at(counters_, e_.i64(scratch_.counter_bytes()));
    e_.if_else(
        e_.b.CreateICmpULE(n_, e_.i64(kFew)),
        [&] {
          e_.b.CreateRet(by_counting());
          dead_end();
        },
        [&] {
          e_.b.CreateRet(by_digits());
          dead_end();
        });
    e_.b.CreateUnreachable();
    return made;
  }

  /// Where the keys of a row of n lie that function() sorts.
  llvm::Value* keys_in(llvm::Value* memory, llvm::Value* n) const {
    return at(memory, e_.b.CreateAdd(e_.b.CreateMul(n, e_.i64(16)), e_.i64(scratch_.counter_bytes())));
  }

 private:
  static constexpr std::int64_t kFew = 32;
  static constexpr std::int64_t kDigits = 256;

  llvm::Value* at(llvm::Value* memory, llvm::Value* bytes) const { return e_.element(e_.b.getInt8Ty(), memory, bytes); }
  llvm::Value* second(llvm::Value* memory, std::int64_t element_bytes) const {
    return at(memory, e_.b.CreateMul(n_, e_.i64(element_bytes)));
  }
  llvm::Value* load(llvm::Type* type, llvm::Value* from, llvm::Value* i) const {
    return e_.b.CreateLoad(type, e_.element(type, from, i));
  }
  void store(llvm::Value* value, llvm::Value* to, llvm::Value* i) const {
    e_.b.CreateStore(value, e_.element(value->getType(), to, i));
  }
  /// What follows a return: the emitter's if_else adds its jump there.
  void dead_end() const {
    e_.b.SetInsertPoint(llvm::BasicBlock::Create(e_.b.getContext(), "dead", e_.b.GetInsertBlock()->getParent()));
  }

  /// Each key's place is the number of keys that are smaller, or equal and before it.
  llvm::Value* by_counting() const {
    llvm::Value* const sorted = second(positions_, 8);
    e_.loop(e_.i64(0), n_, 1, [&](llvm::Value* i) {
      llvm::Value* const key = load(key_, keys_, i);
      const Values place = e_.loop(e_.i64(0), n_, 1, {e_.i64(0)}, [&](llvm::Value* j, const Values& count) -> Values {
        llvm::Value* const other = load(key_, keys_, j);
        llvm::Value* const equal = e_.b.CreateAnd(e_.b.CreateICmpEQ(other, key), e_.b.CreateICmpULT(j, i));
        llvm::Value* const before = e_.b.CreateOr(e_.b.CreateICmpULT(other, key), equal);
        return {e_.b.CreateAdd(count[0], e_.b.CreateZExt(before, e_.b.getInt64Ty()))};
      });
      store(i, sorted, place[0]);
    });
    return sorted;
  }

  llvm::Value* digit_of(llvm::Value* key, llvm::Value* shift) const {
    return e_.b.CreateZExtOrTrunc(
        e_.b.CreateAnd(e_.b.CreateLShr(key, shift), llvm::ConstantInt::get(key_, kDigits - 1)), e_.b.getInt64Ty());
  }

  llvm::Value* by_digits() const {
    llvm::Type* const i64 = e_.b.getInt64Ty();
    const std::int64_t digits = scratch_.key_bytes;
    e_.loop(e_.i64(0), e_.i64(digits * kDigits), 1, [&](llvm::Value* i) { store(e_.i64(0), counters_, i); });
    e_.loop(e_.i64(0), n_, 1, [&](llvm::Value* i) {
      store(i, positions_, i);
      llvm::Value* const key = load(key_, keys_, i);
      for (std::int64_t d = 0; d < digits; ++d) {
        llvm::Value* const digit = digit_of(key, llvm::ConstantInt::get(key_, static_cast<std::uint64_t>(8 * d)));
        llvm::Value* const counter = e_.b.CreateAdd(digit, e_.i64(d * kDigits));
        store(e_.b.CreateAdd(load(i64, counters_, counter), e_.i64(1)), counters_, counter);
      }
    });
    llvm::Value* const first_key = load(key_, keys_, e_.i64(0));
    const Values start{keys_, second(keys_, scratch_.key_bytes), positions_, second(positions_, 8)};
    const Values done =
        e_.loop(e_.i64(0), e_.i64(digits), 1, start, [&](llvm::Value* d, const Values& memory) -> Values {
          llvm::Value* const shift = e_.b.CreateZExtOrTrunc(e_.b.CreateMul(d, e_.i64(8)), key_);
          llvm::Value* const counters = e_.element(i64, counters_, e_.b.CreateMul(d, e_.i64(kDigits)));
          // All keys may have one digit in common, as small integers have most: nothing moves then.
          llvm::Value* const same = e_.b.CreateICmpEQ(load(i64, counters, digit_of(first_key, shift)), n_);
          llvm::Value* const count = e_.b.CreateSelect(same, e_.i64(0), n_);
          e_.loop(e_.i64(0), e_.i64(kDigits), 1, {e_.i64(0)}, [&](llvm::Value* i, const Values& sum) -> Values {
            llvm::Value* const own = load(i64, counters, i);
            store(sum[0], counters, i);
            return {e_.b.CreateAdd(sum[0], own)};
          });
          e_.loop(e_.i64(0), count, 1, [&](llvm::Value* i) {
            llvm::Value* const key = load(key_, memory[0], i);
            llvm::Value* const digit = digit_of(key, shift);
            llvm::Value* const place = load(i64, counters, digit);
            store(e_.b.CreateAdd(place, e_.i64(1)), counters, digit);
            store(key, memory[1], place);
            store(load(i64, memory[2], i), memory[3], place);
          });
          const auto keep_or_swap = [&](std::size_t a, std::size_t b) {
            return e_.b.CreateSelect(same, memory[a], memory[b]);
          };
          return {keep_or_swap(0, 1), keep_or_swap(1, 0), keep_or_swap(2, 3), keep_or_swap(3, 2)};
        });
    return done[2];
  }

  Emitter& e_;
  const ArgsortScratch& scratch_;
  llvm::Type* key_;
  llvm::Value* n_ = nullptr;
  llvm::Value* positions_ = nullptr;  ///< i64[n], and as many to move them to
  llvm::Value* counters_ = nullptr;   ///< i64[digits, 256]
  llvm::Value* keys_ = nullptr;       ///< key[n], and as many to move them to
};

/// An unsigned integer for each number, in their order: NaN above all, both zeros alike.
llvm::Value* key_of(Emitter& e, llvm::Type* key, llvm::Value* x, bool descending) {
  auto& b = e.b;
  llvm::Value* bits = nullptr;
  if (x->getType()->isFloatingPointTy()) {
    const unsigned width = key->getIntegerBitWidth();
    llvm::Constant* const sign = llvm::ConstantInt::get(key, llvm::APInt::getSignMask(width));
    llvm::Constant* const ones = llvm::Constant::getAllOnesValue(key);
    bits = b.CreateBitCast(x, key);
    llvm::Value* const zero =
        b.CreateICmpEQ(b.CreateShl(bits, llvm::ConstantInt::get(key, 1)), llvm::Constant::getNullValue(key));
    bits = b.CreateSelect(zero, llvm::Constant::getNullValue(key), bits);
    bits = b.CreateXor(bits, b.CreateSelect(b.CreateICmpSLT(bits, llvm::Constant::getNullValue(key)), ones, sign));
    bits = b.CreateSelect(b.CreateFCmpUNO(x, x), ones, bits);
  } else if (x->getType() == key) {
    bits = b.CreateXor(x, llvm::ConstantInt::get(key, llvm::APInt::getSignMask(key->getIntegerBitWidth())));
  } else {
    bits = b.CreateZExt(x, key);  // u8
  }
  return descending ? b.CreateNot(bits) : bits;
}

}  // namespace

/// A unit is a row.
void emit_argsort(Frame& frame) {
  Emitter& e = frame.e;
  Elements& k = frame.elements;
  const Node& node = frame.body().node(frame.body().results()[0]);
  const Type& type = frame.body().type(node.operands[0]);
  llvm::Value* const n = e.size(type.shape[type.shape.rank() - 1]);
  const ArgsortScratch scratch = argsort_scratch(type);
  RowSorter sorter(e, scratch);
  llvm::Function* const sort = sorter.function();
  llvm::Value* const keys = sorter.keys_in(frame.scratch, n);
  e.loop(frame.begin, frame.end, 1, [&](llvm::Value* unit) {
    Index index;
    for (llvm::Value* block : unit_blocks(frame, unit)) index.push_back({block, false, nullptr, Level::kRow});
    index.emplace_back();
    k.begin_row(e.preheader("row"));
    e.loop(e.i64(0), n, 1, [&](llvm::Value* i) {
      k.begin_vector(1, nullptr);
      index.back() = {i, false, nullptr, Level::kVector};
      llvm::Value* const x = k.load(frame.operands[0], type, index).value;
      llvm::Value* const key = key_of(e, sorter.key_type(), x, node.attributes.flag(ir::Attr::kDescending));
      e.b.CreateStore(key, e.element(sorter.key_type(), keys, i));
    });
    llvm::Value* const sorted = e.b.CreateCall(sort, {frame.scratch, n});
    k.begin_row(e.preheader("row"));
    e.loop(e.i64(0), n, 1, [&](llvm::Value* i) {
      k.begin_vector(1, nullptr);
      index.back() = {i, false, nullptr, Level::kVector};
      llvm::Type* const i64 = e.b.getInt64Ty();
      k.store(frame.results[0], node.types[0], index, e.b.CreateLoad(i64, e.element(i64, sorted, i)));
    });
  });
}

}  // namespace sluice::backend
