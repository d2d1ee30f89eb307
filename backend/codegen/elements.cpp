#include "backend/codegen/elements.h"

#include <algorithm>

#include "sluice/error.h"

namespace sluice::backend {

using ir::Node;
using ir::Op;

Elements::Elements(Emitter& emitter, const ir::Graph& body, std::vector<Place> places, llvm::Instruction* entry)
    : e_(emitter), body_(body), places_(std::move(places)) {
  outer_ = {entry, entry};
}

void Elements::forget(Level level) {
  std::erase_if(known_, [&](const auto& entry) { return entry.second.level >= level; });
}

void Elements::begin_row(llvm::Instruction* row) {
  forget(Level::kRow);
  outer_[1] = row;
}

void Elements::begin_vector(int lanes, llvm::Value* mask) {
  forget(Level::kVector);
  e_.begin_copy();
  lanes_ = lanes;
  mask_ = mask;
}

void Elements::set_inside(bool inside) {
  forget(Level::kKernel);
  inside_ = inside;
}

const Elements::Phase* Elements::phase_of(const Coordinate& coordinate, std::int64_t stride) const {
  const auto is_it = [&](const Phase& phase) { return phase.base == coordinate.base && phase.stride == stride; };
  const auto found = std::ranges::find_if(phases_, is_it);
  return coordinate.uniform() && found != phases_.end() ? &*found : nullptr;
}

llvm::Value* Elements::hoisted(Level level, const std::function<llvm::Value*()>& emit) {
  if (level == Level::kVector) return emit();
  const llvm::IRBuilderBase::InsertPointGuard guard(e_.b);
  const llvm::DebugLoc location = e_.b.getCurrentDebugLocation();
  e_.b.SetInsertPoint(outer_[static_cast<std::size_t>(level)]);
  e_.b.SetCurrentDebugLocation(location);  // not that of the code it is put before
  return emit();
}

llvm::Value* Elements::spread(const Element& element) {
  if (!element.uniform || lanes_ == 1) return element.value;
  return hoisted(element.level, [&] { return e_.splat(element.value, lanes_); });
}

Element Elements::at(ir::Value value, const Index& index) {
  const std::size_t before = computations_.size();
  if (const auto known = known_or_begun(value, index)) return *known;
  while (computations_.size() > before) {
    Computation& innermost = computations_.back();
    const Emitter::At at(e_, body_.node(std::get<0>(innermost.key)));
    if (!innermost.task.resume()) continue;  // it waits for another, which is the innermost now
    finished_ = innermost.task.result();
    known_.emplace(std::move(innermost.key), finished_);
    computations_.pop_back();
  }
  return finished_;
}

llvm::Value* Elements::vector_at(ir::Value value, const Index& index) { return spread(at(value, index)); }

std::optional<Element> Elements::known_or_begun(ir::Value value, const Index& index) {
  Key key{value, {}};
  for (const Coordinate& coordinate : index) std::get<1>(key).push_back(coordinate.key());
  const auto found = known_.find(key);
  if (found != known_.end()) return found->second;
  const auto element = given(value, index);
  if (element) {
    known_.emplace(std::move(key), *element);
  } else {
    computations_.push_back({emit_element(*this, body_.node(value), index), std::move(key)});
  }
  return element;
}

std::optional<Element> Elements::given(ir::Value value, const Index& index) {
  const Node& node = body_.node(value);
  // A value without elements has no memory either. Ops that clamp positions ask for one and do not use it.
  if (is_empty(body_.type(value).shape))
    return Element{llvm::Constant::getNullValue(e_.register_type(body_.type(value).dtype)), true, Level::kKernel};
  if (node.op == Op::kMatmul || ir::info(node.op).has(ir::kReduction)) {
    SLUICE_CHECK(computed != nullptr, "{} inside of a loop", ir::to_string(node.op));
    return computed(node, index);
  }
  if (node.op == Op::kParameter) {
    const auto parameters = body_.parameters();
    const auto found = std::ranges::find(parameters, value, &ir::Parameter::value);
    return load(places_[static_cast<std::size_t>(found - parameters.begin())], node.types[0], index);
  }
  return std::nullopt;
}

Coordinate Elements::constant(std::int64_t value) { return {e_.i64(value), false, nullptr, Level::kKernel}; }

Element Elements::number_of(const Coordinate& c) {
  if (c.lanes != nullptr) return {c.lanes, lanes_ == 1, c.level};
  if (!c.counts || lanes_ == 1) return {c.base, true, c.level};
  return {e_.counting(c.base, lanes_), false, Level::kVector};
}

Coordinate Elements::coordinate_of(const Element& element) {
  if (element.uniform || lanes_ == 1) return {element.value, false, nullptr, element.level};
  return {nullptr, false, element.value, element.level};
}

Coordinate Elements::combine(const Coordinate& x, Dim factor, const Coordinate& y) {
  const Level level = std::max(x.level, y.level);
  const auto scaled = [&](llvm::Value* v, bool vector) {
    llvm::Value* const size = e_.size(factor);
    return vector ? e_.b.CreateMul(v, e_.splat(size, lanes_)) : e_.mul_position(v, size);
  };
  const bool scalar_lanes = lanes_ == 1;
  if (x.uniform() && (y.uniform() || y.counts)) {
    const auto* const number = llvm::dyn_cast<llvm::ConstantInt>(x.base);
    const bool shifted = y.counts && (y.shifted || number == nullptr || !number->isZero());
    return {hoisted(level, [&] { return e_.add_positions(scaled(x.base, false), y.base); }), y.counts, nullptr, level,
            shifted};
  }
  if (x.counts && factor == Dim(1) && y.uniform()) {
    return {hoisted(level, [&] { return e_.add_positions(x.base, y.base); }), true, nullptr, level, true};
  }
  llvm::Value* const x_lanes = spread(number_of(x));
  llvm::Value* const y_lanes = spread(number_of(y));
  llvm::Value* const sum = e_.b.CreateAdd(scaled(x_lanes, !scalar_lanes), y_lanes);
  if (scalar_lanes) return {sum, false, nullptr, level};
  return {nullptr, false, sum, level};
}

Coordinate Elements::linear(const Shape& shape, const Index& index) {
  // In a flat loop the one coordinate is the position itself; what has one element is broadcast.
  if (index.size() != static_cast<std::size_t>(shape.rank()))
    return shape.element_count() == Dim(1) ? constant(0) : index.front();
  Coordinate position = constant(0);
  for (int axis = 0; axis < shape.rank(); ++axis)
    position = combine(position, shape[axis], index[static_cast<std::size_t>(axis)]);
  return position;
}

PanelStart Elements::panel_of(const Layout& layout, const Shape& shape, llvm::Value* column) {
  auto& b = e_.b;
  const auto number = [&](std::int64_t value) { return llvm::ConstantInt::getSigned(column->getType(), value); };
  const std::int64_t columns = shape[1].size;
  if (layout.one_panel(columns)) return {number(0), number(layout.last)};
  SLUICE_CHECK(!shape[0].batch, "panels of a matrix whose height is not known");
  llvm::Value* const panel = b.CreateUDiv(column, number(layout.panel));
  llvm::Value* width = number(layout.panel);
  if (layout.last != layout.panel) {
    llvm::Value* const whole = b.CreateICmpSLT(panel, number((columns - 1) / layout.panel));
    width = b.CreateSelect(whole, width, number(layout.last));
  }
  return {b.CreateMul(panel, number(layout.panel * (shape[0].size - 1))), width};
}

void Elements::begin_panel(llvm::Value* column) {
  panel_column_ = column;
  hoisted_panels_.clear();
}

void Elements::hoist_panel(const Layout& layout, const Shape& shape) {
  if (hoisted_panel(layout, shape) != nullptr) return;
  hoisted_panels_.push_back({layout, shape, panel_of(layout, shape, panel_column_)});
}

const PanelStart* Elements::hoisted_panel(const Layout& layout, const Shape& shape) const {
  const auto is_it = [&](const HoistedPanel& panel) { return panel.layout == layout && panel.shape == shape; };
  const auto found = std::ranges::find_if(hoisted_panels_, is_it);
  return found == hoisted_panels_.end() ? nullptr : &found->start;
}

Coordinate Elements::position(const Layout& layout, const Shape& shape, const Index& index) {
  if (layout.dense() || index.size() != 2) return linear(shape, index);
  const Coordinate& row = index[0];
  const Coordinate& column = index[1];
  const Level level = std::max(row.level, column.level);
  const bool in_one_panel = column.uniform() || (column.counts && (!column.shifted || layout.one_panel(shape[1].size)));
  if (row.uniform() && in_one_panel) {
    const PanelStart* const known = column.counts && !column.shifted ? hoisted_panel(layout, shape) : nullptr;
    llvm::Value* const row_start = hoisted(known != nullptr ? std::max(row.level, Level::kRow) : level, [&] {
      const PanelStart found = known != nullptr ? *known : panel_of(layout, shape, column.base);
      return e_.add(e_.mul(row.base, found.width), found.offset);
    });
    return {hoisted(level, [&] { return e_.add(row_start, column.base); }), column.counts, nullptr, level};
  }
  llvm::Value* const rows = spread(number_of(row));
  llvm::Value* const columns = spread(number_of(column));
  const PanelStart found = panel_of(layout, shape, columns);
  llvm::Value* const at = e_.b.CreateAdd(e_.b.CreateAdd(e_.b.CreateMul(rows, found.width), found.offset), columns);
  if (lanes_ == 1) return {at, false, nullptr, Level::kVector};
  return {nullptr, false, at, Level::kVector};
}

Index Elements::delinearized(const Shape& shape, const Coordinate& position) {
  Index index(static_cast<std::size_t>(shape.rank()), constant(0));
  if (shape.rank() == 0) return index;
  if (shape.rank() == 1) return {position};
  const Element number = number_of(position);
  llvm::Value* rest = number.value;
  const auto size_of_axis = [&](int axis) {
    llvm::Value* const size = e_.size(shape[axis]);
    return number.uniform ? size : e_.splat(size, lanes_);
  };
  for (int axis = shape.rank() - 1; axis >= 0; --axis) {
    llvm::Value* const coordinate =
        hoisted(number.level, [&] { return axis == 0 ? rest : e_.b.CreateURem(rest, size_of_axis(axis)); });
    if (axis > 0) rest = hoisted(number.level, [&] { return e_.b.CreateUDiv(rest, size_of_axis(axis)); });
    index[static_cast<std::size_t>(axis)] = coordinate_of({coordinate, number.uniform, number.level});
  }
  return index;
}

Element Elements::load(const Place& place, const Type& type, const Index& index) {
  auto& b = e_.b;
  llvm::Type* const memory = e_.memory_type(type.dtype);
  const Coordinate at = position(place.layout, type.shape, index);
  const auto to_register = [&](llvm::Value* loaded) {
    if (type.dtype != DType::kBool) return loaded;
    return b.CreateICmpNE(loaded, llvm::Constant::getNullValue(loaded->getType()));
  };
  if (at.uniform() || lanes_ == 1) {
    llvm::Value* const value = hoisted(at.level, [&] {
      return to_register(b.CreateLoad(memory, e_.element(memory, place.pointer, number_of(at).value)));
    });
    return {value, true, at.level};
  }
  llvm::Type* const vector = Emitter::vector_of(memory, lanes_);
  const llvm::Align align(size_of(type.dtype));
  llvm::Value* loaded = nullptr;
  if (at.counts) {
    llvm::Value* const from = e_.element(memory, place.pointer, at.base);
    if (mask_ == nullptr) {
      loaded = b.CreateAlignedLoad(vector, from, align);
    } else {
      loaded = b.CreateMaskedLoad(vector, from, align, mask_, llvm::Constant::getNullValue(vector));
    }
  } else {
    llvm::Value* const all = llvm::Constant::getAllOnesValue(Emitter::vector_of(b.getInt1Ty(), lanes_));
    loaded = b.CreateMaskedGather(vector, e_.element(memory, place.pointer, at.lanes), align,
                                  mask_ == nullptr ? all : mask_, llvm::Constant::getNullValue(vector));
  }
  return {to_register(loaded), false, Level::kVector};
}

void Elements::store(const Place& place, const Type& type, const Index& index, llvm::Value* value) {
  auto& b = e_.b;
  llvm::Type* const memory = e_.memory_type(type.dtype);
  if (type.dtype == DType::kBool) value = b.CreateZExt(value, Emitter::vector_of(memory, lanes_));
  const Coordinate at = position(place.layout, type.shape, index);
  const llvm::Align align(size_of(type.dtype));
  if (lanes_ == 1) {
    b.CreateAlignedStore(value, e_.element(memory, place.pointer, number_of(at).value), align);
    return;
  }
  SLUICE_CHECK(at.counts, "a store to scattered elements");
  llvm::Value* const to = e_.element(memory, place.pointer, at.base);
  if (mask_ == nullptr) {
    b.CreateAlignedStore(value, to, align);
  } else {
    b.CreateMaskedStore(value, to, align, mask_);
  }
}

}  // namespace sluice::backend
