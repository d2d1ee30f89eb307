#include <fmt/format.h>

#include <algorithm>

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

/// An unsigned integer of type `scalar` for each number, in their order: NaN above all, both zeros alike.
llvm::Value* key_of(Emitter& e, llvm::Type* scalar, llvm::Value* x, bool descending) {
  auto& b = e.b;
  llvm::Type* const key = Emitter::like(x, scalar);
  llvm::Constant* const sign = llvm::ConstantInt::get(key, llvm::APInt::getSignMask(scalar->getIntegerBitWidth()));
  llvm::Constant* const none = llvm::Constant::getNullValue(key);
  llvm::Value* bits = nullptr;
  if (x->getType()->isFPOrFPVectorTy()) {
    llvm::Constant* const ones = llvm::Constant::getAllOnesValue(key);
    bits = b.CreateBitCast(x, key);
    llvm::Value* const zero = b.CreateICmpEQ(b.CreateShl(bits, llvm::ConstantInt::get(key, 1)), none);
    bits = b.CreateSelect(zero, none, bits);
    bits = b.CreateXor(bits, b.CreateSelect(b.CreateICmpSLT(bits, none), ones, sign));
    bits = b.CreateSelect(b.CreateFCmpUNO(x, x), ones, bits);
  } else if (x->getType() == key) {
    bits = b.CreateXor(x, sign);
  } else {
    bits = b.CreateZExt(x, key);  // u8
  }
  return descending ? b.CreateNot(bits) : bits;
}

/// Code that finds the first `kept` of a row: it collects candidates, keys with their positions, in the order of the
/// row, and sorts them when there is no more room, which leaves `kept`. From then on a key must be less than the last
/// of these to become a candidate: few are, but in rows in descending order, and most vectors of keys have none.
class RowSelector {
 public:
  RowSelector(Emitter& e, const RowSorter& sorter, llvm::Function* sort, const SelectionScratch& scratch,
              llvm::Value* memory)
      : e_(e), sorter_(sorter), sort_(sort), scratch_(scratch), key_(sorter.key_type()), memory_(memory) {}

  void begin_row() const {
    e_.b.CreateStore(e_.i64(0), state(kCount));
    e_.b.CreateStore(llvm::Constant::getAllOnesValue(key_), state(kBound));
    e_.b.CreateStore(e_.i64(1), state(kFilling));
  }
  /// Looks at the keys of positions `first`, ...: as many as `keys` has lanes.
  void offer(llvm::Value* keys, llvm::Value* first) const {
    const auto* const vector = llvm::cast<llvm::FixedVectorType>(keys->getType());
    const unsigned lanes = vector->getNumElements();
    llvm::Value* const bound = e_.b.CreateVectorSplat(lanes, e_.b.CreateLoad(key_, state(kBound)));
    llvm::Value* const any = e_.b.CreateOr(e_.b.CreateOrReduce(e_.b.CreateICmpULT(keys, bound)), filling());
    e_.if_then(any, [&] {
      e_.b.CreateAlignedStore(keys, at(SelectionScratch::kVector),
                              llvm::Align(static_cast<std::uint64_t>(scratch_.key_bytes)));
      e_.b.CreateCall(offering(), {memory_, first, e_.i64(lanes)});
    });
  }
  void offer_one(llvm::Value* key, llvm::Value* position) const {
    e_.b.CreateStore(key, at(SelectionScratch::kVector));
    e_.b.CreateCall(offering(), {memory_, position, e_.i64(1)});
  }
  /// Returns where the positions of the first `kept` lie, as i64.
  llvm::Value* end_row() const {
    e_.b.CreateCall(sorting(), {memory_});
    return at(SelectionScratch::kPositions);
  }

 private:
  static constexpr std::int64_t kCount = 0;     ///< of candidates
  static constexpr std::int64_t kBound = 8;     ///< a key that is not less is none
  static constexpr std::int64_t kFilling = 16;  ///< 1 until candidates are sorted for the first time: all are

  llvm::Value* at(std::int64_t bytes) const { return e_.element(e_.b.getInt8Ty(), memory_, e_.i64(bytes)); }
  llvm::Value* state(std::int64_t part) const { return at(part); }
  llvm::Value* filling() const {
    return e_.b.CreateICmpNE(e_.b.CreateLoad(e_.b.getInt64Ty(), state(kFilling)), e_.i64(0));
  }
  llvm::Value* load(llvm::Type* type, llvm::Value* from, llvm::Value* i) const {
    return e_.b.CreateLoad(type, e_.element(type, from, i));
  }
  void store(llvm::Value* value, llvm::Value* to, llvm::Value* i) const {
    e_.b.CreateStore(value, e_.element(value->getType(), to, i));
  }

  /// Emits a function of scratch and `numbers` i64, whose code is `body`, unless there is one already.
  template <typename Body>
  llvm::Function* shared(const char* what, std::size_t numbers, const Body& body) const {
    const std::string name = fmt::format("argsort_{}_{}_{}", what, scratch_.kept, scratch_.key_bytes * 8);
    llvm::Function*& made = e_.shared[name];
    if (made != nullptr) return made;
    const llvm::IRBuilderBase::InsertPointGuard guard(e_.b);
    std::vector<llvm::Type*> types(1 + numbers, e_.b.getInt64Ty());
    types[0] = e_.b.getPtrTy();
    made = e_.function(name, e_.b.getVoidTy(), types, false);
    made->addFnAttr(llvm::Attribute::NoInline);
    body(RowSelector(e_, sorter_, sort_, scratch_, made->getArg(0)), *made);
    e_.b.CreateRetVoid();
    return made;
  }

  llvm::Function* offering() const {
    llvm::Function* const sorts = sorting();
    return shared("offer", 2, [&](const RowSelector& s, llvm::Function& f) { s.emit_offering(f, sorts); });
  }
  llvm::Function* sorting() const {
    return shared("keep", 0, [](const RowSelector& s, llvm::Function&) { s.emit_sorting(); });
  }

  void emit_offering(llvm::Function& f, llvm::Function* sorts) const {
    llvm::Type* const i64 = e_.b.getInt64Ty();
    e_.loop(e_.i64(0), f.getArg(2), 1, [&](llvm::Value* i) {
      llvm::Value* const key = load(key_, at(SelectionScratch::kVector), i);
      llvm::Value* const less = e_.b.CreateICmpULT(key, e_.b.CreateLoad(key_, state(kBound)));
      e_.if_then(e_.b.CreateOr(less, filling()), [&] {
        llvm::Value* const count = e_.b.CreateLoad(i64, state(kCount));
        store(e_.b.CreateAdd(f.getArg(1), i), at(SelectionScratch::kPositions), count);
        store(key, at(scratch_.keys()), count);
        llvm::Value* const more = e_.b.CreateAdd(count, e_.i64(1));
        e_.b.CreateStore(more, state(kCount));
        e_.if_then(e_.b.CreateICmpEQ(more, e_.i64(scratch_.capacity())), [&] { e_.b.CreateCall(sorts, {memory_}); });
      });
    });
  }

  /// Sorts the candidates and keeps the first ones. Equal keys stay in their order, which is that of their positions.
  void emit_sorting() const {
    llvm::Type* const i64 = e_.b.getInt64Ty();
    llvm::Value* const positions = at(SelectionScratch::kPositions);
    llvm::Value* const keys = at(scratch_.keys());
    llvm::Value* const sort_memory = at(scratch_.sorting_at());
    llvm::Value* const count = e_.b.CreateLoad(i64, state(kCount));
    llvm::Value* const copy = sorter_.keys_in(sort_memory, count);
    e_.loop(e_.i64(0), count, 1, [&](llvm::Value* i) { store(load(key_, keys, i), copy, i); });
    llvm::Value* const order = e_.b.CreateCall(sort_, {sort_memory, count});
    // The copies of the keys are not needed any more: there is room for the positions and keys that are kept.
    llvm::Value* const kept = e_.i64(scratch_.kept);
    llvm::Value* const kept_keys = e_.element(i64, copy, kept);
    e_.loop(e_.i64(0), kept, 1, [&](llvm::Value* i) {
      llvm::Value* const from = load(i64, order, i);
      store(load(i64, positions, from), copy, i);
      store(load(key_, keys, from), kept_keys, i);
    });
    e_.loop(e_.i64(0), kept, 1, [&](llvm::Value* i) {
      store(load(i64, copy, i), positions, i);
      store(load(key_, kept_keys, i), keys, i);
    });
    e_.b.CreateStore(kept, state(kCount));
    e_.b.CreateStore(load(key_, keys, e_.i64(scratch_.kept - 1)), state(kBound));
    e_.b.CreateStore(e_.i64(0), state(kFilling));
  }

  Emitter& e_;
  const RowSorter& sorter_;
  llvm::Function* sort_;
  const SelectionScratch& scratch_;
  llvm::Type* key_;
  llvm::Value* memory_;
};

}  // namespace

/// A unit is a row.
void emit_argsort(Frame& frame) {
  Emitter& e = frame.e;
  Elements& k = frame.elements;
  const ir::Graph& body = frame.body();
  const Node& node = *std::ranges::find(body.nodes(), ir::Op::kArgsort, &Node::op);
  const Type& type = body.type(node.operands[0]);
  const Type& result = body.type(body.results()[0]);
  const bool descending = node.attributes.flag(ir::Attr::kDescending);
  llvm::Value* const n = e.size(type.shape[type.shape.rank() - 1]);
  const ArgsortPlan plan = argsort_plan(body);
  const ArgsortScratch sorted_at_once = plan.selects ? plan.selection.sorting() : plan.all;
  RowSorter sorter(e, sorted_at_once);
  llvm::Function* const sort = sorter.function();
  const RowSelector selector(e, sorter, sort, plan.selection, frame.scratch);
  const int lanes = plan.selects ? e.target.lanes(4) : 1;
  e.loop(frame.begin, frame.end, 1, [&](llvm::Value* unit) {
    Index index;
    for (llvm::Value* block : unit_blocks(frame, unit)) index.push_back({block, false, nullptr, Level::kRow});
    index.emplace_back();
    k.begin_row(e.preheader("row"));
    const auto keys_at = [&](llvm::Value* i, int count) {
      k.begin_vector(count, nullptr);
      index.back() = {i, count > 1, nullptr, Level::kVector};
      return key_of(e, sorter.key_type(), k.load(frame.operands[0], type, index).value, descending);
    };
    llvm::Value* places = nullptr;
    if (plan.selects) {
      selector.begin_row();
      const std::int64_t whole = type.shape[type.shape.rank() - 1].size / lanes * lanes;
      e.loop(e.i64(0), e.i64(whole), lanes, [&](llvm::Value* i) { selector.offer(keys_at(i, lanes), i); });
      k.begin_row(e.preheader("row"));
      e.loop(e.i64(whole), n, 1, [&](llvm::Value* i) { selector.offer_one(keys_at(i, 1), i); });
      places = selector.end_row();
    } else {
      llvm::Value* const keys = sorter.keys_in(frame.scratch, n);
      e.loop(e.i64(0), n, 1,
             [&](llvm::Value* i) { e.b.CreateStore(keys_at(i, 1), e.element(sorter.key_type(), keys, i)); });
      places = e.b.CreateCall(sort, {frame.scratch, n});
    }
    k.begin_row(e.preheader("row"));
    e.loop(e.i64(0), e.size(result.shape[result.shape.rank() - 1]), 1, [&](llvm::Value* i) {
      k.begin_vector(1, nullptr);
      index.back() = {i, false, nullptr, Level::kVector};
      llvm::Type* const i64 = e.b.getInt64Ty();
      k.store(frame.results[0], result, index, e.b.CreateLoad(i64, e.element(i64, places, i)));
    });
  });
}

}  // namespace sluice::backend
