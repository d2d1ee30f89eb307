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
  llvm::Function* const made = function(name_, 2, [&](const Values& arguments) {
    const Values sizes(arguments.begin() + 4, arguments.end());
    e_.loop(e_.i64(0), arguments[3], 1, [&](llvm::Value* r) {
      pack_row(arguments[0], e_.b.CreateAdd(arguments[2], r),
               e_.element(element_, arguments[1], e_.mul(r, e_.i64(stride_))), sizes);
    });
  });
  Values arguments{from, to, row, count};
  for (llvm::Value* const size : arguments_of_sizes()) arguments.push_back(size);
  e_.b.CreateCall(made, arguments);
}

void WindowPacker::pack_columns(llvm::Value* from, const Range& rows, const Range& columns, llvm::Value* to) const {
  llvm::Function* const made = function(name_ + "_columns", 4, [&](const Values& arguments) {
    auto& b = e_.b;
    const Values sizes(arguments.begin() + 6, arguments.end());
    const Range all_rows{arguments[2], arguments[3]};
    const Range all_columns{arguments[4], arguments[5]};
    llvm::Value* const piece = e_.i64(elements_of_piece());
    llvm::Value* const end = b.CreateAdd(all_columns.first, all_columns.count);
    llvm::Value* const first = b.CreateUDiv(all_columns.first, piece);
    llvm::Value* const last = b.CreateUDiv(b.CreateAdd(end, b.CreateSub(piece, e_.i64(1))), piece);
    e_.loop(first, last, 1, [&](llvm::Value* number) {
      llvm::Value* const start = b.CreateMul(number, piece);
      llvm::Value* const begin = e_.max(start, all_columns.first);
      llvm::Value* const stop = e_.min(b.CreateAdd(start, piece), end);
      llvm::Value* const out = e_.element(element_, arguments[1], b.CreateSub(begin, all_columns.first));
      pack_piece(arguments[0], number, all_rows, {b.CreateSub(begin, start), b.CreateSub(stop, begin)}, out, sizes);
    });
  });
  Values arguments{from, to, rows.first, rows.count, columns.first, columns.count};
  for (llvm::Value* const size : arguments_of_sizes()) arguments.push_back(size);
  e_.b.CreateCall(made, arguments);
}

Values WindowPacker::arguments_of_sizes() const {
  Values sizes;
  for (std::size_t axis = 0; axis < sizes_.size(); ++axis) {
    sizes.push_back(e_.size(sizes_[axis]));
    sizes.push_back(e_.size(counts_[axis]));
  }
  return sizes;
}

llvm::Function* WindowPacker::function(const std::string& name, unsigned numbers,
                                       const std::function<void(const Values&)>& emit) const {
  llvm::Function*& made = e_.shared[name];
  if (made != nullptr) return made;
  const llvm::IRBuilderBase::InsertPointGuard guard(e_.b);
  std::vector<llvm::Type*> parameters{e_.b.getPtrTy(), e_.b.getPtrTy()};
  parameters.resize(2 + numbers + 2 * sizes_.size(), e_.b.getInt64Ty());
  made = e_.function(name, e_.b.getVoidTy(), parameters, false);
  Values arguments;
  for (unsigned i = 0; i < 2 + numbers; ++i) arguments.push_back(made->getArg(i));
  // Static sizes are constants, so that divisions by them are multiplications.
  const auto known = [&](Dim size, unsigned argument) {
    return size.batch ? static_cast<llvm::Value*>(made->getArg(argument)) : e_.i64(size.size);
  };
  for (std::size_t axis = 0; axis < sizes_.size(); ++axis) {
    const unsigned argument = 2 + numbers + 2 * static_cast<unsigned>(axis);
    arguments.push_back(known(sizes_[axis], argument));
    arguments.push_back(known(counts_[axis], argument + 1));
  }
  emit(arguments);
  e_.b.CreateRetVoid();
  return made;
}

Values WindowPacker::window_of(llvm::Value* row, const Values& sizes) const {
  Values window(windows_.size());
  for (std::size_t axis = windows_.size(); axis-- > 0;) {
    window[axis] = e_.b.CreateURem(row, sizes[2 * axis + 1]);
    row = e_.b.CreateUDiv(row, sizes[2 * axis + 1]);
  }
  window.push_back(row);
  return window;
}

void WindowPacker::pack_row(llvm::Value* from, llvm::Value* row, llvm::Value* to, const Values& sizes) const {
  const Values window = window_of(row, sizes);
  llvm::Value* offset = window.back();
  for (std::size_t axis = 0; axis < windows_.size(); ++axis) offset = e_.mul(offset, sizes[2 * axis]);
  pack_taps(0, {e_.mul(offset, e_.i64(cell_)), nullptr}, window, from, to, sizes);
}

/// Packs the elements `columns` of piece number `piece` of all rows. The taps are those of the piece, so from row to
/// row only the windows change; along a line of windows of the last axis, only the last one.
void WindowPacker::pack_piece(llvm::Value* from, llvm::Value* piece, const Range& rows, const Range& columns,
                              llvm::Value* to, const Values& sizes) const {
  auto& b = e_.b;
  const std::size_t last = windows_.size() - 1;
  Values taps(windows_.size(), e_.i64(0));
  for (std::size_t axis = is_one_piece(last) ? last : last + 1; axis-- > 0;) {
    taps[axis] = b.CreateURem(piece, e_.i64(windows_[axis].size));
    piece = b.CreateUDiv(piece, e_.i64(windows_[axis].size));
  }
  const auto moved = [&](const Cell& cell, std::size_t axis, llvm::Value* window) {
    const ir::Window& along = windows_[axis];
    llvm::Value* const tap = b.CreateSub(e_.mul(taps[axis], e_.i64(along.dilation)), e_.i64(along.low));
    llvm::Value* const position = b.CreateAdd(e_.mul(window, e_.i64(along.stride)), tap);
    Cell next{b.CreateAdd(e_.mul(cell.offset, sizes[2 * axis]), position), cell.inside};
    if (along.stays_inside()) return next;
    llvm::Value* const inside = b.CreateICmpULT(position, sizes[2 * axis]);
    next.inside = cell.inside == nullptr ? inside : b.CreateAnd(cell.inside, inside);
    return next;
  };
  const int lanes = e_.target.lanes(bytes_);
  llvm::Value* const in_line = sizes[2 * last + 1];
  llvm::Value* const end = b.CreateAdd(rows.first, rows.count);
  llvm::Value* const lines = b.CreateUDiv(b.CreateAdd(end, b.CreateSub(in_line, e_.i64(1))), in_line);
  e_.loop(b.CreateUDiv(rows.first, in_line), lines, 1, [&](llvm::Value* line) {
    llvm::Value* const first = b.CreateMul(line, in_line);
    const Values window = window_of(first, sizes);
    Cell at_line{window.back(), nullptr};
    for (std::size_t axis = 0; axis < last; ++axis) at_line = moved(at_line, axis, window[axis]);
    llvm::Value* const begin = e_.max(b.CreateSub(rows.first, first), e_.i64(0));
    e_.loop(begin, e_.min(b.CreateSub(end, first), in_line), 1, [&](llvm::Value* w) {
      Cell cell = moved(at_line, last, w);
      cell.offset = b.CreateAdd(e_.mul(cell.offset, e_.i64(cell_)), columns.first);
      llvm::Value* const row = b.CreateSub(b.CreateAdd(first, w), rows.first);
      llvm::Value* const out = e_.element(element_, to, e_.mul(row, e_.i64(stride_)));
      e_.loop(e_.i64(0), columns.count, lanes, [&](llvm::Value* i) {
        copy_vector(cell, e_.min(b.CreateSub(columns.count, i), e_.i64(lanes)), i, from, out);
      });
    });
  });
}

std::int64_t WindowPacker::elements_of_piece() const {
  return is_one_piece(windows_.size() - 1) ? windows_.back().size * cell_ : cell_;
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
  llvm::Value* inner = e_.i64(cell_);
  for (std::size_t next = axis + 1; next < windows_.size(); ++next) inner = e_.mul(inner, sizes[2 * next]);
  llvm::Value* const first = b.CreateSub(e_.mul(window[axis], e_.i64(along.stride)), e_.i64(along.low));
  if (is_one_piece(axis)) {
    const Cell piece{b.CreateAdd(at.offset, e_.mul(first, inner)), at.inside};
    return copy(piece, along.size * cell_, from, to);
  }
  const auto tap = [&](llvm::Value* k) {
    llvm::Value* const position = b.CreateAdd(first, e_.mul(k, e_.i64(along.dilation)));
    Cell cell{b.CreateAdd(at.offset, e_.mul(position, inner)), at.inside};
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
  const int lanes = e_.target.lanes(bytes_);
  constexpr std::int64_t kUnrolled = 8;
  const std::int64_t whole = count / lanes * lanes;
  if (whole > kUnrolled * lanes) {
    e_.loop(e_.i64(0), e_.i64(whole), lanes, [&](llvm::Value* i) { copy_vector(cell, e_.i64(lanes), i, from, to); });
  } else {
    for (std::int64_t i = 0; i < whole; i += lanes) copy_vector(cell, e_.i64(lanes), e_.i64(i), from, to);
  }
  if (whole < count) copy_vector(cell, e_.i64(count - whole), e_.i64(whole), from, to);
}

void WindowPacker::copy_vector(const Cell& cell, llvm::Value* used, llvm::Value* offset, llvm::Value* from,
                               llvm::Value* to) const {
  auto& b = e_.b;
  const int lanes = e_.target.lanes(bytes_);
  const llvm::Align align(static_cast<std::uint64_t>(bytes_));
  llvm::Type* const vector = Emitter::vector_of(element_, lanes);
  const auto* const known = llvm::dyn_cast<llvm::ConstantInt>(used);
  llvm::Value* const stored =
      known != nullptr && known->getSExtValue() == lanes ? nullptr : e_.first_lanes(used, lanes);
  llvm::Value* loaded_mask = stored;
  if (cell.inside != nullptr) {
    llvm::Value* const inside = e_.splat(cell.inside, lanes);
    loaded_mask = stored == nullptr ? inside : b.CreateAnd(stored, inside);
  }
  llvm::Value* const source = e_.element(element_, from, b.CreateAdd(cell.offset, offset));
  llvm::Value* const loaded =
      loaded_mask == nullptr
          ? static_cast<llvm::Value*>(b.CreateAlignedLoad(vector, source, align))
          : b.CreateMaskedLoad(vector, source, align, loaded_mask, llvm::Constant::getNullValue(vector));
  llvm::Value* const target = e_.element(element_, to, offset);
  if (stored == nullptr) {
    b.CreateAlignedStore(loaded, target, align);
  } else {
    b.CreateMaskedStore(loaded, target, align, stored);
  }
}

}  // namespace sluice::backend
