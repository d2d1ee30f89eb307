// Bodies of fused nodes that `fuse` did not create: whatever a text contains, compiled code means the same.
#include <doctest/doctest.h>

#include <algorithm>
#include <iterator>
#include <map>
#include <numeric>
#include <random>

#include "backend/compile.h"
#include "ir/kernel_kind.h"
#include "ir/random_graph.h"
#include "passes/differentiate.h"
#include "passes/fuse.h"
#include "passes/rebuild.h"
#include "sluice/error.h"
#include "sluice/ir/text.h"
#include "tools/check/engine_check.h"

using namespace sluice;
using ir::Graph;
using ir::Op;
using ir::Value;

namespace {

/// Puts the nodes of a graph into random fused nodes.
class Grouping {
 public:
  Grouping(const Graph& graph, std::uint64_t seed) : graph_(graph), engine_(seed), rebuild_(graph) {}

  Graph make() && {
    std::vector<std::uint32_t> group;
    for (const std::uint32_t node : random_order()) {
      group.push_back(node);
      if (below(5) > 0) continue;
      add(group);
      group.clear();
    }
    add(group);
    return std::move(rebuild_).finish();
  }

 private:
  int below(int limit) { return static_cast<int>(engine_() % static_cast<std::uint64_t>(limit)); }

  /// All nodes but the inputs, each behind its operands: any run of them is convex.
  std::vector<std::uint32_t> random_order() {
    std::vector<std::uint32_t> order;
    std::vector<bool> done(graph_.nodes().size());
    std::vector<std::uint32_t> waiting;
    for (std::uint32_t i = 0; i < done.size(); ++i) {
      done[i] = ir::info(graph_.node(i).op).has(ir::kInput);
      if (!done[i]) waiting.push_back(i);
    }
    const auto is_ready = [&](std::uint32_t i) {
      return std::ranges::all_of(graph_.node(i).operands, [&](Value operand) { return done[operand.node]; });
    };
    while (!waiting.empty()) {
      std::vector<std::uint32_t> ready;
      std::ranges::copy_if(waiting, std::back_inserter(ready), is_ready);
      // Mostly one that reads the last, so that bodies hang together.
      const auto reads_last = [&](std::uint32_t i) {
        return !order.empty() && std::ranges::any_of(graph_.node(i).operands,
                                                     [&](Value operand) { return operand.node == order.back(); });
      };
      auto next = std::ranges::find_if(ready, reads_last);
      if (next == ready.end() || below(3) == 0) next = ready.begin() + below(static_cast<int>(ready.size()));
      order.push_back(*next);
      done[*next] = true;
      std::erase(waiting, *next);
    }
    return order;
  }

  void add(const std::vector<std::uint32_t>& group) {
    if (group.size() < 2 && below(3) > 0) {
      for (const std::uint32_t node : group) rebuild_.copy(node);
      return;
    }
    if (group.empty()) return;
    std::map<Value, Value> outer;
    for (std::uint32_t i = 0; i < graph_.nodes().size(); ++i) {
      for (std::uint32_t r = 0; r < graph_.node(i).types.size(); ++r) {
        if (!std::ranges::count(group, i) && is_read_by(group, {i, r})) outer[{i, r}] = rebuild_.at({i, r});
      }
    }
    const std::map<Value, Value> made = add_fused(rebuild_.builder(), group, outer, 0);
    for (const auto& [old, now] : made) rebuild_.map(old, now);
  }

  bool is_read_by(const std::vector<std::uint32_t>& nodes, Value value) const {
    return std::ranges::any_of(
        nodes, [&](std::uint32_t node) { return std::ranges::count(graph_.node(node).operands, value) > 0; });
  }

  /// Appends a fused node of these nodes to `builder`. `outer` has what stands for the values that they read. Gives
  /// what stands for all of their values.
  std::map<Value, Value> add_fused(ir::Builder& builder, const std::vector<std::uint32_t>& nodes,
                                   const std::map<Value, Value>& outer, int depth) {
    ir::Builder body("body");
    std::map<Value, Value> inner;
    std::vector<Value> operands;
    std::vector<std::pair<Value, Value>> read(outer.begin(), outer.end());
    std::ranges::shuffle(read, engine_);
    for (const auto& [old, now] : read) {
      if (!is_read_by(nodes, old) && below(8) > 0) continue;  // a body may have parameters that it does not read
      inner[old] = body.parameter("p" + std::to_string(operands.size()), graph_.type(old));
      operands.push_back(now);
    }
    for (std::size_t i = 0; i < nodes.size(); ++i) {
      const std::size_t rest = nodes.size() - i;
      const std::size_t size = depth < 2 && below(8) == 0 ? std::min<std::size_t>(rest, 3) : 1;
      if (size > 1) {
        const std::vector<std::uint32_t> nested(nodes.begin() + static_cast<std::ptrdiff_t>(i),
                                                nodes.begin() + static_cast<std::ptrdiff_t>(i + size));
        inner.merge(add_fused(body, nested, inner, depth + 1));
        i += size - 1;
        continue;
      }
      const ir::Node& node = graph_.node(nodes[i]);
      std::vector<Value> values;
      for (const Value operand : node.operands) values.push_back(inner.at(operand));
      const Value value = body.add(node.op, values, node.attributes);
      for (std::uint32_t r = 0; r < node.types.size(); ++r) inner[{nodes[i], r}] = {value.node, r};
    }
    std::vector<Value> olds;
    for (const std::uint32_t node : nodes) {
      for (std::uint32_t r = 0; r < graph_.node(node).types.size(); ++r) {
        const bool inside_only = is_read_by(nodes, {node, r}) && below(3) > 0 && !is_read_elsewhere(nodes, {node, r});
        if (!inside_only || depth > 0) olds.push_back({node, r});
        if (below(12) == 0) olds.push_back({node, r});  // a value may be a result twice
      }
    }
    if (olds.empty()) olds.push_back({nodes.back(), 0});
    std::vector<Value> results;
    for (const Value old : olds) results.push_back(inner.at(old));
    body.set_results(results);
    const Value fused = builder.fused(operands, std::make_shared<const Graph>(std::move(body).finish()));
    std::map<Value, Value> made;
    for (std::uint32_t i = 0; i < olds.size(); ++i) made[olds[i]] = {fused.node, i};
    return made;
  }

  bool is_read_elsewhere(const std::vector<std::uint32_t>& nodes, Value value) const {
    for (std::uint32_t i = 0; i < graph_.nodes().size(); ++i) {
      if (!std::ranges::count(nodes, i) && std::ranges::count(graph_.node(i).operands, value) > 0) return true;
    }
    return std::ranges::count(graph_.results(), value) > 0 ||
           std::ranges::any_of(graph_.states(), [&](const ir::State& state) { return state.update == value; });
  }

  const Graph& graph_;
  std::mt19937_64 engine_;
  passes::Rebuild rebuild_;
};

/// The same graph with the parameters of its bodies in another order, and with more results: inner values, or the same
/// ones again.
Graph vary_bodies(const Graph& graph, std::uint64_t seed) {
  std::mt19937_64 engine(seed);
  passes::Rebuild rebuild(graph);
  for (std::uint32_t i = 0; i < graph.nodes().size(); ++i) {
    const ir::Node& node = graph.node(i);
    if (node.op != Op::kFused) {
      rebuild.copy(i);
      continue;
    }
    const Graph& old = node.attributes.body();
    std::vector<std::size_t> order(node.operands.size());
    std::iota(order.begin(), order.end(), 0);
    std::ranges::shuffle(order, engine);
    ir::Builder body(old.name());
    std::map<Value, Value> inner;
    std::vector<Value> operands;
    for (const std::size_t p : order) {
      const Value parameter = old.parameters()[p].value;
      inner[parameter] = body.parameter("p" + std::to_string(p), old.type(parameter));
      operands.push_back(rebuild.at(node.operands[p]));
    }
    std::vector<Value> results;
    for (std::uint32_t n = 0; n < old.nodes().size(); ++n) {
      const ir::Node& of = old.node(n);
      if (of.op == Op::kParameter) continue;
      std::vector<Value> values;
      for (const Value operand : of.operands) values.push_back(inner.at(operand));
      const Value added = body.add(of.op, values, of.attributes);
      for (std::uint32_t r = 0; r < of.types.size(); ++r) inner[{n, r}] = {added.node, r};
      if (engine() % 6 == 0) results.push_back(inner.at({n, 0}));
    }
    const auto more = static_cast<std::uint32_t>(results.size());
    for (const Value result : old.results()) results.push_back(inner.at(result));
    body.set_results(results);
    const Value fused = rebuild.builder().fused(operands, std::make_shared<const Graph>(std::move(body).finish()));
    for (std::uint32_t r = 0; r < node.types.size(); ++r) rebuild.map({i, r}, {fused.node, more + r});
  }
  return std::move(rebuild).finish();
}

int count_kernel_bodies(const Graph& graph) {
  int count = 0;
  for (const ir::Node& node : graph.nodes()) {
    if (node.op == Op::kFused && node.attributes.kernel_kind()) ++count;
  }
  return count;
}

int count_bodies(const Graph& graph) {
  return static_cast<int>(std::ranges::count(graph.nodes(), Op::kFused, &ir::Node::op));
}

/// Checks a graph and returns whether there was enough to compare: not if too few elements are finite.
bool check(const Graph& graph, std::uint64_t seed) {
  tools::FullCheckOptions options;
  options.passes.seed = seed;
  options.passes.batch_sizes = {1 + static_cast<std::int64_t>(seed % 20)};
  options.engine.threads = {1, 2};
  const passes::CheckReport report = tools::check_graph(graph, options);
  if (!report.difference) return true;
  if (report.difference->stage == "traced") return false;
  CAPTURE(seed);
  CAPTURE(ir::print(graph));
  FAIL_CHECK(report.difference->stage);
  return true;
}

}  // namespace

TEST_CASE("random nodes mean the same inside random bodies") {
  int bodies = 0;
  int kernels = 0;
  int compared = 0;
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    const Graph plain = passes::differentiate(ir::random_graph(seed, 5 + static_cast<int>(seed % 20)));
    const Graph grouped = Grouping(plain, seed).make();
    ir::verify(grouped);
    bodies += count_bodies(grouped);
    kernels += count_kernel_bodies(grouped);
    compared += check(grouped, seed) ? 1 : 0;
  }
  CHECK(compared > 200);
  CHECK(kernels > 50);            // run as they are
  CHECK(bodies - kernels > 300);  // are divided anew
}

TEST_CASE("variants of the bodies that fuse creates mean the same") {
  int bodies = 0;
  int kernels = 0;
  int compared = 0;
  for (std::uint64_t seed = 3000; seed < 3200; ++seed) {
    const Graph plain = passes::differentiate(ir::random_graph(seed, 5 + static_cast<int>(seed % 40)));
    const Graph varied = vary_bodies(passes::fuse(plain), seed);
    ir::verify(varied);
    bodies += count_bodies(varied);
    kernels += count_kernel_bodies(varied);
    compared += check(varied, seed) ? 1 : 0;
  }
  CHECK(compared > 130);
  CHECK(kernels > 200);
  CHECK(bodies > kernels + 50);
}

TEST_CASE("bodies around the bodies that fuse creates are split into the same kernels") {
  int compared = 0;
  for (std::uint64_t seed = 1000; seed < 1100; ++seed) {
    const Graph plain = passes::differentiate(ir::random_graph(seed, 5 + static_cast<int>(seed % 20)));
    const Graph grouped = Grouping(passes::fuse(plain), seed).make();
    ir::verify(grouped);
    compared += check(grouped, seed) ? 1 : 0;
  }
  CHECK(compared > 65);
}

TEST_CASE("a fused graph that is printed and parsed runs as printed") {
  for (std::uint64_t seed = 2000; seed < 2100; ++seed) {
    const Graph fused = passes::fuse(passes::differentiate(ir::random_graph(seed, 40)));
    const Graph read = ir::parse(ir::print(fused));
    CHECK(ir::equal_structure(passes::fuse(read), fused));
    CHECK(count_kernel_bodies(read) == count_bodies(read));
  }
}

TEST_CASE("the backend rejects a body that is not a kernel, at the line of its node") {
  const Graph graph = ir::parse(R"(sluice-ir 1
graph @a(%x: f32[4,4]) {
  %r: f32[4,4] = fused(%p: f32[4,4] = %x) {
    %0: f32[4,4] = exp %p
    %1: f32[4,4] = matmul %0, %0
    return %1
  }
  return %r
}
)",
                                "model.ir");
  try {
    backend::compile_kernels(graph);
    FAIL_CHECK("it was compiled");
  } catch (const Error& error) {
    CHECK(error.message() ==
          "fused: the body is no kernel: matmul reads %1, which is no parameter; the pass 'fuse' divides it anew");
    CHECK(error.location().line == 3);
  }
}

TEST_CASE("each rule of the contract is enforced") {
  const auto broken = [](const std::string& parameters, const std::string& body) -> std::string {
    std::string operands;
    std::size_t begin = 0;
    for (int i = 0; begin < parameters.size(); ++i) {
      const std::size_t end = std::min(parameters.find(';', begin), parameters.size());
      const std::string type = parameters.substr(begin, end - begin);
      operands += (i > 0 ? ", %p" : "%p") + std::to_string(i) + ": " + type;
      begin = end + 1;
    }
    const Graph graph = ir::parse("sluice-ir 1\ngraph @body(" + operands + ") {\n" + body + "\n}\n");
    try {
      ir::classify_body(graph);
      return "";
    } catch (const Error& error) {
      return error.message();
    }
  };
  CHECK(broken("f32[4]", "%0: f32[4] = exp %p0\nreturn %0") == "it has a single node");
  CHECK(broken("f32[4]", "%0: f32[4] = exp %p0\n%1: f32[4] = exp %0\nreturn %1, %p0") == "a result is a parameter");
  CHECK(broken("f32[2,4];f32[6,4]",
               "%0: f32[4,6] = transpose %p1 {permutation=[1,0]}\n%1: f32[4,6] = neg %0\n"
               "%2: f32[2,6] = matmul %p0, %1\nreturn %2")
            .empty());
  CHECK(broken("f32[2,4];f32[4,6]", "%0: f32[4,6] = exp %p1\n%1: f32[2,6] = matmul %p0, %0\nreturn %1") ==
        "exp computes the second factor of its product");
  CHECK(broken("f32[2,4];f32[4,6]", "%0: f32[4,6] = neg %p1\n%1: f32[2,6] = matmul %p0, %0\nreturn %1, %0") ==
        "neg computes the second factor of its product and is read by others");
  CHECK(broken("f32[4,4];f32[4,4]",
               "%0: f32[4,4] = neg %p1\n%1: f32[4,4] = matmul %p0, %0\n%2: f32[4,4] = add %1, %0\nreturn %2") ==
        "neg computes the second factor of its product and is read by others");
  CHECK(
      broken("f32[2,4];f32[6]", "%0: f32[4,6] = broadcast %p1 {shape=[4,6]}\n%1: f32[2,6] = matmul %p0, %0\nreturn %1")
          .find("matmul reads %") == 0);
  std::string negations;
  for (int i = 0; i < 9; ++i)
    negations += fmt::format("%{}: f32[4,6] = neg %{}\n", i, i == 0 ? std::string("p1") : std::to_string(i - 1));
  CHECK(broken("f32[2,4];f32[4,6]", negations + "%9: f32[2,6] = matmul %p0, %8\nreturn %9") ==
        "more than 8 nodes compute a second factor");
  CHECK(broken("f32[4];f32[6]", "%0: f32[4] = exp %p0\n%1: f32[6] = exp %p1\nreturn %0, %1") ==
        "its results have several shapes");
  CHECK(broken("f32[4,4]", "%0: f32[4,4] = matmul %p0, %p0\n%1: f32[4,4] = matmul %p0, %p0\nreturn %0, %1") ==
        "it has 2 products");
  CHECK(broken("f32[4,4]", "%0: f32[4,4] = transpose %p0 {permutation=[1,0]}\n%1: f32[4,4] = exp %0\nreturn %1") ==
        "it has transpose in a loop");
  CHECK(broken("f32[4,4]",
               "%0: f32[4] = reduce_sum %p0 {axes=[0]}\n%1: f32[4] = reduce_sum %p0 {axes=[1]}\n"
               "return %0, %1") == "it has reductions over different axes");
  CHECK(broken("f32[4,4]", "%0: f32[4,4] = exp %p0\n%1: f32[4] = reduce_sum %0 {axes=[0]}\nreturn %0, %1") ==
        "a result beside reductions is exp");
  CHECK(broken("f32[4,4]", "%0: f32[4] = reduce_sum %p0 {axes=[0]}\n%1: f32[4] = exp %0\nreturn %1") ==
        "a reduction is not over the last axis");
  CHECK(broken("f32[4,4]",
               "%0: f32[4,4] = matmul %p0, %p0\n%1: f32[4] = reduce_sum %p0 {axes=[0]}\n"
               "return %0, %1, %1") == "the sums of columns beside a product are one result");
  CHECK(broken("f32[4]",
               "%0: f32[4] = fused(%q: f32[4] = %p0) {\n%0: f32[4] = exp %q\nreturn %0\n}\n"
               "%1: f32[4] = exp %0\nreturn %1") == "it has a fused node");
  std::string chain = "%0: f32[4] = exp %p0\n";
  for (int i = 1; i < 200; ++i) chain += "%" + std::to_string(i) + ": f32[4] = exp %" + std::to_string(i - 1) + "\n";
  CHECK(broken("f32[4]", chain + "return %199") == "it has 200 nodes, more than 128");
}
