#include <fmt/format.h>

#include <limits>
#include <numbers>
#include <numeric>

#include "backend/codegen/attention_code.h"
#include "backend/codegen/float_bits.h"
#include "backend/codegen/math.h"

// What attention does with its scores between the products.
namespace sluice::backend {

/// t = n + f with |f| <= 1/2, 2^f by a polynomial of the least relative error, 9.2e-8, that is 1 at 0. Below 2^-126 the
/// power is 0.
llvm::Value* AttentionCode::power_of_2(llvm::Value* t, bool may_grow) {
  auto& b = e_.b;
  const FloatBits k(e_, t);
  llvm::Value* x = k.choose(b.CreateFCmpOLT(t, k.f(-127)), k.f(-127), t);  // keeps NaN
  if (may_grow) x = k.choose(b.CreateFCmpOGT(x, k.f(128)), k.f(128), x);
  // Adding 1.5 * 2^23 leaves the nearest whole number in the low bits; all others are shifted out.
  llvm::Value* const shifted = b.CreateFAdd(x, k.f(0x1.8p23));
  llvm::Value* const f = b.CreateFSub(x, b.CreateFSub(shifted, k.f(0x1.8p23)));
  llvm::Value* const p = k.polynomial(f, {1.3264727213607376e-3, 9.671512812491083e-3, 5.55073374482485e-2,
                                          2.4022242082677495e-1, 6.9314697759733e-1, 1});
  llvm::Value* const exponent = b.CreateAdd(b.CreateShl(k.as_int(shifted), k.i(23)), k.i(127U << 23));
  return b.CreateFMul(p, k.as_float(exponent));
}

llvm::Value* AttentionCode::largest(llvm::Value* x, llvm::Value* y) {
  return e_.b.CreateSelect(e_.b.CreateFCmpOGT(x, y), x, y);
}

llvm::Value* AttentionCode::fold(llvm::Value* x, bool sums) {
  auto& b = e_.b;
  for (int half = lanes_of(x) / 2; half >= 1; half /= 2) {
    std::vector<int> low(static_cast<std::size_t>(half));
    std::vector<int> high(static_cast<std::size_t>(half));
    std::iota(low.begin(), low.end(), 0);
    std::iota(high.begin(), high.end(), half);
    llvm::Value* const upper = b.CreateShuffleVector(x, high);
    x = b.CreateShuffleVector(x, low);
    x = sums ? b.CreateFAdd(x, upper) : largest(x, upper);
  }
  return b.CreateExtractElement(x, e_.i64(0));
}

void AttentionCode::hide(llvm::Value* weights, llvm::Value* rows, const Hidden& hidden) {
  auto& b = e_.b;
  const std::string name = "attention_hide";
  Guard guard(std::in_place, b);
  llvm::Type* const pointer = b.getPtrTy();
  llvm::Type* const i64 = b.getInt64Ty();
  if (llvm::Function* const made = begin(name, {pointer, i64, i64, i64, pointer, i64})) {
    const int lanes = static_cast<int>(tile_.lanes);
    llvm::Value* const last = b.CreateSub(made->getArg(1), e_.i64(1));
    llvm::Value* const none = number(-std::numeric_limits<double>::infinity());
    e_.loop(e_.i64(0), e_.i64(tile_.rows), 1, [&](llvm::Value* r) {
      llvm::Value* keys = made->getArg(2);
      if (parts_.causal) keys = e_.min(keys, b.CreateAdd(made->getArg(3), r));
      llvm::Value* const row = e_.element(float_, made->getArg(0), b.CreateMul(r, e_.i64(row_stride_)));
      llvm::Value* const mask_row = b.CreateMul(e_.min(r, last), made->getArg(5));
      for (std::int64_t v = 0; v < 2; ++v) {
        const std::int64_t first = v * tile_.lanes;
        llvm::Value* seen = e_.first_lanes(b.CreateSub(keys, e_.i64(first)), lanes);
        llvm::Value* score = load(row, first);
        if (hidden.mask != nullptr) {
          llvm::Type* const scalar = hidden.bools ? b.getInt8Ty() : float_;
          const llvm::Align align(hidden.bools ? 1 : 4);
          llvm::Value* const from =
              e_.element(scalar, made->getArg(4), b.CreateAdd(mask_row, e_.i64(hidden.key_stride * first)));
          llvm::Type* const type = Emitter::vector_of(scalar, lanes);
          llvm::Value* const mask =
              hidden.key_stride == 0 ? e_.splat(b.CreateAlignedLoad(scalar, from, align), lanes)
                                     : b.CreateMaskedLoad(type, from, align, seen, llvm::Constant::getNullValue(type));
          if (hidden.bools) {
            seen = b.CreateAnd(seen, b.CreateICmpNE(mask, llvm::Constant::getNullValue(type)));
          } else {
            seen = b.CreateAnd(seen, b.CreateFCmpUNE(mask, none));
            score = e_.multiply_add(mask, number(std::numbers::log2e), score);
            llvm::Value* const lowest = number(double{std::numeric_limits<float>::lowest()});
            score = b.CreateSelect(b.CreateFCmpOLT(score, lowest), lowest, score);
          }
        }
        store(b.CreateSelect(seen, score, none), row, first);
      }
    });
    b.CreateRetVoid();
  }
  guard.reset();
  b.CreateCall(functions_[name],
               {weights, rows, hidden.keys, hidden.past, hidden.mask == nullptr ? weights : hidden.mask,
                hidden.mask == nullptr ? e_.i64(0) : hidden.row_stride});
}

void AttentionCode::softmax(llvm::Value* weights, llvm::Value* panels, llvm::Value* factors, llvm::Value* largest_place,
                            llvm::Value* logarithms, llvm::Value* rows) {
  auto& b = e_.b;
  const std::string name = "attention_softmax";
  Guard guard(std::in_place, b);
  llvm::Type* const pointer = b.getPtrTy();
  if (llvm::Function* const made = begin(name, {pointer, b.getInt64Ty(), pointer, pointer, pointer, b.getInt64Ty()})) {
    const double infinity = std::numeric_limits<double>::infinity();
    const auto count = static_cast<std::size_t>(tile_.rows);
    const auto place_of = [&](llvm::Value* panel, std::size_t r) {
      return at(e_.element(float_, made->getArg(0), b.CreateMul(panel, e_.i64(tile_.rows * row_stride_))),
                static_cast<std::int64_t>(r) * row_stride_);
    };
    const Values largest_lanes = e_.loop(
        e_.i64(0), made->getArg(1), 1, Values(count, number(-infinity)), [&](llvm::Value* panel, const Values& now) {
          Values next;
          for (std::size_t r = 0; r < count; ++r) {
            llvm::Value* const row = place_of(panel, r);
            next.push_back(largest(now[r], largest(load(row, 0), load(row, tile_.lanes))));
          }
          return next;
        });
    for (std::size_t r = 0; r < count; ++r) {
      llvm::Value* most = fold(largest_lanes[r], false);
      llvm::Value* const none = llvm::ConstantFP::get(float_, -infinity);
      if (parts_.mask)  // the difference of two infinities is NaN
        most = b.CreateSelect(b.CreateFCmpOEQ(most, none), llvm::ConstantFP::get(float_, 0), most);
      b.CreateAlignedStore(most, at(made->getArg(3), static_cast<std::int64_t>(r)), llvm::Align(4));
    }
    const Values sums =
        e_.loop(e_.i64(0), made->getArg(1), 1, Values(count, number(0)), [&](llvm::Value* panel, const Values& now) {
          Values next;
          for (std::size_t r = 0; r < count; ++r) {
            llvm::Value* const row = place_of(panel, r);
            llvm::Value* sum = now[r];
            for (std::int64_t v = 0; v < 2; ++v) {
              llvm::Value* const below =
                  b.CreateFSub(load(row, v * tile_.lanes), broadcast(made->getArg(3), static_cast<std::int64_t>(r)));
              llvm::Value* const weight = power_of_2(below, false);
              store(weight, row, v * tile_.lanes);
              sum = b.CreateFAdd(sum, weight);
            }
            next.push_back(sum);
          }
          return next;
        });
    for (std::size_t r = 0; r < count; ++r)
      b.CreateAlignedStore(fold(sums[r], true), at(made->getArg(2), static_cast<std::int64_t>(r)), llvm::Align(4));
    llvm::Type* const all = Emitter::vector_of(float_, static_cast<int>(count));
    const auto f = [&](double value) { return llvm::ConstantFP::get(all, value); };
    llvm::Value* const sum = b.CreateAlignedLoad(all, made->getArg(2), llvm::Align(4));
    llvm::Value* const most = b.CreateAlignedLoad(all, made->getArg(3), llvm::Align(4));
    llvm::Value* const empty = b.CreateFCmpOEQ(sum, f(0));
    b.CreateAlignedStore(b.CreateSelect(empty, f(0), b.CreateFDiv(f(1), sum)), made->getArg(2), llvm::Align(4));
    llvm::Value* const logarithm = e_.multiply_add(most, f(std::numbers::ln2), emit_log(e_, sum));
    b.CreateMaskedStore(b.CreateSelect(empty, f(0), logarithm), made->getArg(4), llvm::Align(4),
                        e_.first_lanes(made->getArg(5), static_cast<int>(count)));
    b.CreateRetVoid();
  }
  guard.reset();
  b.CreateCall(functions_[name], {weights, panels, factors, largest_place, logarithms, rows});
}

void AttentionCode::offsets(llvm::Value* y, std::int64_t y_stride, llvm::Value* dy, std::int64_t dy_stride,
                            llvm::Value* logarithms, llvm::Value* count, llvm::Value* minus_logarithms,
                            llvm::Value* inner) {
  auto& b = e_.b;
  const std::string name = "attention_offsets";
  Guard guard(std::in_place, b);
  llvm::Type* const pointer = b.getPtrTy();
  if (llvm::Function* const made = begin(name, {pointer, pointer, pointer, b.getInt64Ty(), pointer, pointer})) {
    e_.loop(e_.i64(0), made->getArg(3), 1, [&](llvm::Value* t) {
      llvm::Value* const row = e_.element(float_, made->getArg(0), b.CreateMul(t, e_.i64(y_stride)));
      llvm::Value* const adjoints = e_.element(float_, made->getArg(1), b.CreateMul(t, e_.i64(dy_stride)));
      llvm::Value* sum = number(0);
      for (const Columns& columns : columns_of(parts_.width)) {
        for (std::int64_t v = 0; v < columns.vectors; ++v) {
          sum = e_.multiply_add(load_columns(columns, v, at(row, columns.first)),
                                load_columns(columns, v, at(adjoints, columns.first)), sum);
        }
      }
      llvm::Value* const scaled = b.CreateFMul(fold(sum, true), llvm::ConstantFP::get(float_, -parts_.scale));
      b.CreateAlignedStore(scaled, e_.element(float_, made->getArg(5), t), llvm::Align(4));
      llvm::Value* const logarithm =
          b.CreateAlignedLoad(float_, e_.element(float_, made->getArg(2), t), llvm::Align(4));
      b.CreateAlignedStore(b.CreateFMul(logarithm, llvm::ConstantFP::get(float_, -std::numbers::log2e)),
                           e_.element(float_, made->getArg(4), t), llvm::Align(4));
    });
    b.CreateRetVoid();
  }
  guard.reset();
  b.CreateCall(functions_[name], {y, dy, logarithms, count, minus_logarithms, inner});
}

}  // namespace sluice::backend
