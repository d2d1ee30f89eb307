#pragma once

#include <algorithm>
#include <functional>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "ir/graph.h"

namespace sluice::passes {

/// What a rewrite rule keeps.
enum class Exactness : std::uint8_t {
  kExact,  ///< every bit
  kValue,  ///< the value, but for the sign of zero, and the sign and payload of NaN
  kFast,   ///< not the rounding
};

/// A node that is about to be appended to the new graph, as a rule sees it.
class Match {
 public:
  Match(ir::Builder& builder, const ir::Node& node, std::vector<ir::Value> operands,
        std::span<const std::uint32_t> uses)
      : builder_(builder), node_(node), operands_(std::move(operands)), uses_(uses) {}

  ir::Op op() const { return node_.op; }
  const ir::Attributes& attributes() const { return node_.attributes; }
  const Type& type() const { return node_.types[0]; }
  std::size_t operand_count() const { return operands_.size(); }
  ir::Value operand(std::size_t i) const { return operands_[i]; }
  const std::vector<ir::Value>& operands() const { return operands_; }

  /// The node that makes operand i. Valid until the next node is appended.
  const ir::Node& maker(std::size_t i) const { return maker_of(operands_[i]); }
  const ir::Node& maker_of(ir::Value value) const {
    looked_at_.push_back(value.node);
    return builder_.graph().node(value);
  }
  /// Operand j of the node that makes operand i, if that is an `op`.
  std::optional<ir::Value> inner(std::size_t i, ir::Op op, std::size_t j = 0) const;
  const Type& type_of(ir::Value value) const { return builder_.type(value); }
  const Type& operand_type(std::size_t i) const { return builder_.type(operands_[i]); }
  /// The one value that all elements of operand i have, if it is a constant or repeats one.
  std::optional<double> number(std::size_t i) const;
  bool is_number(std::size_t i, double value) const { return number(i) == value; }
  /// Whether no other node reads operand i, so that changing its maker costs nothing.
  bool only_reader(std::size_t i) const { return uses_[operands_[i].node] <= 1; }

  /// Whether a rule has looked at this node of the new graph since the last begin_rule().
  bool looked_at(std::uint32_t node) const { return std::ranges::find(looked_at_, node) != looked_at_.end(); }
  void begin_rule() { looked_at_.clear(); }

  /// Appends a node; it has the origins of the one matched, and gets those of the rest of the pattern.
  ir::Value operator()(ir::Op op, std::vector<ir::Value> operands, ir::Attributes attributes = {}) const {
    return builder_.add(op, std::move(operands), std::move(attributes), builder_.current_origins());
  }
  ir::Builder& builder() const { return builder_; }

 private:
  ir::Builder& builder_;
  const ir::Node& node_;
  std::vector<ir::Value> operands_;
  std::span<const std::uint32_t> uses_;  // by node of the new graph
  mutable std::vector<std::uint32_t> looked_at_;
};

/// One row of a rewrite table. `name` is its algebra: "x * 1 -> x". `root` is the op that it begins at, none for any.
/// `apply` gives the value to put in the node's place, or nothing if the rule does not fit.
struct Rule {
  std::string_view name;
  Exactness exactness;
  std::optional<ir::Op> root;
  std::optional<ir::Value> (*apply)(const Match&);
};

std::span<const Rule> arithmetic_rules();
std::span<const Rule> logic_rules();
std::span<const Rule> shape_rules();
std::span<const Rule> structure_rules();
std::span<const Rule> folding_rules();

/// The tables, in the order in which they are tried.
std::vector<Rule> all_rules();

struct RewriteOptions {
  bool fast = false;                                   ///< also the rules that change rounding
  std::function<void(const Rule& rule)> on_rule = {};  ///< called for each rule that fires
};

/// Applies rules until none fits any more.
ir::Graph rewrite(const ir::Graph& graph, std::span<const Rule> rules, const RewriteOptions& options = {});

/// The pass `canonicalize`: all rules but the fast ones.
ir::Graph canonicalize(const ir::Graph& graph);

}  // namespace sluice::passes
