#include "backend/plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>
#include <ranges>
#include <utility>

#include "backend/argsort_scratch.h"
#include "backend/often_zero.h"
#include "backend/order.h"
#include "ir/kernel_kind.h"
#include "ir/solve_sizes.h"
#include "sluice/error.h"

namespace sluice::backend {

using ir::Graph;
using ir::Node;
using ir::Op;
using ir::Value;

bool reads_same_element(const KernelPlan& kernel, std::size_t operand) {
  const Graph& body = *kernel.body;
  if (kernel.kind() == KernelKind::kScatter) return operand == 0;
  if (kernel.kind() == KernelKind::kRecurrence) return true;
  const Value start = body.parameters()[operand].value;
  const ProductKernel* const product = kernel.product();
  const Type& written = product != nullptr ? body.node(product->matmul).types[0] : body.type(body.results()[0]);
  if (body.type(start).shape != written.shape) return false;
  std::vector<bool> depends(body.nodes().size(), false);
  depends[start.node] = true;
  for (std::size_t i = 0; i < body.nodes().size(); ++i) {
    const Node& node = body.nodes()[i];
    const bool uses = std::ranges::any_of(node.operands, [&](Value value) { return depends[value.node]; });
    if (uses && !ir::info(node.op).has(ir::kElementwise)) return false;
    depends[i] = depends[i] || uses;
  }
  return true;
}

namespace {

/// Returns the product of a body of kind matmul.
ProductKernel product_of(const Graph& body) {
  const auto node = std::ranges::find(body.nodes(), Op::kMatmul, &Node::op);
  SLUICE_CHECK(node != body.nodes().end(), "a body of kind matmul has none");
  const auto parameter_of = [&](Value value) {
    const auto parameters = body.parameters();
    const auto found = std::ranges::find(parameters, value, &ir::Parameter::value);
    SLUICE_CHECK(found != parameters.end(), "%{} is no parameter of @{}", value.node, body.name());
    return static_cast<std::size_t>(found - parameters.begin());
  };
  const auto source_of = [&](std::size_t i) {
    const Node* const windows = ir::windows_of(body, *node, i);
    return parameter_of(windows == nullptr ? node->operands[i] : windows->operands[0]);
  };
  ProductKernel product{.matmul = static_cast<std::uint32_t>(node - body.nodes().begin()),
                        .lhs = source_of(0),
                        .packs_windows = ir::windows_of(body, *node, 0) != nullptr};
  if (ir::computes_rhs(body, *node)) {
    product.panels = RhsPanels::kComputed;
  } else {
    product.rhs = source_of(1);
    if (ir::windows_of(body, *node, 1) != nullptr) product.panels = RhsPanels::kWindows;
  }
  return product;
}

KernelPlan::How begin_kernel(KernelKind kind, const Graph& body) {
  switch (kind) {
    case KernelKind::kLoop:
      return LoopKernel{};
    case KernelKind::kMatmul:
      return product_of(body);
    case KernelKind::kReduce:
      return ReduceKernel{};
    case KernelKind::kRows:
      return RowsKernel{};
    case KernelKind::kScatter:
      return ScatterKernel{};
    case KernelKind::kArgsort:
      return ArgsortKernel{argsort_plan(body).scratch()};
    case KernelKind::kRecurrence:
      return RecurrenceKernel{};
    case KernelKind::kAttention:
      return AttentionKernel{};
  }
  SLUICE_UNREACHABLE("kernel kind {}", static_cast<int>(kind));
}

/// A name that says what is inside: "matmul_add_relu_3".
std::string kernel_name(const Graph& body, std::size_t number) {
  std::string name;
  int shown = 0;
  for (const Node& node : body.nodes()) {
    const ir::OpInfo& row = ir::info(node.op);
    if (row.has(ir::kInput) || node.op == Op::kConstant || node.op == Op::kBroadcast || ++shown > 4) continue;
    name += fmt::format("{}_", row.name);
  }
  if (name.empty()) name = "copy_";
  return name + std::to_string(number);
}

/// Works out the kernels of one graph.
class Planner {
 public:
  Planner(const Graph& graph, const PlanOptions& options, Plan& plan)
      : graph_(graph), options_(options), often_zero_(backend::often_zero(graph)), plan_(plan) {}

  void run() {
    make_kernels();
    claim_updates();
    claim_results();
    settle_updates();
    lay_out_products();
    apply_schedule();
  }

 private:
  /// A state's new value: buffer `made` written by kernel `writer`.
  struct Update {
    std::size_t state;
    int old_buffer;
    int made;
  };

  /// The uses of a buffer, collected while the plan is made.
  struct Use {
    int writer = -1;           ///< the kernel that writes it, or -1
    std::vector<int> readers;  ///< the kernels that read it
    bool reshaped = false;     ///< read under another shape, so it must be dense
    bool has_rows = false;     ///< a product reads its rows, so it has no panels
    bool claimed = false;      ///< the place of a state or a result
  };

  int add_buffer(BufferKind kind, std::size_t index, const Type& type) {
    plan_.buffers.push_back({kind, index, type});
    if (kind == BufferKind::kState) plan_.buffers.back().layout = state_layout(type);
    uses_.emplace_back();
    return static_cast<int>(plan_.buffers.size() - 1);
  }

  int add_kernel(const KernelPlan::How& how, std::shared_ptr<const Graph> body, std::vector<int> operands,
                 std::vector<int> results, ir::Origins origins) {
    const int kernel = order_.add();
    for (const int buffer : operands) {
      use(buffer).readers.push_back(kernel);
      if (use(buffer).writer >= 0) order_.before(use(buffer).writer, kernel);
    }
    for (const int buffer : results) use(buffer).writer = kernel;
    KernelPlan plan;
    plan.how = how;
    plan.name = kernel_name(*body, static_cast<std::size_t>(kernel));
    plan.body = std::move(body);
    plan.operands = std::move(operands);
    plan.results = std::move(results);
    plan.origins = std::move(origins);
    plan_.kernels.push_back(std::move(plan));
    return kernel;
  }

  Buffer& buffer(int index) { return plan_.buffers[static_cast<std::size_t>(index)]; }
  Use& use(int index) { return uses_[static_cast<std::size_t>(index)]; }

  /// A new temporary of `type` with the elements of `from`, which may have them under another shape.
  int add_copy(int from, Type type) {  // not a reference into the buffers, which grow
    const int to = add_buffer(BufferKind::kTemporary, 0, type);
    ir::Builder builder("copy");
    builder.set_results({builder.parameter("x", type)});
    add_kernel(LoopKernel{}, std::make_shared<Graph>(std::move(builder).finish()), {from}, {to}, {});
    return to;
  }

  /// `from` itself, or a copy of it if its elements do not lie densely.
  int densely(int from) {
    if (buffer(from).layout.dense()) return from;
    const auto [found, is_new] = dense_copies_.try_emplace(from, -1);
    if (is_new) {
      found->second = add_copy(from, buffer(from).type);
      use(found->second).reshaped = true;
    }
    return found->second;
  }

  /// The body of a kernel that does what `node` alone does.
  std::shared_ptr<const Graph> body_of(const Node& node) const {
    if (node.op == Op::kFused) return node.attributes.shared_body();
    ir::Builder builder{std::string(ir::to_string(node.op))};
    std::vector<Value> operands;
    for (std::size_t i = 0; i < node.operands.size(); ++i) {
      operands.push_back(builder.parameter(fmt::format("x{}", i), graph_.type(node.operands[i])));
    }
    const Value first = builder.add(node.op, operands, node.attributes, node.origins);
    std::vector<Value> results;
    for (std::uint32_t r = 0; r < node.types.size(); ++r) results.push_back({first.node, r});
    builder.set_results(std::move(results));
    return std::make_shared<Graph>(std::move(builder).finish());
  }

  void make_kernels() {
    for (std::size_t i = 0; i < graph_.parameters().size(); ++i) {
      const Value value = graph_.parameters()[i].value;
      buffer_of_[value] = add_buffer(BufferKind::kParameter, i, graph_.type(value));
      plan_.parameters.push_back(graph_.type(value));
    }
    for (std::size_t i = 0; i < graph_.states().size(); ++i) {
      const Value value = graph_.states()[i].value;
      buffer_of_[value] = add_buffer(BufferKind::kState, i, graph_.type(value));
      plan_.states.push_back(graph_.type(value));
    }
    for (std::uint32_t index = 0; index < graph_.nodes().size(); ++index) make_kernel(index);
  }

  void make_kernel(std::uint32_t index) {
    const Node& node = graph_.node(index);
    if (ir::info(node.op).has(ir::kInput)) return;
    SLUICE_CHECK(node.op != Op::kGradient, "a gradient node reached the backend");
    if (node.op == Op::kConstant) {
      buffer_of_[{index, 0}] = add_buffer(BufferKind::kConstant, plan_.constants.size(), node.types[0]);
      plan_.constants.push_back(node.attributes.array());
      return;
    }
    if (node.op == Op::kStopGradient) {
      buffer_of_[{index, 0}] = buffer_of_.at(node.operands[0]);
      return;
    }
    if (node.op == Op::kCustomGradient) {  // the values that it has a gradient for
      for (std::uint32_t r = 0; r < node.types.size(); ++r) buffer_of_[{index, r}] = buffer_of_.at(node.operands[r]);
      return;
    }
    if (node.op == Op::kReshape) {  // the same bytes under another type
      const int same = densely(buffer_of_.at(node.operands[0]));
      use(same).reshaped = true;
      buffer_of_[{index, 0}] = same;
      return;
    }
    const auto body = body_of(node);
    KernelPlan::How how = begin_kernel(ir::kernel_kind(node), *body);
    auto* const product = std::get_if<ProductKernel>(&how);
    std::vector<int> operands;
    for (const Value operand : node.operands) operands.push_back(buffer_of_.at(operand));
    if (product != nullptr) {  // elements of the lhs are read one by one
      const auto keep_rows = [&](int& operand, bool windows) {
        operand = densely(operand);
        use(operand).has_rows = true;
        use(operand).reshaped = use(operand).reshaped || windows;  // which slide over all of its elements
      };
      keep_rows(operands[product->lhs], product->packs_windows);
      if (product->panels == RhsPanels::kWindows) keep_rows(operands[product->rhs], true);
      product->skips_zeros = may_skip_zeros(node, *body, *product);
    }
    const bool attends = std::holds_alternative<AttentionKernel>(how);  // row by row, whatever the buffer
    const auto keep_dense = [&](int buffer) {
      use(buffer).reshaped = use(buffer).reshaped || attends;
      return buffer;
    };
    if (attends) std::ranges::transform(operands, operands.begin(), [&](int x) { return keep_dense(densely(x)); });
    std::vector<int> results;
    for (std::uint32_t r = 0; r < node.types.size(); ++r) {
      results.push_back(keep_dense(add_buffer(BufferKind::kTemporary, 0, node.types[r])));
      buffer_of_[{index, r}] = results.back();
    }
    const int kernel = add_kernel(how, body, std::move(operands), std::move(results), node.origins);
    plan_.kernels[static_cast<std::size_t>(kernel)].node = static_cast<int>(index);
  }

  /// Returns whether a product's lhs may have many zeros, is one that lists of 16-bit numbers can be made for, and has
  /// more than one panel to use them for. The matrices of a batch are too small to pay for lists of their own.
  bool may_skip_zeros(const Node& node, const Graph& body, const ProductKernel& product) const {
    const Shape& result = body.node(product.matmul).types[0].shape;
    if (!options_.skip_zeros || result.rank() != 2 || product.packs_windows) return false;
    if (!result[1].batch && result[1].size <= kPanelColumns) return false;
    const Value lhs = node.operands[product.lhs];
    if (!often_zero_[lhs.node][lhs.result]) return false;
    const Shape& shape = graph_.type(lhs).shape;
    const auto fits = [](Dim size) { return size.batch || (size.size > 0 && size.size < (std::int64_t{1} << 16)); };
    return !(shape[0].batch && shape[1].batch) && fits(shape[0]) && fits(shape[1]);
  }

  /// Returns whether a kernel's own temporary may become the place, laid out so, of a state or a result.
  bool claimable(int index, const Layout& layout) {
    const Use& now = use(index);
    return now.writer >= 0 && !now.claimed && (layout.dense() || (!now.reshaped && !now.has_rows));
  }

  int claim(int index, const Type& type, const Layout& layout) {
    if (!claimable(index, layout)) index = add_copy(index, type);
    use(index).claimed = true;
    return index;
  }

  // Every value that a state or a result takes gets a buffer of its own first, through a copy if need be, so that all
  // readers of old states are known when settle_updates decides what may be overwritten.
  void claim_updates() {
    for (std::size_t s = 0; s < graph_.states().size(); ++s) {
      const ir::State& state = graph_.states()[s];
      if (!state.update) continue;
      const Type& type = graph_.type(state.value);
      updates_.push_back(
          {s, buffer_of_.at(state.value), claim(buffer_of_.at(*state.update), type, state_layout(type))});
    }
  }

  void claim_results() {
    for (std::size_t i = 0; i < graph_.results().size(); ++i) {
      const Type& type = graph_.type(graph_.results()[i]);
      const int claimed = claim(buffer_of_.at(graph_.results()[i]), type, {});
      buffer(claimed).kind = BufferKind::kResult;
      buffer(claimed).index = i;
      plan_.results.push_back(type);
    }
  }

  bool overwrites_only_what_it_read(int kernel, int buffer) const {
    const KernelPlan& plan = plan_.kernels[static_cast<std::size_t>(kernel)];
    for (std::size_t p = 0; p < plan.operands.size(); ++p) {
      if (plan.operands[p] == buffer && !reads_same_element(plan, p)) return false;
    }
    return true;
  }

  void settle_updates() {
    for (const Update& update : updates_) {
      int writer = use(update.made).writer;
      const std::vector<int> readers = use(update.old_buffer).readers;
      bool in_place = overwrites_only_what_it_read(writer, update.old_buffer);
      for (const int reader : readers) in_place = in_place && (reader == writer || !order_.reaches(writer, reader));
      int target = update.made;
      if (!in_place) {
        target = add_copy(update.made, graph_.type(graph_.states()[update.state].value));
        writer = use(target).writer;
      }
      buffer(target).kind = BufferKind::kState;
      buffer(target).index = update.state;
      buffer(target).layout = buffer(update.old_buffer).layout;
      for (const int reader : readers) {
        if (reader != writer) order_.before(reader, writer);
      }
    }
  }

  /// Products like their operands in rows that begin on cache lines. What they make only for others, such as the
  /// gradient of a weight, lies as variables do, since an optimizer reads it beside those.
  void lay_out_products() {
    const auto lay_out = [&](const std::vector<int>& buffers, bool is_read) {
      for (const int index : buffers) {
        const Type& type = buffer(index).type;
        if (buffer(index).kind != BufferKind::kTemporary || use(index).reshaped) continue;
        const Layout panels = state_layout(type);
        buffer(index).layout = is_read || panels.dense() ? aligned_rows(type) : panels;
      }
    };
    const auto is_product = [](const KernelPlan& kernel) { return kernel.product() != nullptr; };
    for (const KernelPlan& kernel : plan_.kernels | std::views::filter(is_product)) lay_out(kernel.results, false);
    for (const KernelPlan& kernel : plan_.kernels | std::views::filter(is_product)) lay_out(kernel.operands, true);
  }

  void apply_schedule() {
    std::vector<KernelPlan> sorted;
    for (const int kernel : order_.schedule())
      sorted.push_back(std::move(plan_.kernels[static_cast<std::size_t>(kernel)]));
    plan_.kernels = std::move(sorted);
  }

  const Graph& graph_;
  const PlanOptions& options_;
  const std::vector<std::vector<bool>> often_zero_;  ///< of each node's results
  Plan& plan_;
  Order order_;
  std::map<Value, int> buffer_of_;
  std::vector<Use> uses_;  ///< of each buffer
  std::map<int, int> dense_copies_;
  std::vector<Update> updates_;
};

}  // namespace

Plan make_plan(const Graph& graph, const Target& target, const PlanOptions& options) {
  ir::check_bodies(graph);
  Plan plan;
  plan.name = graph.name();
  plan.largest = largest_values(graph);
  for (const Symbol symbol : ir::symbols_of(graph)) {
    if (symbol != kBatchSymbol) plan.symbols.push_back(symbol);
  }
  plan.vector_bytes = target.vector_bytes;
  Planner(graph, options, plan).run();
  for (KernelPlan& kernel : plan.kernels) split_kernel(kernel, plan, target);
  drop_idle_kernels(plan);
  place_buffers(plan);
  return plan;
}

}  // namespace sluice::backend
