#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <ranges>
#include <vector>

#include "ir/attention.h"
#include "passes/fuse.h"
#include "passes/rebuild.h"

namespace sluice::passes {

using ir::Attr;
using ir::Op;
using ir::Value;

namespace {

bool moves_whole(const ir::Node& node) { return node.op == Op::kReshape || node.op == Op::kTranspose; }

/// Finds kernels of attention in a graph and what they take in.
class AttentionKernels {
 public:
  explicit AttentionKernels(const ir::Graph& graph)
      : graph_(graph), rebuild_(graph), users_(graph.nodes().size()), made_(graph.nodes().size()) {
    for (std::uint32_t i = 0; i < graph.nodes().size(); ++i) {
      for (const Value operand : graph.node(i).operands) users_[operand.node].push_back({i, operand.result});
    }
    const auto escape = [&](Value value) { users_[value.node].push_back({kOutside, value.result}); };
    for (const Value result : graph.results()) escape(result);
    for (const ir::State& state : graph.states()) {
      if (state.update) escape(*state.update);
    }
  }

  ir::Graph run() {
    for (std::uint32_t i = 0; i < graph_.nodes().size(); ++i) {
      if (made_[i]) continue;
      if (ir::is_attention(graph_.node(i))) {
        make(i);
      } else {
        rebuild_.copy(i);
      }
    }
    return std::move(rebuild_).finish();
  }

 private:
  static constexpr std::uint32_t kOutside = ~std::uint32_t{0};

  struct User {
    std::uint32_t node;
    std::uint32_t result;  ///< which it reads
  };
  /// Nodes from a result of attention on, each the only one to read the one before.
  using Chain = std::vector<std::uint32_t>;

  std::vector<std::uint32_t> users_of(Value value) const {
    std::vector<std::uint32_t> all;
    for (const User& user : users_[value.node]) {
      if (user.result == value.result) all.push_back(user.node);
    }
    return all;
  }

  /// The only node that reads `value`, if it is one node of the graph.
  std::optional<std::uint32_t> only_user(Value value) const {
    const std::vector<std::uint32_t> all = users_of(value);
    return all.size() == 1 && all[0] != kOutside ? std::optional(all[0]) : std::nullopt;
  }

  /// Reshapes and transposes from `value` on. Of the mean of the values, the gradient reads it as it lies then.
  Chain chain_from(Value value) const {
    Chain chain;
    std::vector<std::uint32_t> readers = users_of(value);
    if (graph_.node(value).op == Op::kAttention) {
      std::erase_if(readers, [&](std::uint32_t reader) {
        return reader != kOutside && graph_.node(reader).op == Op::kAttentionGradient &&
               std::ranges::count(graph_.node(reader).operands, value) == 1;
      });
    }
    while (readers.size() == 1 && readers[0] != kOutside && moves_whole(graph_.node(readers[0]))) {
      chain.push_back(readers[0]);
      readers = users_of({readers[0], 0});
    }
    return chain;
  }

  /// The sum of the padded derivatives of `node`, by parts of one array, and what moves them from there on.
  Chain joined_from(std::uint32_t node) const {
    Chain all;
    std::vector<std::uint32_t> sums;
    std::optional<std::uint32_t> last;
    for (std::uint32_t r = 0; r < graph_.node(node).types.size(); ++r) {
      const Chain chain = chain_from({node, r});
      all.insert(all.end(), chain.begin(), chain.end());
      const auto pad = only_user(chain.empty() ? Value{node, r} : Value{chain.back(), 0});
      if (!pad || graph_.node(*pad).op != Op::kPad) return {};
      all.push_back(*pad);
      std::uint32_t at = *pad;
      for (auto sum = only_user({at, 0}); sum && graph_.node(*sum).op == Op::kAdd; sum = only_user({at, 0})) {
        at = *sum;
        if (std::ranges::find(all, at) == all.end()) all.push_back(at);
      }
      if (at == *pad || (last && *last != at)) return {};
      last = at;
    }
    if (last) {
      const Chain rest = chain_from({*last, 0});
      std::ranges::sort(all);
      all.insert(all.end(), rest.begin(), rest.end());
    }
    return all;
  }

  /// Appends to a body what makes `value` of a value before it, which becomes a parameter.
  Value read(ir::Builder& body, Value value, bool whole, std::vector<Value>& operands) {
    const ir::Graph& now = rebuild_.builder().graph();
    std::vector<const ir::Node*> moves;
    Value base = value;
    for (Value next = value; !whole;) {
      const ir::Node& node = now.node(next);
      if (!moves_whole(node) && node.op != Op::kSlice) break;
      next = node.operands[0];
      const auto view = ir::view_of(now, value, next);
      const std::size_t rank = view ? view->strides.size() : 0;
      if (!view || view->strides[rank - 1] != Dim(1) || view->strides[rank - 2].batch) continue;
      base = next;
    }
    for (Value at = value; at != base; at = now.node(at).operands[0]) moves.push_back(&now.node(at));
    const auto known = std::ranges::find(operands, base);
    Value result;
    if (known != operands.end()) {
      result = body.graph().parameters()[static_cast<std::size_t>(known - operands.begin())].value;
    } else {
      result = body.parameter(fmt::format("x{}", operands.size()), now.type(base));
      operands.push_back(base);
    }
    for (const ir::Node* const move : moves | std::views::reverse)
      result = body.add(move->op, {result}, move->attributes, move->origins);
    return result;
  }

  void make(std::uint32_t index) {
    const ir::Node& node = graph_.node(index);
    std::vector<Chain> chains;
    if (node.op == Op::kAttentionGradient) {
      if (const Chain joined = joined_from(index); !joined.empty() && try_make(index, {joined}, true)) return;
      for (std::uint32_t r = 0; r < 3; ++r) chains.push_back(chain_from({index, r}));
    } else {
      chains = {chain_from({index, 0}), {}};
    }
    while (!try_make(index, chains, false)) {  // shorter ones
      bool shortened = false;
      for (Chain& chain : chains) {
        shortened = shortened || !chain.empty();
        if (!chain.empty()) chain.pop_back();
      }
      if (!shortened) return rebuild_.copy(index);
    }
  }

  /// Makes a kernel with these nodes behind its results, if the body is one of attention that has more than one node.
  bool try_make(std::uint32_t index, const std::vector<Chain>& chains, bool joined) {
    const ir::Node& node = graph_.node(index);
    const std::vector<Value> from = rebuild_.operands(index);
    ir::Builder body(std::string(ir::to_string(node.op)));
    std::vector<Value> operands;
    // Parameters first.
    std::vector<Value> read_values;
    for (std::size_t i = 0; i < from.size(); ++i) {
      const bool backward = node.op == Op::kAttentionGradient;
      read_values.push_back(read(body, from[i], backward ? i == 4 || i == 6 : i == 3, operands));
    }
    const Value attention = body.add(node.op, read_values, node.attributes, node.origins);
    std::vector<std::pair<Value, Value>> made;  // of the graph, of the body
    for (std::uint32_t r = 0; r < node.types.size(); ++r) made.push_back({{index, r}, {attention.node, r}});
    std::vector<Value> results;
    std::vector<Value> stands_for;
    for (std::size_t c = 0; c < chains.size(); ++c) {
      if (!joined) made.resize(node.types.size());
      Value last{index, static_cast<std::uint32_t>(c)};
      for (const std::uint32_t step : chains[c]) {
        std::vector<Value> inputs;
        for (const Value operand : graph_.node(step).operands) {
          const auto found = std::ranges::find(made, operand, &std::pair<Value, Value>::first);
          if (found == made.end()) return false;
          inputs.push_back(found->second);
        }
        last = {step, 0};
        made.emplace_back(
            last, body.add(graph_.node(step).op, inputs, graph_.node(step).attributes, graph_.node(step).origins));
      }
      stands_for.push_back(last);
      results.push_back(std::ranges::find(made, last, &std::pair<Value, Value>::first)->second);
    }
    const bool alone = body.graph().nodes().size() == operands.size() + 1;
    body.set_results(results);
    auto finished = std::make_shared<const ir::Graph>(std::move(body).finish());
    if (alone || !ir::attention_body(*finished)) return false;
    const Value first = rebuild_.builder().fused(operands, finished, node.origins);
    for (std::uint32_t r = 0; r < results.size(); ++r) rebuild_.map(stands_for[r], {first.node, r});
    for (const Chain& chain : chains) {
      for (const std::uint32_t step : chain) made_[step] = true;
    }
    if (node.op == Op::kAttention && !chains[0].empty()) rebuild_.map({index, 0}, move_back(chains[0], first));
    return true;
  }

  /// Appends what undoes the moves of a chain.
  Value move_back(const Chain& chain, Value value) {
    ir::Builder& builder = rebuild_.builder();
    builder.set_origins(graph_.node(chain[0]).origins);
    for (const std::uint32_t step : chain | std::views::reverse) {
      const ir::Node& node = graph_.node(step);
      if (node.op == Op::kReshape) {
        value = builder.reshape(value, graph_.type(node.operands[0]).shape);
        continue;
      }
      const auto& permutation = node.attributes.integers(Attr::kPermutation);
      std::vector<std::int64_t> inverse(permutation.size());
      for (std::size_t i = 0; i < permutation.size(); ++i)
        inverse[static_cast<std::size_t>(permutation[i])] = static_cast<std::int64_t>(i);
      value = builder(Op::kTranspose, {value}, {{Attr::kPermutation, std::move(inverse)}});
    }
    return value;
  }

  const ir::Graph& graph_;
  Rebuild rebuild_;
  std::vector<std::vector<User>> users_;
  std::vector<bool> made_;  ///< in a kernel of attention
};

}  // namespace

ir::Graph fuse_attention(const ir::Graph& graph) { return AttentionKernels(graph).run(); }

}  // namespace sluice::passes
