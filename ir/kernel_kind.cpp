#include "ir/kernel_kind.h"

#include <algorithm>
#include <iterator>
#include <optional>

#include "ir/attention.h"
#include "ir/matmul.h"
#include "ir/node_error.h"
#include "ir/reduction.h"
#include "ir/windows.h"
#include "sluice/error.h"

// Written from the words of the header, not from the code of the pass `fuse`.
namespace sluice::ir {

namespace {

bool is_reduction(const Node& node) { return info(node.op).has(kReduction); }

/// Returns whether a node counts as a member: not a parameter, nor a node that every reader recomputes.
bool counts(const Node& node) {
  const OpInfo& row = info(node.op);
  return row.has(kElementwise) || row.has(kReduction) || node.op == Op::kMatmul || node.op == Op::kRandomUniform ||
         node.op == Op::kRandomNormal || node.op == Op::kTranspose || node.op == Op::kSlice ||
         node.op == Op::kAddWindows;
}

std::vector<Dim> without_ones(const Shape& shape) {
  std::vector<Dim> dims;
  std::ranges::copy_if(shape, std::back_inserter(dims), [](Dim dim) { return dim != Dim(1); });
  return dims;
}

/// Checks one body against the rules.
class BodyCheck {
 public:
  explicit BodyCheck(const Graph& body) : body_(body), users_(body.nodes().size()) {
    for (std::uint32_t i = 0; i < body.nodes().size(); ++i) {
      cheap_sizes_.push_back(cheap_size(body.node(i), cheap_sizes_));
      for (const Value operand : body.node(i).operands) users_[operand.node].push_back(i);
    }
  }

  KernelKind kind() const {
    std::size_t members = 0;
    std::size_t products = 0;
    bool reduces = false;
    bool goes_on = false;
    for (std::uint32_t i = 0; i < body_.nodes().size(); ++i) {
      const Node& node = body_.node(i);
      members += counts(node) && !is_cheap_number(i) ? 1 : 0;
      products += node.op == Op::kMatmul ? 1 : 0;
      reduces = reduces || is_reduction(node);
      goes_on = goes_on || (is_reduction(node) && !users_[i].empty());
    }
    const auto computing =
        std::ranges::count_if(body_.nodes(), [](const Node& node) { return node.op != Op::kParameter; });
    if (body_.results().empty()) fail("it has no result");
    if (computing < 2) fail("it has a single node");
    if (members > kMostMembers) fail("it has {} nodes, more than {}", members, kMostMembers);
    if (std::ranges::any_of(body_.nodes(), is_attention)) {
      if (!attention_body(body_)) fail("it has attention with operands or results of other nodes");
      return KernelKind::kAttention;
    }
    if (products > 1) fail("it has {} products", products);
    for (const Value result : body_.results()) {
      if (is_parameter(result)) fail("a result is a parameter");
    }
    if (products == 1) return check_matmul();
    if (std::ranges::count(body_.nodes(), Op::kArgsort, &Node::op) > 0) return check_argsort();
    if (goes_on) return check_rows();
    return reduces ? check_reduce() : check_loop();
  }

 private:
  bool is_parameter(Value value) const { return body_.node(value).op == Op::kParameter; }
  bool is_cheap_number(std::uint32_t node) const { return cheap_sizes_[node] > 0; }
  bool is_result(std::uint32_t node) const {
    return std::ranges::find(body_.results(), Value{node, 0}) != body_.results().end();
  }

  void check_parameters(const Node& node) const {
    for (const Value operand : node.operands) {
      if (!is_parameter(operand) && !is_cheap_number(operand.node))
        fail("{} reads %{}, which is no parameter", to_string(node.op), operand.node);
    }
  }

  void check_broadcast_source(Value source) const {
    const Node& node = body_.node(source);
    if (node.op == Op::kParameter || is_cheap_number(source.node)) return;
    if (node.op != Op::kReshape) fail("it has a broadcast of {}", to_string(node.op));
    check_parameters(node);
    if (without_ones(node.types[0].shape) != without_ones(body_.type(node.operands[0]).shape))
      fail("its reshape to {} changes more than axes of size 1", to_string(node.types[0]));
  }

  /// Checks a number or a reshape that feeds broadcasts, not the elements of the loop themselves.
  void check_feeds_broadcasts(std::uint32_t index) const {
    const Node& node = body_.node(index);
    if (!is_cheap_number(index) && node.op != Op::kReshape)
      fail("it has {} of another shape, {}", to_string(node.op), to_string(node.types[0]));
    if (is_result(index)) fail("a result is the {} of a broadcast", to_string(node.op));
    for (const std::uint32_t user : users_[index]) {
      const Op op = body_.node(user).op;
      const bool may_read = op == Op::kBroadcast || (is_cheap_number(index) && op == Op::kOneHot) ||
                            (is_cheap_number(index) && is_cheap_number(user)) ||
                            (is_cheap_number(index) && (op == Op::kRandomUniform || op == Op::kRandomNormal));
      if (!may_read) fail("{} reads a value of another shape", to_string(op));
    }
  }

  /// Checks a node of a loop over `shape`.
  void check_loop_node(std::uint32_t index, const Shape& shape) const {
    const Node& node = body_.node(index);
    if (node.op == Op::kFused || node.op == Op::kGradient) fail("it has a {} node", to_string(node.op));
    if (node.types[0].shape != shape || node.op == Op::kReshape) return check_feeds_broadcasts(index);
    if (is_cheap_number(index)) return;
    switch (node.op) {
      case Op::kIota:
        return;
      case Op::kBroadcast:
        return check_broadcast_source(node.operands[0]);
      case Op::kIsFirstMax:
      case Op::kOneHot:
      case Op::kRandomUniform:
      case Op::kRandomNormal:
      case Op::kWindows:
        return check_parameters(node);
      default:
        if (!info(node.op).has(kElementwise)) fail("it has {} in a loop", to_string(node.op));
    }
  }

  /// Checks the nodes that compute what add_windows adds, and marks them.
  std::vector<bool> check_added() const {
    const std::vector<bool> added = nodes_added(body_);
    for (std::uint32_t i = 0; i < body_.nodes().size(); ++i) {
      const Node& node = body_.node(i);
      if (!added[i]) continue;
      if (node.op == Op::kReshape) fail("add_windows adds a reshape");
      check_loop_node(i, node.types[0].shape);
      const auto is_other = [&](std::uint32_t user) { return !added[user] && body_.node(user).op != Op::kAddWindows; };
      if (is_result(i) || std::ranges::any_of(users_[i], is_other))
        fail("{} makes what add_windows adds and is read by others", to_string(node.op));
    }
    return added;
  }

  KernelKind check_loop() const {
    const std::vector<bool> added = check_added();
    const Shape& shape = body_.type(body_.results()[0]).shape;
    for (const Value result : body_.results()) {
      if (body_.type(result).shape != shape) fail("its results have several shapes");
    }
    for (std::uint32_t i = 0; i < body_.nodes().size(); ++i) {
      const Node& node = body_.node(i);
      const bool adds = node.op == Op::kAddWindows && node.types[0].shape == shape;
      if (node.op != Op::kParameter && !added[i] && !adds) check_loop_node(i, shape);
    }
    return KernelKind::kLoop;
  }

  KernelKind check_reduce() const {
    const Node* first = nullptr;
    for (std::uint32_t i = 0; i < body_.nodes().size(); ++i) {
      const Node& node = body_.node(i);
      if (!is_reduction(node)) continue;
      if (reduced_axes(node).empty()) fail("a reduction has no axes");
      if (first == nullptr) first = &node;
      if (body_.type(node.operands[0]).shape != body_.type(first->operands[0]).shape)
        fail("it has reductions of several shapes");
      if (reduced_axes(node) != reduced_axes(*first)) fail("it has reductions over different axes");
      if (!is_result(i)) fail("a reduction is no result");
    }
    for (const Value result : body_.results()) {
      if (!is_reduction(body_.node(result))) fail("a result beside reductions is {}", to_string(body_.node(result).op));
    }
    const Shape& shape = body_.type(first->operands[0]).shape;
    for (std::uint32_t i = 0; i < body_.nodes().size(); ++i) {
      const Node& node = body_.node(i);
      if (!is_reduction(node) && node.op != Op::kParameter) check_loop_node(i, shape);
    }
    return KernelKind::kReduce;
  }

  /// Returns the shape of the rows, which the reductions read.
  Shape row_shape() const {
    std::optional<Shape> shape;
    for (const Node& node : body_.nodes()) {
      if (!is_reduction(node)) continue;
      const Shape& read = body_.type(node.operands[0]).shape;
      if (shape && read != *shape) fail("it has reductions of several shapes");
      if (reduced_axes(node) != std::vector<std::int64_t>{read.rank() - 1})
        fail("a reduction is not over the last axis");
      if (node.types[0].shape.element_count() == Dim(1)) fail("it has one row");
      shape = read;
    }
    const int last = shape->rank() - 1;
    if (last < 1 || (!(*shape)[last].batch && (*shape)[last].size < 2)) fail("it has no rows");
    return *shape;
  }

  KernelKind check_rows() const {
    const Shape shape = row_shape();
    const Shape rows(std::vector<Dim>(shape.begin(), shape.end() - 1));
    Shape one_column = rows;
    one_column.push_back(1);
    for (std::uint32_t i = 0; i < body_.nodes().size(); ++i) {
      const Node& node = body_.node(i);
      if (node.op == Op::kParameter || is_reduction(node)) continue;
      const auto made_of = [&](const Shape& from) { return body_.type(node.operands[0]).shape == from; };
      const Shape& made = node.types[0].shape;
      if (node.op == Op::kReshape && ((made_of(rows) && made == one_column) || (made_of(one_column) && made == rows)))
        continue;
      if (node.op == Op::kBroadcast && made_of(one_column) && made == shape) continue;
      if (node.op == Op::kOneHot && made_of(rows) && made == shape) continue;
      check_loop_node(i, made == rows || made == one_column ? made : shape);
    }
    for (const Value result : body_.results()) {
      const Shape& made = body_.type(result).shape;
      if (made != shape && made != rows && made != one_column) fail("a result has another shape than the rows");
    }
    return KernelKind::kRows;
  }

  /// Checks the nodes that compute the rhs of a product and marks them. Nothing else may read them, except
  /// nodes that every reader recomputes.
  std::vector<bool> check_rhs(std::uint32_t product) const {
    if (packable_windows(body_, body_.node(product), 1) != nullptr) return check_windows(product, 1);
    std::vector<bool> feeds(body_.nodes().size());
    const Value rhs = body_.node(product).operands[1];
    feeds[rhs.node] = !is_parameter(rhs);
    std::size_t members = 0;
    for (std::uint32_t i = product; i-- > 0;) {
      if (!feeds[i]) continue;
      const Node& node = body_.node(i);
      if (counts(node) && !is_cheap_number(i)) {
        if (!can_feed_rhs(node)) fail("{} computes the second factor of its product", to_string(node.op));
        if (++members > kMostRhsMembers) fail("more than {} nodes compute a second factor", kMostRhsMembers);
        const auto is_other = [&](std::uint32_t user) { return user != product && !feeds[user]; };
        if (is_result(i) || std::ranges::any_of(users_[i], is_other))
          fail("{} computes the second factor of its product and is read by others", to_string(node.op));
      } else if (node.op == Op::kBroadcast) {
        check_broadcast_source(node.operands[0]);
      } else if (node.op == Op::kIsFirstMax) {
        check_parameters(node);
      } else if (!is_cheap_number(i) && node.op != Op::kIota && node.op != Op::kOneHot && node.op != Op::kReshape) {
        fail("{} computes the second factor of its product", to_string(node.op));
      }
      for (const Value operand : node.operands) feeds[operand.node] = !is_parameter(operand);
    }
    if (feeds[rhs.node] && members == 0) fail("matmul reads %{}, which is no parameter", rhs.node);
    return feeds;
  }

  /// Returns whether `sums` are the sums of the columns of a rhs without batch axes, a product's second kind of result.
  bool is_column_sums(const Node& sums, const Node& product) const {
    return sums.op == Op::kReduceSum && sums.operands[0] == product.operands[1] && product.types[0].shape.rank() == 2 &&
           !product.attributes.flag(Attr::kTransposeB) && reduced_axes(sums) == std::vector<std::int64_t>{0} &&
           is_parameter(sums.operands[0]);
  }

  /// Checks the windows that are operand `i` of a product, if they are, and marks them. Nothing else may read them.
  std::vector<bool> check_windows(std::uint32_t product, std::size_t i) const {
    std::vector<bool> feeds(body_.nodes().size());
    const Node& node = body_.node(product);
    const Node* const windows = packable_windows(body_, node, i);
    if (windows == nullptr) return feeds;
    check_parameters(*windows);
    const std::uint32_t operand = node.operands[i].node;
    const auto index = static_cast<std::uint32_t>(windows - body_.nodes().data());
    for (const std::uint32_t member : {operand, index}) {
      feeds[member] = true;
      const auto is_other = [&](std::uint32_t user) { return user != product && user != operand; };
      if (is_result(member) || std::ranges::any_of(users_[member], is_other) || node.operands[1 - i].node == member)
        fail("{} makes an operand of its product and is read by others", to_string(body_.node(member).op));
    }
    return feeds;
  }

  KernelKind check_matmul() const {
    const auto found = std::ranges::find(body_.nodes(), Op::kMatmul, &Node::op);
    const Node& product = *found;
    const Shape& shape = product.types[0].shape;
    const auto index = static_cast<std::uint32_t>(found - body_.nodes().begin());
    const std::vector<bool> feeds_lhs = check_windows(index, 0);
    if (!is_parameter(product.operands[0]) && !feeds_lhs[product.operands[0].node])
      fail("matmul reads %{}, which is no parameter", product.operands[0].node);
    const std::vector<bool> feeds_rhs = check_rhs(index);
    const auto feeds_rhs_only = [&](std::uint32_t node) {
      return feeds_rhs[node] && !is_result(node) &&
             std::ranges::all_of(users_[node], [&](std::uint32_t user) { return user == index || feeds_rhs[user]; });
    };
    std::size_t column_sums = 0;
    for (std::uint32_t i = 0; i < body_.nodes().size(); ++i) {
      const Node& node = body_.node(i);
      if (&node == &product || node.op == Op::kParameter) continue;
      if (feeds_lhs[i] || feeds_rhs_only(i)) continue;
      if (node.op == Op::kWindows) fail("it has windows beside a product");
      if (!is_column_sums(node, product)) {
        check_loop_node(i, shape);
        continue;
      }
      if (++column_sums > 1 || !users_[i].empty() || std::ranges::count(body_.results(), Value{i, 0}) != 1)
        fail("the sums of columns beside a product are one result");
      if (shape.element_count().size == 0) fail("a product of no elements has sums beside it");
    }
    bool has_product = false;
    for (const Value result : body_.results()) {
      if (is_column_sums(body_.node(result), product)) continue;
      has_product = true;
      if (body_.type(result).shape != shape) fail("a result has another shape than the product");
    }
    if (!has_product) fail("no result is of the product");
    return KernelKind::kMatmul;
  }

  KernelKind check_argsort() const {
    const Node& slice = body_.node(body_.results()[0]);
    const bool alone = body_.nodes().size() == 3 && body_.results().size() == 1;
    if (!alone || !is_first_places(body_, slice) || !is_parameter(body_.node(slice.operands[0]).operands[0]))
      fail("an argsort is alone with the slice of its first places");
    return KernelKind::kArgsort;
  }

  const Graph& body_;
  std::vector<std::vector<std::uint32_t>> users_;
  std::vector<std::size_t> cheap_sizes_;
};

}  // namespace

std::optional<KernelKind> parse_body_kind(std::string_view name) {
  const auto found = std::ranges::find_if(kBodyKinds, [&](KernelKind kind) { return to_string(kind) == name; });
  return found == std::end(kBodyKinds) ? std::nullopt : std::optional(*found);
}

KernelKind classify_body(const Graph& body) { return BodyCheck(body).kind(); }

std::optional<KernelKind> find_body_kind(const Graph& body) {
  try {
    return classify_body(body);
  } catch (const Error&) {
    return std::nullopt;
  }
}

namespace {

/// Returns the rule that keeps the body from being one kernel.
std::string broken_rule(const Graph& body) {
  try {
    return fmt::format("it is of kind {}, which the node does not say", to_string(classify_body(body)));
  } catch (const Error& error) {
    return error.message();
  }
}

}  // namespace

void check_kernel_kind(const Attributes& fused) {
  const std::optional<KernelKind> said = fused.kernel_kind();
  const std::optional<KernelKind> found = find_body_kind(fused.body());
  if (said == found) return;
  if (!said) fail("fused: no kind is given, but the body is of kind {}", to_string(*found));
  if (found) fail("fused: the kind is {}, but the body is of kind {}", to_string(*said), to_string(*found));
  fail("fused: the kind is {}, but the body is no kernel: {}", to_string(*said), broken_rule(fused.body()));
}

void check_bodies(const Graph& graph) {
  for (const Node& node : graph.nodes()) {
    if (node.op != Op::kFused || node.attributes.kernel_kind()) continue;
    throw node_error(node.origins, fmt::format("fused: the body is no kernel: {}; the pass 'fuse' divides it anew",
                                               broken_rule(node.attributes.body())));
  }
}

KernelKind kernel_kind(const Node& node) {
  if (node.op == Op::kFused) {
    const auto kind = node.attributes.kernel_kind();
    SLUICE_CHECK(kind, "a fused node has no kind");
    return *kind;
  }
  if (node.op == Op::kMatmul) return KernelKind::kMatmul;
  if (node.op == Op::kScatterAdd || node.op == Op::kScatter) return KernelKind::kScatter;
  if (node.op == Op::kArgsort) return KernelKind::kArgsort;
  if (node.op == Op::kCumsum || node.op == Op::kLinearRecurrence) return KernelKind::kRecurrence;
  if (node.op == Op::kAttention || node.op == Op::kAttentionGradient) return KernelKind::kAttention;
  return info(node.op).has(kReduction) ? KernelKind::kReduce : KernelKind::kLoop;
}

}  // namespace sluice::ir
