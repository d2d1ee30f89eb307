#pragma once

#include <algorithm>
#include <functional>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "sluice/ir/graph.h"

namespace sluice::passes {

/// Which bits of its results a rewrite rule preserves in the interpreter. Compiled code treats subnormal numbers as
/// zeros of their sign and returns zeros for them; there the marks hold for all other numbers, and a rule that drops an
/// op ("x * 1 -> x") also drops the flush.
enum class Exactness : std::uint8_t {
  kExact,    ///< every bit
  kNanBits,  ///< every bit, the sign of zeros included, but a NaN may become another one: sign, payload, quiet bit
  kFast,     ///< neither: rounding may differ
};

/// Facts that a sweep keeps about a node of the new graph.
struct NodeFacts {
  std::uint32_t uses = 0;   ///< operands of nodes, results and updates that read it, including future ones
  bool near_input = false;  ///< an input, a reshape, or computed from one by elementwise ops with constants only
};

/// A node that is about to be appended to the new graph, as a rule sees it.
class Match {
 public:
  Match(ir::Builder& builder, const ir::Node& node, std::vector<ir::Value> operands,
        const std::vector<NodeFacts>& facts)
      : builder_(builder), node_(node), operands_(std::move(operands)), facts_(facts) {}

  ir::Op op() const { return node_.op; }
  const ir::Attributes& attributes() const { return node_.attributes; }
  const Type& type() const { return node_.types[0]; }
  std::size_t operand_count() const { return operands_.size(); }
  ir::Value operand(std::size_t i) const { return operands_[i]; }
  const std::vector<ir::Value>& operands() const { return operands_; }

  /// Returns the node that computes operand i. Valid until the next node is appended.
  const ir::Node& maker(std::size_t i) const { return maker_of(operands_[i]); }
  const ir::Node& maker_of(ir::Value value) const {
    looked_at_.push_back(value.node);
    return builder_.graph().node(value);
  }
  /// Returns operand j of the node that computes operand i, if that is an `op`.
  std::optional<ir::Value> inner(std::size_t i, ir::Op op, std::size_t j = 0) const;
  const Type& type_of(ir::Value value) const { return builder_.type(value); }
  const Type& operand_type(std::size_t i) const { return builder_.type(operands_[i]); }
  /// Returns the single value of all elements of operand i, if it is a constant or a broadcast of one.
  std::optional<double> number(std::size_t i) const;
  bool is_number(std::size_t i, double value) const { return number(i) == value; }
  /// Returns whether no other node reads a value, so that replacing its node costs nothing.
  bool only_reader(ir::Value value) const { return facts_[value.node].uses <= 1; }
  bool near_input(ir::Value value) const { return facts_[value.node].near_input; }

  /// Returns whether a rule has looked at this node of the new graph since the last begin_rule().
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
  const std::vector<NodeFacts>& facts_;  // by node of the new graph
  mutable std::vector<std::uint32_t> looked_at_;
};

/// One row of a rewrite table. `name` is its algebra: "x * 1 -> x". `root` is the op at its root, empty for any.
/// `apply` returns the value that replaces the node, or nothing if the rule does not match. Rules are retried on the
/// nodes that it appends, so a rule that moves an op along a chain moves it to the end at once.
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

/// Applies rules until none matches, from operands to users: one sweep over the graph leaves every node in normal form,
/// unless it reduces the readers of a node that earlier nodes depend on; then another follows.
ir::Graph rewrite(const ir::Graph& graph, std::span<const Rule> rules, const RewriteOptions& options = {});

/// Returns the operand of f(x, c...) that is not a number, if there is exactly one.
std::optional<ir::Value> varying_operand(const ir::Graph& graph, const ir::Node& node);

/// The pass `canonicalize`: applies all rules but the fast ones.
ir::Graph canonicalize(const ir::Graph& graph);

}  // namespace sluice::passes
