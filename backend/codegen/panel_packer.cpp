#include "backend/codegen/panel_packer.h"

#include <algorithm>
#include <numeric>

#include "backend/layout.h"

namespace sluice::backend {

namespace {
constexpr int kStripBytes = 16;
}

PanelPacker::PanelPacker(Emitter& emitter, DType dtype, Source source, std::int64_t panel_columns)
    : e_(emitter),
      element_(emitter.memory_type(dtype)),
      lanes_(emitter.target.lanes(static_cast<int>(size_of(dtype)))),
      strip_(kStripBytes / static_cast<int>(size_of(dtype))),
      align_(size_of(dtype)),
      source_(std::move(source)),
      panel_columns_(panel_columns) {}

std::int64_t PanelPacker::vectors() const {
  const std::int64_t all = panel_columns_ / lanes_;
  return source_.columns.batch ? all : std::min(all, (source_.columns.size + lanes_ - 1) / lanes_);
}

void PanelPacker::pack(llvm::Value* matrix, llvm::Value* column, llvm::Value* to) const {
  if (!source_.transposed) return pack_rows(matrix, column, to);
  pack_strips(matrix, column, e_.i64(0), strips(), to);
}

void PanelPacker::pack_strips(llvm::Value* matrix, llvm::Value* column, llvm::Value* first, llvm::Value* last,
                              llvm::Value* to) const {
  e_.loop(first, last, 1, [&](llvm::Value* strip) { pack_strip(matrix, column, strip, to); });
}

void PanelPacker::pack_rows(llvm::Value* matrix, llvm::Value* column, llvm::Value* to) const {
  auto& b = e_.b;
  llvm::Type* const vector = Emitter::vector_of(element_, lanes_);
  llvm::Value* const count = b.CreateSub(e_.size(source_.columns), column);
  const Panel from = source_.at(matrix, column);
  e_.loop(e_.i64(0), e_.size(source_.depth), 1, [&](llvm::Value* k) {
    llvm::Value* const row = e_.element(element_, from.pointer, b.CreateMul(k, from.stride));
    llvm::Value* const packed = e_.element(element_, to, b.CreateMul(k, e_.i64(panel_columns_)));
    for (std::int64_t v = 0; v < vectors(); ++v) {
      llvm::Value* const offset = e_.i64(v * lanes_);
      llvm::Value* const left = e_.min(e_.max(b.CreateSub(count, offset), e_.i64(0)), e_.i64(lanes_));
      llvm::Value* const loaded =
          b.CreateMaskedLoad(vector, e_.element(element_, row, offset), align_, e_.first_lanes(left, lanes_),
                             llvm::Constant::getNullValue(vector));
      b.CreateAlignedStore(loaded, e_.element(element_, packed, offset), align_);
    }
  });
}

bool PanelPacker::is_small(llvm::Value* count) const {
  return source_.transposed && llvm::isa<llvm::ConstantInt>(count) && !source_.depth.batch && !source_.stride.batch;
}

void PanelPacker::pack_small(llvm::Value* matrix, llvm::Value* column, llvm::Value* count, llvm::Value* to) const {
  auto& b = e_.b;
  const std::int64_t columns = llvm::cast<llvm::ConstantInt>(count)->getSExtValue();
  const std::int64_t depth = source_.depth.size;
  const Panel from = source_.at(matrix, e_.i64(0));
  for (std::int64_t first = 0; first < columns; first += lanes_) {
    const std::int64_t rows = std::min<std::int64_t>(lanes_, columns - first);
    llvm::Value* const start = b.CreateMul(b.CreateAdd(column, e_.i64(first)), e_.size(source_.stride));
    llvm::Value* const source = e_.element(element_, from.pointer, start);
    const auto pack_at = [&](llvm::Value* k, llvm::Value* mask) {
      Values places(static_cast<std::size_t>(lanes_), nullptr);
      for (std::int64_t r = 0; r < rows; ++r)
        places[static_cast<std::size_t>(r)] =
            e_.element(element_, e_.element(element_, source, k), e_.i64(r * source_.stride.size));
      const Values turned = turn(places, mask);
      llvm::Value* const packed = e_.element(element_, to, b.CreateMul(k, e_.i64(panel_columns_)));
      for (int i = 0; i < strip_; ++i) {
        b.CreateAlignedStore(turned[static_cast<std::size_t>(i)],
                             e_.element(element_, packed, e_.i64(i * panel_columns_ + first)), align_);
      }
    };
    const std::int64_t whole = depth / strip_ * strip_;
    e_.loop(e_.i64(0), e_.i64(whole), strip_, [&](llvm::Value* k) { pack_at(k, nullptr); });
    if (whole < depth) pack_at(e_.i64(whole), e_.first_lanes(e_.i64(depth - whole), strip_));
  }
}

llvm::Value* PanelPacker::strips() const { return e_.b.CreateMul(e_.blocks(source_.depth, strip_), e_.i64(vectors())); }

void PanelPacker::pack_strip(llvm::Value* matrix, llvm::Value* column, llvm::Value* strip, llvm::Value* to) const {
  auto& b = e_.b;
  llvm::Value* const in_vector = e_.blocks(source_.depth, strip_);
  llvm::Value* const k = b.CreateMul(b.CreateURem(strip, in_vector), e_.i64(strip_));
  llvm::Value* const offset = b.CreateMul(b.CreateUDiv(strip, in_vector), e_.i64(lanes_));
  llvm::Value* const first = b.CreateAdd(column, offset);
  llvm::Value* const last = b.CreateSub(e_.size(source_.columns), e_.i64(1));
  const Panel from = source_.at(matrix, k);
  Values rows;
  for (int r = 0; r < lanes_; ++r) {  // past the last one, that again: lanes without meaning
    llvm::Value* const row = e_.min(b.CreateAdd(first, e_.i64(r)), last);
    rows.push_back(e_.element(element_, from.pointer, b.CreateMul(row, from.stride)));
  }
  prefetch_share(matrix, k, first);
  // Rows of whole strips, even with what has no meaning: all of it may be read, and rows past the depth are not.
  const bool whole = !source_.stride.batch && source_.stride.size % strip_ == 0;
  llvm::Value* const left = e_.min(b.CreateSub(e_.size(source_.depth), k), e_.i64(strip_));
  const Values turned = turn(rows, whole ? nullptr : e_.first_lanes(left, strip_));
  for (int i = 0; i < strip_; ++i) {
    llvm::Value* const at = b.CreateAdd(b.CreateMul(b.CreateAdd(k, e_.i64(i)), e_.i64(panel_columns_)), offset);
    b.CreateAlignedStore(turned[static_cast<std::size_t>(i)], e_.element(element_, to, at), align_);
  }
}

/// The strip at `k` of the rows from `first` on is one of a few that lie in the same cache lines, one of each row. Asks
/// for its share of the lines behind those; behind the last, for those of the next vector.
void PanelPacker::prefetch_share(llvm::Value* matrix, llvm::Value* k, llvm::Value* first) const {
  auto& b = e_.b;
  constexpr int kStripsInLine = static_cast<int>(kLine) / kStripBytes;
  const int rows = std::max(1, lanes_ / kStripsInLine);
  llvm::Value* const behind = b.CreateAdd(k, e_.i64(kStripsInLine * strip_));
  llvm::Value* const inside = b.CreateICmpSLT(behind, e_.size(source_.depth));
  const Panel from = source_.at(matrix, b.CreateSelect(inside, behind, e_.i64(0)));
  llvm::Value* const share = b.CreateURem(b.CreateUDiv(k, e_.i64(strip_)), e_.i64(kStripsInLine));
  llvm::Value* const begin = b.CreateAdd(b.CreateAdd(first, b.CreateMul(share, e_.i64(rows))),
                                         b.CreateSelect(inside, e_.i64(0), e_.i64(lanes_)));
  for (int r = 0; r < rows; ++r)
    e_.prefetch(e_.element(element_, from.pointer, b.CreateMul(b.CreateAdd(begin, e_.i64(r)), from.stride)),
                Fetch::kRead);
}

Emitter::Values PanelPacker::turn(const Values& rows, llvm::Value* mask) const {
  auto& b = e_.b;
  llvm::Type* const part = Emitter::vector_of(element_, strip_);
  return transpose_strip(e_, lanes_, strip_, [&](int row) -> llvm::Value* {
    llvm::Value* const from = rows[static_cast<std::size_t>(row)];
    if (from == nullptr) return llvm::Constant::getNullValue(part);
    if (mask == nullptr) return b.CreateAlignedLoad(part, from, align_);
    return b.CreateMaskedLoad(part, from, align_, mask, llvm::Constant::getNullValue(part));
  });
}

/// Vector j is put together of 16 bytes of the rows j, j + n, j + 2n, ..., where n elements are 16 bytes; then, in turn
/// for each bit of j, the vectors exchange it with that bit of the lane's number.
Emitter::Values transpose_strip(Emitter& e, int lanes, int strip, const std::function<llvm::Value*(int row)>& load) {
  auto& b = e.b;
  Emitter::Values block;
  for (int j = 0; j < strip; ++j) {
    Emitter::Values parts;
    for (int r = j; r < lanes; r += strip) parts.push_back(load(r));
    for (int width = strip; parts.size() > 1; width *= 2) {
      std::vector<int> both(static_cast<std::size_t>(2 * width));
      std::iota(both.begin(), both.end(), 0);
      for (std::size_t i = 0; i < parts.size() / 2; ++i)
        parts[i] = b.CreateShuffleVector(parts[2 * i], parts[2 * i + 1], both);
      parts.resize(parts.size() / 2);
    }
    block.push_back(parts.front());
  }
  for (int bit = 1; bit < strip; bit *= 2) {
    std::vector<int> low;
    std::vector<int> high;
    for (int lane = 0; lane < lanes; ++lane) {
      low.push_back((lane & bit) == 0 ? lane : lanes + lane - bit);
      high.push_back((lane & bit) == 0 ? lane + bit : lanes + lane);
    }
    for (int i = 0; i < strip; ++i) {
      if ((i & bit) != 0) continue;
      llvm::Value*& x = block[static_cast<std::size_t>(i)];
      llvm::Value*& y = block[static_cast<std::size_t>(i + bit)];
      llvm::Value* const upper = b.CreateShuffleVector(x, y, high);
      x = b.CreateShuffleVector(x, y, low);
      y = upper;
    }
  }
  return block;
}

}  // namespace sluice::backend
