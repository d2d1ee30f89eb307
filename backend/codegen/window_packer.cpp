#include "backend/codegen/window_packer.h"

#include <fmt/format.h>

#include <algorithm>

namespace sluice::backend {

using Values = std::vector<llvm::Value*>;

WindowPacker::WindowPacker(Emitter& emitter, const ir::Node& windows, const Type& from, std::int64_t stride)
    : e_(emitter),
      windows_(ir::windows_of(windows.attributes)),
      cell_(1),
      stride_(stride),
      element_(emitter.memory_type(from.dtype)),
      bytes_(static_cast<int>(size_of(from.dtype))) {
  const auto first = static_cast<int>(windows.attributes.integer(ir::Attr::kAxis));
  const auto last = first + static_cast<int>(windows_.size());
  name_ = fmt::format("windows_{}_{}", bytes_ * 8, stride_);
  for (int axis = first; axis < last; ++axis) {
    const ir::Window& window = windows_[static_cast<std::size_t>(axis - first)];
    sizes_.push_back(from.shape[axis]);
    counts_.push_back(ir::window_count(window, sizes_.back()));
    name_ += fmt::format("_{}of{}by{}_{}_{}_{}", window.size, to_string(sizes_.back()), window.stride, window.dilation,
                         window.low, window.high);
  }
  for (int axis = last; axis < from.shape.rank(); ++axis) cell_ *= from.shape[axis].size;
  name_ += fmt::format("_{}", cell_);
}

void WindowPacker::pack(llvm::Value* from, llvm::Value* row, llvm::Value* count, llvm::Value* to) const {
  Values arguments{from, row, count, to};
  for (std::size_t axis = 0; axis < sizes_.size(); ++axis) {
    arguments.push_back(e_.size(sizes_[axis]));
    arguments.push_back(e_.size(counts_[axis]));
  }
  e_.b.CreateCall(function(), arguments);
}

llvm::Function* WindowPacker::function() const {
  llvm::Function*& made = e_.shared[name_];
  if (made != nullptr) return made;
  const llvm::IRBuilderBase::InsertPointGuard guard(e_.b);
  llvm::Type* const pointer = e_.b.getPtrTy();
  llvm::Type* const i64 = e_.b.getInt64Ty();
  std::vector<llvm::Type*> parameters{pointer, i64, i64, pointer};
  parameters.resize(parameters.size() + 2 * sizes_.size(), i64);
  made = e_.function(name_, e_.b.getVoidTy(), parameters, false);
  // Static sizes are constants, so that divisions by them are multiplications.
  Values sizes;
  for (std::size_t axis = 0; axis < sizes_.size(); ++axis) {
    const auto argument = static_cast<unsigned>(4 + 2 * axis);
    sizes.push_back(sizes_[axis].batch ? static_cast<llvm::Value*>(made->getArg(argument)) : e_.i64(sizes_[axis].size));
    sizes.push_back(counts_[axis].batch ? static_cast<llvm::Value*>(made->getArg(argument + 1))
                                        : e_.i64(counts_[axis].size));
  }
  e_.loop(e_.i64(0), made->getArg(2), 1, [&](llvm::Value* r) {
    llvm::Value* const to = e_.element(element_, made->getArg(3), e_.mul(r, e_.i64(stride_)));
    pack_row(made->getArg(0), e_.b.CreateAdd(made->getArg(1), r), to, sizes);
  });
  e_.b.CreateRetVoid();
  return made;
}

void WindowPacker::pack_row(llvm::Value* from, llvm::Value* row, llvm::Value* to, const Values& sizes) const {
  auto& b = e_.b;
  Values window(windows_.size());
  llvm::Value* rest = row;
  llvm::Value* cells = e_.i64(1);
  for (std::size_t axis = windows_.size(); axis-- > 0;) {
    window[axis] = b.CreateURem(rest, sizes[2 * axis + 1]);
    rest = b.CreateUDiv(rest, sizes[2 * axis + 1]);
    cells = e_.mul(cells, sizes[2 * axis]);
  }
  pack_taps(0, {e_.mul(rest, cells), nullptr}, window, from, to, sizes);
}

std::int64_t WindowPacker::elements_of_tap(std::size_t axis) const {
  std::int64_t elements = cell_;
  for (std::size_t inner = axis + 1; inner < windows_.size(); ++inner) elements *= windows_[inner].size;
  return elements;
}

bool WindowPacker::is_one_piece(std::size_t axis) const {
  const ir::Window& window = windows_[axis];
  return axis + 1 == windows_.size() && window.stays_inside() && window.dilation == 1;
}

void WindowPacker::pack_taps(std::size_t axis, const Cell& at, const Values& window, llvm::Value* from, llvm::Value* to,
                             const Values& sizes) const {
  auto& b = e_.b;
  const ir::Window& along = windows_[axis];
  // Offsets count cells of the axes before this one: `at.offset` is in units of all of this axis and those behind.
  llvm::Value* inner = e_.i64(cell_);
  for (std::size_t next = axis + 1; next < windows_.size(); ++next) inner = e_.mul(inner, sizes[2 * next]);
  llvm::Value* const start = axis == 0 ? e_.mul(at.offset, e_.i64(cell_)) : at.offset;
  llvm::Value* const first = b.CreateSub(e_.mul(window[axis], e_.i64(along.stride)), e_.i64(along.low));
  if (is_one_piece(axis)) {
    const Cell piece{b.CreateAdd(start, e_.mul(first, inner)), at.inside};
    return copy(piece, along.size * cell_, from, to);
  }
  const auto tap = [&](llvm::Value* k) {
    llvm::Value* const position = b.CreateAdd(first, e_.mul(k, e_.i64(along.dilation)));
    Cell cell{b.CreateAdd(start, e_.mul(position, inner)), at.inside};
    if (!along.stays_inside()) {
      llvm::Value* const inside = b.CreateICmpULT(position, sizes[2 * axis]);
      cell.inside = at.inside == nullptr ? inside : b.CreateAnd(at.inside, inside);
    }
    llvm::Value* const place = e_.element(element_, to, e_.mul(k, e_.i64(elements_of_tap(axis))));
    if (axis + 1 == windows_.size()) return copy(cell, cell_, from, place);
    pack_taps(axis + 1, cell, window, from, place, sizes);
  };
  constexpr std::int64_t kUnrolled = 3;
  if (along.size > kUnrolled) return e_.loop(e_.i64(0), e_.i64(along.size), 1, tap);
  for (std::int64_t k = 0; k < along.size; ++k) tap(e_.i64(k));
}

void WindowPacker::copy(const Cell& cell, std::int64_t count, llvm::Value* from, llvm::Value* to) const {
  auto& b = e_.b;
  const int lanes = e_.target.lanes(bytes_);
  const llvm::Align align(static_cast<std::uint64_t>(bytes_));
  llvm::Value* const source = e_.element(element_, from, cell.offset);
  llvm::Type* const vector = Emitter::vector_of(element_, lanes);
  const auto copy_vector = [&](llvm::Value* offset, std::int64_t used) {
    llvm::Value* const place = e_.element(element_, source, offset);
    llvm::Value* mask = used == lanes ? nullptr : e_.first_lanes(e_.i64(used), lanes);
    llvm::Value* const stored = mask;
    if (cell.inside != nullptr) {
      llvm::Value* const inside = e_.splat(cell.inside, lanes);
      mask = mask == nullptr ? inside : b.CreateAnd(mask, inside);
    }
    llvm::Value* const loaded =
        mask == nullptr ? static_cast<llvm::Value*>(b.CreateAlignedLoad(vector, place, align))
                        : b.CreateMaskedLoad(vector, place, align, mask, llvm::Constant::getNullValue(vector));
    llvm::Value* const target = e_.element(element_, to, offset);
    if (stored == nullptr) {
      b.CreateAlignedStore(loaded, target, align);
    } else {
      b.CreateMaskedStore(loaded, target, align, stored);
    }
  };
  constexpr std::int64_t kUnrolled = 8;
  const std::int64_t whole = count / lanes * lanes;
  if (whole > kUnrolled * lanes) {
    e_.loop(e_.i64(0), e_.i64(whole), lanes, [&](llvm::Value* i) { copy_vector(i, lanes); });
  } else {
    for (std::int64_t i = 0; i < whole; i += lanes) copy_vector(e_.i64(i), lanes);
  }
  if (whole < count) copy_vector(e_.i64(whole), count - whole);
}

}  // namespace sluice::backend
