#include "backend/codegen/product_tile.h"

#include <fmt/format.h>

namespace sluice::backend {

using Values = Emitter::Values;

static constexpr std::int64_t kLine = 64;  // bytes of a cache line

ProductTile::ProductTile(Emitter& emitter, DType dtype, bool a_transposed, Dim a_stride, std::int64_t columns)
    : e_(emitter),
      element_(emitter.memory_type(dtype)),
      bytes_(static_cast<int>(size_of(dtype))),
      lanes_(emitter.target.lanes(bytes_)),
      a_transposed_(a_transposed),
      a_stride_(a_stride),
      columns_(columns) {}

void ProductTile::call(std::int64_t rows, std::int64_t vectors, const TileStart& start, llvm::Value* turns,
                       llvm::Value* out) {
  Values arguments{start.a, start.panel.pointer, out, turns, e_.size(a_stride_), start.panel.stride};
  if (start.sums != nullptr) arguments.push_back(start.sums);
  e_.b.CreateCall(function(rows, vectors, start.panel.stride, start.sums != nullptr), arguments);
}

llvm::Function* ProductTile::function(std::int64_t rows, std::int64_t vectors, llvm::Value* panel_stride,
                                      bool goes_on) {
  const auto* const known = llvm::dyn_cast<llvm::ConstantInt>(panel_stride);
  const std::string panel = known == nullptr ? "any" : std::to_string(known->getSExtValue());
  const std::string name = fmt::format("tile_{}_{}x{}_{}{}_{}{}", bytes_ * 8, rows, vectors, a_transposed_ ? "t" : "n",
                                       to_string(a_stride_), panel, goes_on ? "_on" : "");
  llvm::Function*& made = e_.shared[name];
  if (made != nullptr) return made;
  const llvm::IRBuilderBase::InsertPointGuard guard(e_.b);
  llvm::Type* const pointer = e_.b.getPtrTy();
  llvm::Type* const i64 = e_.b.getInt64Ty();
  std::vector<llvm::Type*> parameters{pointer, pointer, pointer, i64, i64, i64};
  if (goes_on) parameters.push_back(pointer);
  made = e_.function(name, e_.b.getVoidTy(), parameters, false);
  llvm::Value* const a_stride = a_stride_.batch ? static_cast<llvm::Value*>(made->getArg(4)) : e_.i64(a_stride_.size);
  if (known == nullptr) panel_stride = made->getArg(5);
  const Values begin =
      start(rows, vectors, {made->getArg(0), {made->getArg(1), panel_stride}, goes_on ? made->getArg(6) : nullptr});
  store(chain(begin, made->getArg(3), rows, vectors, a_stride, panel_stride), made->getArg(2), rows, vectors);
  e_.b.CreateRetVoid();
  return made;
}

Values ProductTile::start(std::int64_t rows, std::int64_t vectors, const TileStart& start) {
  llvm::Type* const vector = Emitter::vector_of(element_, lanes_);
  Values values{start.a, start.panel.pointer};
  for (std::int64_t r = 0; r < rows; ++r) {
    for (std::int64_t v = 0; v < vectors; ++v) {
      if (start.sums == nullptr) {
        values.push_back(llvm::Constant::getNullValue(vector));
        continue;
      }
      llvm::Value* const from = e_.element(element_, start.sums, e_.i64(r * columns_ + v * lanes_));
      values.push_back(e_.b.CreateAlignedLoad(vector, from, llvm::Align(static_cast<std::uint64_t>(bytes_ * lanes_))));
    }
  }
  return values;
}

Values ProductTile::chain(const Values& start, llvm::Value* turns, std::int64_t rows, std::int64_t vectors,
                          llvm::Value* panel_stride) {
  return chain(start, turns, rows, vectors, e_.size(a_stride_), panel_stride);
}

Values ProductTile::chain(const Values& start, llvm::Value* turns, std::int64_t rows, std::int64_t vectors,
                          llvm::Value* a_stride, llvm::Value* panel_stride) {
  auto& b = e_.b;
  llvm::Type* const vector = Emitter::vector_of(element_, lanes_);
  const llvm::Align align(static_cast<std::uint64_t>(bytes_));
  return e_.loop(e_.i64(0), turns, 1, start, [&](llvm::Value*, const Values& now) {
    Values next{e_.element(element_, now[0], a_transposed_ ? a_stride : e_.i64(1)),
                e_.element(element_, now[1], panel_stride)};
    // The next tiles' columns: a line of each row, in a pattern that the hardware does not foresee.
    if (a_transposed_) e_.prefetch(e_.element(b.getInt8Ty(), now[0], e_.i64(kLine)));
    Values panel_row;
    for (std::int64_t v = 0; v < vectors; ++v)
      panel_row.push_back(b.CreateAlignedLoad(vector, e_.element(element_, now[1], e_.i64(v * lanes_)), align));
    for (std::int64_t r = 0; r < rows; ++r) {
      llvm::Value* const offset = a_transposed_ ? e_.i64(r) : b.CreateMul(e_.i64(r), a_stride);
      llvm::Value* const factor =
          e_.splat(b.CreateAlignedLoad(element_, e_.element(element_, now[0], offset), align), lanes_);
      for (std::int64_t v = 0; v < vectors; ++v) {
        next.push_back(e_.multiply_add(factor, panel_row[static_cast<std::size_t>(v)],
                                       now[static_cast<std::size_t>(2 + r * vectors + v)]));
      }
    }
    return next;
  });
}

void ProductTile::store(const Values& sums, llvm::Value* out, std::int64_t rows, std::int64_t vectors) {
  for (std::int64_t r = 0; r < rows; ++r) {
    for (std::int64_t v = 0; v < vectors; ++v) {
      llvm::Value* const to = e_.element(element_, out, e_.i64(r * columns_ + v * lanes_));
      e_.b.CreateAlignedStore(sums[static_cast<std::size_t>(2 + r * vectors + v)], to,
                              llvm::Align(static_cast<std::uint64_t>(bytes_ * lanes_)));
    }
  }
}

Values ProductTile::column_sums(const Panel& panel, llvm::Value* depth, std::int64_t vectors) {
  auto& b = e_.b;
  llvm::Type* const vector = Emitter::vector_of(element_, lanes_);
  const Values zeros(static_cast<std::size_t>(vectors), llvm::Constant::getNullValue(vector));
  return e_.loop(e_.i64(0), depth, 1, zeros, [&](llvm::Value* k, const Values& now) {
    llvm::Value* const row = e_.element(element_, panel.pointer, b.CreateMul(k, panel.stride));
    Values next;
    for (std::int64_t v = 0; v < vectors; ++v) {
      llvm::Value* const from = e_.element(element_, row, e_.i64(v * lanes_));
      next.push_back(b.CreateFAdd(now[static_cast<std::size_t>(v)],
                                  b.CreateAlignedLoad(vector, from, llvm::Align(static_cast<std::uint64_t>(bytes_)))));
    }
    return next;
  });
}

}  // namespace sluice::backend
