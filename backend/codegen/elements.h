#pragma once

#include <array>
#include <deque>
#include <functional>
#include <map>
#include <tuple>
#include <vector>

#include "backend/codegen/emitter.h"
#include "backend/codegen/task.h"
#include "backend/layout.h"
#include "sluice/ir/graph.h"

namespace sluice::backend {

/// The frequency with which a value changes: once per kernel, once per iteration of the outer loop, or with every
/// vector. Code is emitted as far out as its operands allow, because no pass hoists it later.
enum class Level : int { kKernel = 0, kRow = 1, kVector = 2 };

/// One coordinate of an element, or of `lanes` elements at once.
struct Coordinate {
  llvm::Value* base = nullptr;  ///< i64; lane l stands at base, at base + l (`counts`), or at lane l of `lanes`
  bool counts = false;
  llvm::Value* lanes = nullptr;  ///< i64 lanes, where the coordinate is neither the same nor counting
  Level level = Level::kKernel;
  bool shifted = false;  ///< counts, but not from a multiple of the lanes

  bool uniform() const { return !counts && lanes == nullptr; }
  auto key() const { return std::tuple(base, counts, lanes); }
};
using Index = std::vector<Coordinate>;

/// A value at an index: one scalar that all lanes share, or a vector.
struct Element {
  llvm::Value* value = nullptr;
  bool uniform = false;
  Level level = Level::kKernel;
};

/// The memory of a value.
struct Place {
  llvm::Value* pointer;
  Layout layout = {};
};

/// The offset of row 0 of a panel, less its first column, and the length of its rows.
struct PanelStart {
  llvm::Value* offset;
  llvm::Value* width;
};

/// Computes elements of the values of a kernel's body at given indices, operands first, each once. One rule an op, in
/// element_rules.cpp.
class Elements {
 public:
  /// `places` has the memory of each parameter of `body`. `entry`: kernel-level code is put before it.
  Elements(Emitter& emitter, const ir::Graph& body, std::vector<Place> places, llvm::Instruction* entry);

  /// Opens code for `lanes` lanes under a row whose row-level code is put before `row`; `mask` marks the lanes in use
  /// (nullptr: all).
  void begin_row(llvm::Instruction* row);
  void begin_vector(int lanes, llvm::Value* mask);

  /// Elements that come from no rule, since the kernel itself makes them: of a product, of reductions that it goes on
  /// with.
  std::function<Element(const ir::Node&, const Index&)> computed;

  /// Opens code whose counting columns all lie in the panel of each layout that has column `column`: the kernel's own
  /// panels divide those of every layout. Forgets the panels of the code before.
  void begin_panel(llvm::Value* column);
  /// Computes where that panel of a matrix with this layout and shape begins, so that its vectors need not do so.
  void hoist_panel(const Layout& layout, const Shape& shape);
  /// Returns the start that hoist_panel computed for this layout and shape, or nullptr.
  const PanelStart* hoisted_panel(const Layout& layout, const Shape& shape) const;

  /// From here on, all windows lie within their images if `inside`, so that nothing need be tested. Forgets all
  /// elements.
  void set_inside(bool inside);
  bool inside() const { return inside_; }

  /// A coordinate that is stride * quotient + rest.
  struct Phase {
    llvm::Value* base;
    std::int64_t stride;
    llvm::Value* quotient;
    std::int64_t rest;
  };
  /// Notes phases of coordinates, instead of those before.
  void set_phases(std::vector<Phase> phases) { phases_ = std::move(phases); }
  const Phase* phase_of(const Coordinate& coordinate, std::int64_t stride) const;

  Element at(ir::Value value, const Index& index);
  /// `at`, as a vector where there is more than one lane.
  llvm::Value* vector_at(ir::Value value, const Index& index);
  /// Writes `value`, of `type`, to `place` at `index`.
  void store(const Place& place, const Type& type, const Index& index, llvm::Value* value);
  /// The panel that column `column` of a matrix of `shape` is in; for one column or lanes of them.
  PanelStart panel_of(const Layout& layout, const Shape& shape, llvm::Value* column);

  // For the rules.

  /// `co_await elements.operand(value, index)` is the element of an operand: a known one, or one that is computed while
  /// the rule is suspended.
  class Operand {
   public:
    Operand(Elements& elements, std::optional<Element> known) : elements_(elements), known_(known) {}
    bool await_ready() const { return known_.has_value(); }
    void await_suspend(std::coroutine_handle<>) const {}
    Element await_resume() const { return known_ ? *known_ : elements_.finished_; }

   private:
    Elements& elements_;
    std::optional<Element> known_;
  };
  Operand operand(ir::Value value, const Index& index) { return {*this, known_or_begun(value, index)}; }
  Emitter& emitter() { return e_; }
  const ir::Graph& body() const { return body_; }
  int lanes() const { return lanes_; }
  llvm::Value* mask() const { return mask_; }
  llvm::Value* spread(const Element& element);
  Element load(const Place& place, const Type& type, const Index& index);
  /// A coordinate as i64, scalar if uniform.
  Element number_of(const Coordinate& coordinate);
  Coordinate coordinate_of(const Element& element);
  /// The row-major position of an element in `shape`.
  Coordinate linear(const Shape& shape, const Index& index);
  /// The index of row-major position `position` in `shape`.
  Index delinearized(const Shape& shape, const Coordinate& position);
  /// Runs `emit` where code of `level` belongs.
  llvm::Value* hoisted(Level level, const std::function<llvm::Value*()>& emit);
  Coordinate constant(std::int64_t value);
  /// a * x + y for a static or symbolic factor.
  Coordinate combine(const Coordinate& x, Dim factor, const Coordinate& y);

 private:
  using Key = std::tuple<ir::Value, std::vector<std::tuple<llvm::Value*, bool, llvm::Value*>>>;

  struct Computation {
    Task<Element> task;
    Key key;
  };

  /// An element that is known or needs no other; or nothing, after its computation was begun.
  std::optional<Element> known_or_begun(ir::Value value, const Index& index);
  /// The element of a value that is not computed from others by a rule.
  std::optional<Element> given(ir::Value value, const Index& index);
  /// Returns the offset of an element of `shape` in memory.
  Coordinate position(const Layout& layout, const Shape& shape, const Index& index);
  void forget(Level level);

  /// The start of the panel of one layout and shape: a matrix in another layout has another one, or none.
  struct HoistedPanel {
    Layout layout;
    Shape shape;
    PanelStart start;
  };

  Emitter& e_;
  const ir::Graph& body_;
  std::vector<Place> places_;
  std::map<Key, Element> known_;          // looked up only, never iterated for what it emits
  std::deque<Computation> computations_;  ///< begun; each but the last waits for the one behind it
  Element finished_;                      ///< by the last computation that returned
  llvm::Value* panel_column_ = nullptr;
  std::vector<HoistedPanel> hoisted_panels_;
  std::array<llvm::Instruction*, 2> outer_{};
  int lanes_ = 1;
  llvm::Value* mask_ = nullptr;
  bool inside_ = false;
  std::vector<Phase> phases_;
};

/// The rule of a node that is not an input, for its element at `index`.
Task<Element> emit_element(Elements& elements, const ir::Node& node, Index index);

/// An elementwise op on registers of one lane or many: operands of the dtypes of the node's operands, result of the
/// node's.
llvm::Value* emit_elementwise(Emitter& e, const ir::Node& node, DType operand_dtype,
                              const std::vector<llvm::Value*>& operands);

/// The larger or the smaller; NaN if either is.
llvm::Value* emit_extreme(Emitter& e, DType dtype, llvm::Value* x, llvm::Value* y, bool larger);

}  // namespace sluice::backend
