#include "backend/codegen/attention_code.h"

#include <fmt/format.h>

#include <algorithm>

#include "backend/codegen/panel_packer.h"

namespace sluice::backend {

namespace {
const llvm::Align kFloatAlign(4);
constexpr int kStrip = 4;  ///< elements of 16 bytes
}  // namespace

AttentionCode::AttentionCode(Emitter& emitter, const ir::AttentionParts& parts, const AttentionTile& tile)
    : e_(emitter),
      parts_(parts),
      tile_(tile),
      float_(emitter.b.getFloatTy()),
      vector_(Emitter::vector_of(float_, static_cast<int>(tile.lanes))),
      whole_{0, 2, tile.lanes},
      row_stride_(parts.backward ? kKeyBlock : tile.columns()) {}

std::vector<AttentionCode::Columns> AttentionCode::columns_of(std::int64_t width) const {
  std::vector<Columns> all;
  for (std::int64_t first = 0; first < width; first += tile_.columns()) {
    const std::int64_t vectors = std::min<std::int64_t>(2, (width - first + tile_.lanes - 1) / tile_.lanes);
    all.push_back({first, vectors, std::min(tile_.lanes, width - first - (vectors - 1) * tile_.lanes)});
  }
  return all;
}

llvm::Function* AttentionCode::begin(const std::string& name, const std::vector<llvm::Type*>& parameters) {
  if (functions_[name] != nullptr) return nullptr;
  llvm::Function* const made = e_.function(name, e_.b.getVoidTy(), parameters, false);
  functions_[name] = made;
  return made;
}

llvm::Value* AttentionCode::at(llvm::Value* pointer, std::int64_t offset) {
  return offset == 0 ? pointer : e_.element(float_, pointer, e_.i64(offset));
}

llvm::Value* AttentionCode::load(llvm::Value* pointer, std::int64_t offset) {
  return e_.b.CreateAlignedLoad(vector_, at(pointer, offset), kFloatAlign);
}

void AttentionCode::store(llvm::Value* x, llvm::Value* pointer, std::int64_t offset) {
  e_.b.CreateAlignedStore(x, at(pointer, offset), kFloatAlign);
}

llvm::Value* AttentionCode::load_columns(const Columns& columns, std::int64_t vector, llvm::Value* pointer) {
  const std::int64_t offset = vector * tile_.lanes;
  if (vector + 1 < columns.vectors || columns.loaded_of_last == tile_.lanes) return load(pointer, offset);
  llvm::Value* const mask = e_.first_lanes(e_.i64(columns.loaded_of_last), static_cast<int>(tile_.lanes));
  return e_.b.CreateMaskedLoad(vector_, at(pointer, offset), kFloatAlign, mask, llvm::Constant::getNullValue(vector_));
}

void AttentionCode::store_columns(llvm::Value* x, const Columns& columns, std::int64_t vector, llvm::Value* pointer) {
  const std::int64_t offset = vector * tile_.lanes;
  if (vector + 1 < columns.vectors || columns.loaded_of_last == tile_.lanes) return store(x, pointer, offset);
  llvm::Value* const mask = e_.first_lanes(e_.i64(columns.loaded_of_last), static_cast<int>(tile_.lanes));
  e_.b.CreateMaskedStore(x, at(pointer, offset), kFloatAlign, mask);
}

llvm::Value* AttentionCode::broadcast(llvm::Value* pointer, std::int64_t offset) {
  return e_.splat(e_.b.CreateAlignedLoad(float_, at(pointer, offset), kFloatAlign), static_cast<int>(tile_.lanes));
}

AttentionCode::Values AttentionCode::rows_of(llvm::Value* pointer, std::int64_t stride, llvm::Value* rows) {
  llvm::Value* const last = e_.b.CreateSub(rows, e_.i64(1));
  Values addresses;
  for (std::int64_t r = 0; r < tile_.rows; ++r)
    addresses.push_back(e_.element(float_, pointer, e_.b.CreateMul(e_.min(last, e_.i64(r)), e_.i64(stride))));
  return addresses;
}

AttentionCode::Values AttentionCode::zeros(const Columns& columns) const {
  return Values(static_cast<std::size_t>(tile_.rows * columns.vectors), llvm::Constant::getNullValue(vector_));
}

AttentionCode::Sums AttentionCode::add_up(const Columns& columns, const Factors& factors, llvm::Value* count,
                                          const Values& sums) {
  const bool transposed = factors.stride != 0;
  Values start = sums;
  start.push_back(factors.rhs);
  if (transposed) start.push_back(factors.rows[0]);
  const Values done = e_.loop(e_.i64(0), count, 1, start, [&](llvm::Value* k, const Values& now) {
    llvm::Value* const rhs = now[sums.size()];
    Values row;
    for (std::int64_t v = 0; v < columns.vectors; ++v) row.push_back(load_columns(columns, v, rhs));
    Values next;
    for (std::int64_t r = 0; r < tile_.rows; ++r) {
      llvm::Value* const element = transposed
                                       ? broadcast(now.back(), r)
                                       : broadcast(e_.element(float_, factors.rows[static_cast<std::size_t>(r)], k), 0);
      for (llvm::Value* x : row) next.push_back(e_.multiply_add(element, x, now[next.size()]));
    }
    next.push_back(at(rhs, factors.rhs_stride));
    if (transposed) next.push_back(at(now.back(), factors.stride));
    return next;
  });
  return {Values(done.begin(), done.begin() + static_cast<std::ptrdiff_t>(sums.size())), done[sums.size()]};
}

void AttentionCode::pack(llvm::Value* from, std::int64_t stride, std::int64_t depth, llvm::Value* count,
                         llvm::Value* to, double scale) {
  auto& b = e_.b;
  const std::string name = fmt::format("attention_pack_{}_{}_{:a}", depth, stride, scale);
  Guard guard(std::in_place, b);
  if (llvm::Function* const made = begin(name, {b.getPtrTy(), b.getInt64Ty(), b.getPtrTy()})) {
    const int lanes = static_cast<int>(tile_.lanes);
    llvm::Value* const rows = made->getArg(1);
    const auto pack_vector = [&](llvm::Value* first, bool whole) {
      llvm::Value* const panel =
          b.CreateMul(b.CreateUDiv(first, e_.i64(tile_.columns())), e_.i64(depth * tile_.columns()));
      llvm::Value* const packed =
          e_.element(float_, made->getArg(2), b.CreateAdd(panel, b.CreateURem(first, e_.i64(tile_.columns()))));
      llvm::Value* const last = b.CreateSub(rows, e_.i64(1));
      const auto pack_strip = [&](llvm::Value* k, std::int64_t count_of_strip) {
        llvm::Value* const mask = count_of_strip == kStrip ? nullptr : e_.first_lanes(e_.i64(count_of_strip), kStrip);
        llvm::Type* const strip = Emitter::vector_of(float_, kStrip);
        const Values turned = transpose_strip(e_, lanes, kStrip, [&](int row) -> llvm::Value* {
          llvm::Value* const start =
              whole ? at(e_.element(float_, made->getArg(0), b.CreateMul(first, e_.i64(stride))), row * stride)
                    : e_.element(float_, made->getArg(0),
                                 b.CreateMul(e_.min(b.CreateAdd(first, e_.i64(row)), last), e_.i64(stride)));
          llvm::Value* const place = e_.element(float_, start, k);
          if (mask == nullptr) return b.CreateAlignedLoad(strip, place, kFloatAlign);
          return b.CreateMaskedLoad(strip, place, kFloatAlign, mask, llvm::Constant::getNullValue(strip));
        });
        llvm::Value* const row = e_.element(float_, packed, b.CreateMul(k, e_.i64(tile_.columns())));
        for (std::int64_t i = 0; i < count_of_strip; ++i)
          store(b.CreateFMul(turned[static_cast<std::size_t>(i)], number(scale)), row, i * tile_.columns());
      };
      const std::int64_t whole_depth = depth / kStrip * kStrip;
      e_.loop(e_.i64(0), e_.i64(whole_depth), kStrip, [&](llvm::Value* k) { pack_strip(k, kStrip); });
      if (whole_depth < depth) pack_strip(e_.i64(whole_depth), depth - whole_depth);
    };
    llvm::Value* const whole = b.CreateAnd(rows, e_.i64(-tile_.lanes));
    llvm::Value* const end = b.CreateAnd(b.CreateAdd(rows, e_.i64(tile_.columns() - 1)), e_.i64(-tile_.columns()));
    e_.loop(e_.i64(0), whole, tile_.lanes, [&](llvm::Value* first) { pack_vector(first, true); });
    e_.loop(whole, end, tile_.lanes, [&](llvm::Value* first) { pack_vector(first, false); });
    b.CreateRetVoid();
  }
  guard.reset();
  b.CreateCall(functions_[name], {from, count, to});
}

void AttentionCode::scores(llvm::Value* q, std::int64_t stride, llvm::Value* panel, llvm::Value* rows,
                           llvm::Value* offsets, llvm::Value* weights) {
  auto& b = e_.b;
  const std::string name = fmt::format("attention_scores_{}_{}", parts_.depth, stride);
  Guard guard(std::in_place, b);
  llvm::Type* const pointer = b.getPtrTy();
  if (llvm::Function* const made = begin(name, {pointer, pointer, b.getInt64Ty(), pointer, pointer})) {
    const Factors factors{rows_of(made->getArg(0), stride, made->getArg(2)), 0, made->getArg(1), tile_.columns()};
    const Values sums = add_up(whole_, factors, e_.i64(parts_.depth), zeros(whole_)).sums;
    for (std::int64_t r = 0; r < tile_.rows; ++r) {
      for (std::int64_t v = 0; v < 2; ++v) {
        llvm::Value* score = sums[static_cast<std::size_t>(2 * r + v)];
        // Added last: a chain that began with it would round large sums.
        if (offsets != nullptr) score = b.CreateFAdd(score, broadcast(made->getArg(3), r));
        store(score, made->getArg(4), r * row_stride_ + v * tile_.lanes);
      }
    }
    b.CreateRetVoid();
  }
  guard.reset();
  b.CreateCall(functions_[name], {q, panel, rows, offsets == nullptr ? weights : offsets, weights});
}

void AttentionCode::values(const Columns& columns, llvm::Value* weights, llvm::Value* count, llvm::Value* v,
                           std::int64_t v_stride, llvm::Value* factors, llvm::Value* y, std::int64_t y_stride,
                           llvm::Value* rows) {
  auto& b = e_.b;
  const std::string name =
      fmt::format("attention_values_{}of{}_{}_{}", columns.vectors, columns.loaded_of_last, v_stride, y_stride);
  Guard guard(std::in_place, b);
  llvm::Type* const pointer = b.getPtrTy();
  llvm::Type* const i64 = b.getInt64Ty();
  if (llvm::Function* const made = begin(name, {pointer, i64, pointer, pointer, pointer, i64})) {
    llvm::Value* const n = made->getArg(1);
    const std::int64_t tile_elements = tile_.rows * row_stride_;
    Values start = zeros(columns);
    const std::size_t all = start.size();
    start.insert(start.end(), {made->getArg(2), made->getArg(0)});
    const Values done = e_.loop(e_.i64(0), n, tile_.columns(), start, [&](llvm::Value* k, const Values& now) {
      Factors here_factors{{}, 0, now[all], v_stride};
      for (std::int64_t r = 0; r < tile_.rows; ++r) here_factors.rows.push_back(at(now[all + 1], r * row_stride_));
      llvm::Value* const terms = e_.min(b.CreateSub(n, k), e_.i64(tile_.columns()));
      auto [sums, rhs] =
          add_up(columns, here_factors, terms, Values(now.begin(), now.begin() + static_cast<std::ptrdiff_t>(all)));
      sums.insert(sums.end(), {rhs, at(now[all + 1], tile_elements)});
      return sums;
    });
    for (std::int64_t r = 0; r < tile_.rows; ++r) {
      e_.if_then(b.CreateICmpSLT(e_.i64(r), made->getArg(5)), [&] {
        llvm::Value* const factor = broadcast(made->getArg(3), r);
        for (std::int64_t i = 0; i < columns.vectors; ++i) {
          llvm::Value* const sum = done[static_cast<std::size_t>(r * columns.vectors + i)];
          store_columns(b.CreateFMul(sum, factor), columns, i, at(made->getArg(4), r * y_stride));
        }
      });
    }
    b.CreateRetVoid();
  }
  guard.reset();
  b.CreateCall(functions_[name], {weights, count, at(v, columns.first), factors, at(y, columns.first), rows});
}

void AttentionCode::slopes(llvm::Value* dy, std::int64_t stride, llvm::Value* panel, llvm::Value* rows,
                           llvm::Value* inner, llvm::Value* weights, llvm::Value* slopes) {
  auto& b = e_.b;
  const std::string name = fmt::format("attention_slopes_{}_{}", parts_.width, stride);
  Guard guard(std::in_place, b);
  llvm::Type* const pointer = b.getPtrTy();
  if (llvm::Function* const made = begin(name, {pointer, pointer, b.getInt64Ty(), pointer, pointer, pointer})) {
    const Factors factors{rows_of(made->getArg(0), stride, made->getArg(2)), 0, made->getArg(1), tile_.columns()};
    const Values sums = add_up(whole_, factors, e_.i64(parts_.width), zeros(whole_)).sums;
    for (std::int64_t r = 0; r < tile_.rows; ++r) {
      for (std::int64_t v = 0; v < 2; ++v) {
        const std::int64_t offset = r * row_stride_ + v * tile_.lanes;
        llvm::Value* const weight = power_of_2(load(made->getArg(4), offset), true);
        llvm::Value* const slope =
            b.CreateFAdd(sums[static_cast<std::size_t>(2 * r + v)], broadcast(made->getArg(3), r));
        store(weight, made->getArg(4), offset);
        store(b.CreateFMul(slope, weight), made->getArg(5), offset);
      }
    }
    b.CreateRetVoid();
  }
  guard.reset();
  b.CreateCall(functions_[name], {dy, panel, rows, inner, weights, slopes});
}

void AttentionCode::add_product(const Columns& columns, const Product& product) {
  auto& b = e_.b;
  const std::string name = fmt::format("attention_{}_{}of{}_{}_{}", product.transposed ? "by_keys" : "by_queries",
                                       columns.vectors, columns.loaded_of_last, product.stride, product.to_stride);
  Guard guard(std::in_place, b);
  llvm::Type* const pointer = b.getPtrTy();
  llvm::Type* const i64 = b.getInt64Ty();
  if (llvm::Function* const made = begin(name, {pointer, i64, pointer, pointer, i64, b.getInt1Ty()})) {
    Factors factors{{made->getArg(0)}, product.transposed ? kKeyBlock : 0, made->getArg(2), product.stride};
    for (std::int64_t r = 1; r < tile_.rows && !product.transposed; ++r)
      factors.rows.push_back(at(made->getArg(0), r * kKeyBlock));
    const Values sums = add_up(columns, factors, made->getArg(1), zeros(columns)).sums;
    const auto store_all = [&](bool adds) {
      for (std::int64_t r = 0; r < tile_.rows; ++r) {
        e_.if_then(b.CreateICmpSLT(e_.i64(r), made->getArg(4)), [&] {
          llvm::Value* const to = at(made->getArg(3), r * product.to_stride);
          for (std::int64_t v = 0; v < columns.vectors; ++v) {
            llvm::Value* sum = sums[static_cast<std::size_t>(r * columns.vectors + v)];
            if (adds) sum = b.CreateFAdd(load_columns(columns, v, to), sum);
            store_columns(sum, columns, v, to);
          }
        });
      }
    };
    e_.if_else(
        made->getArg(5), [&] { store_all(true); }, [&] { store_all(false); });
    b.CreateRetVoid();
  }
  guard.reset();
  b.CreateCall(functions_[name], {product.block, product.count, at(product.from, columns.first),
                                  at(product.to, columns.first), product.rows, product.adds});
}

}  // namespace sluice::backend
