#include <algorithm>

#include "backend/codegen/folds.h"

namespace sluice::backend {

using ir::Node;

namespace {

/// A kernel that goes row by row: reductions along the last axis, and what is computed of them. The reductions of a row
/// that need no other come first, in one turn through the row; then those that need these, and so on; results last.
/// Elements that several turns need are computed in each: what they are made of is in the nearest cache.
class Rows {
 public:
  explicit Rows(Frame& frame) : frame_(frame), e_(frame.e) {
    const ir::Graph& body = frame.body();
    std::vector<std::size_t> turns;  // of each node: how many turns must be over before it can be computed
    for (std::uint32_t i = 0; i < body.nodes().size(); ++i) {
      const Node& node = body.node(i);
      std::size_t turn = 0;
      for (const ir::Value operand : node.operands) {
        const bool is_reduction = ir::info(body.node(operand).op).has(ir::kReduction);
        turn = std::max(turn, turns[operand.node] + (is_reduction ? 1 : 0));
      }
      turns.push_back(turn);
      if (!ir::info(node.op).has(ir::kReduction)) continue;
      shape_ = body.type(node.operands[0]).shape;
      reductions_.resize(std::max(reductions_.size(), turn + 1));
      reductions_[turn].push_back(&node);
    }
    frame_.elements.computed = [this](const Node& node, const Index&) { return known_.at(&node); };
  }

  void emit() {
    e_.loop(frame_.begin, frame_.end, 1, [&](llvm::Value* unit) {
      Index index;
      for (llvm::Value* block : unit_blocks(frame_, unit)) index.push_back({block, false, nullptr, Level::kRow});
      index.emplace_back();
      for (const auto& nodes : reductions_) reduce(nodes, index);
      store(index);
    });
  }

 private:
  Dim columns() const { return shape_[shape_.rank() - 1]; }

  void reduce(const std::vector<const Node*>& nodes, const Index& index) {
    frame_.elements.begin_row(e_.preheader("row"));
    Folds folds(frame_, nodes);
    const auto total = folds.along_last_axis(folds.start(Folds::lanes_for(e_, columns())), index, columns());
    const auto results = folds.results(total, true);
    for (std::size_t i = 0; i < nodes.size(); ++i) known_[nodes[i]] = {results[i], true, Level::kRow};
  }

  void store(Index index) {
    frame_.elements.begin_row(e_.preheader("row"));
    for_vectors(frame_, e_.i64(0), e_.size(columns()), Folds::lanes_for(e_, columns()), [&](const Coordinate& column) {
      index.back() = column;
      store_results(frame_, shape_, index);
    });
    frame_.elements.begin_vector(1, nullptr);
    index.pop_back();
    const Shape rows(std::vector<Dim>(shape_.begin(), shape_.end() - 1));
    store_results(frame_, rows, index);
    Shape one_column = rows;
    one_column.push_back(1);
    index.push_back(frame_.elements.constant(0));
    store_results(frame_, one_column, index);
  }

  Frame& frame_;
  Emitter& e_;
  Shape shape_;                                       ///< of the rows, which the last axis is
  std::vector<std::vector<const Node*>> reductions_;  ///< by turn
  std::map<const Node*, Element> known_;              ///< what they have come to in the row at hand
};

}  // namespace

void emit_rows(Frame& frame) { Rows(frame).emit(); }

}  // namespace sluice::backend
