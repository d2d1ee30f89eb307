// Graphs that no Builder creates. A bug in a pass or a loader could; verify must report it and never crash.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <functional>
#include <string>

#include "ir/infer.h"
#include "sluice/error.h"
#include "sluice/ir/graph.h"
#include "tests/ir/every_op.h"
#include "tests/support/refusal.h"

using namespace sluice;
using namespace sluice::ir;

namespace {

// Only a Builder has access to a graph. An explicit instantiation may name private members, which gives this test
// access without changing the class.
template <auto Nodes, auto Parameters, auto States, auto Results>
struct Lend {
  friend std::vector<Node>& nodes_of(Graph& graph) { return graph.*Nodes; }
  friend std::vector<Parameter>& parameters_of(Graph& graph) { return graph.*Parameters; }
  friend std::vector<State>& states_of(Graph& graph) { return graph.*States; }
  friend std::vector<Value>& results_of(Graph& graph) { return graph.*Results; }
};
std::vector<Node>& nodes_of(Graph& graph);
std::vector<Parameter>& parameters_of(Graph& graph);
std::vector<State>& states_of(Graph& graph);
std::vector<Value>& results_of(Graph& graph);
template struct Lend<&Graph::nodes_, &Graph::parameters_, &Graph::states_, &Graph::results_>;

/// %x, %y: parameters; %w, %v: states, %w updated by node 4 = x + y; node 5 = relu of it, the result.
Graph small() {
  Builder b("small");
  const Value x = b.parameter("x", {DType::kF32, {4}}, Range{0, 1});
  const Value y = b.parameter("y", {DType::kF32, {4}});
  const Value w = b.state("w", "layer/w", {DType::kF32, {4}}, Range{0, 1});
  b.state("v", "layer/v", {DType::kI32, {}});
  b.set_origins(origin_at({"model.cpp", 7, 0}));
  const Value sum = b(Op::kAdd, {x, y});
  const Value result = b(Op::kRelu, {sum});
  b.set_update(w, sum);
  b.set_results({result});
  return b.graph();
}

/// Returns verify's complaint about small() after `damage`.
std::string complaint(const std::function<void(Graph&)>& damage) {
  Graph graph = small();
  damage(graph);
  return test::refusal([&] { verify(graph); });
}

constexpr std::uint32_t kFar = 4'000'000'000;

}  // namespace

TEST_CASE("a graph from a builder is valid") {
  verify(small());
  verify(test::every_op());
  verify(Builder("empty").graph());
}

TEST_CASE("operands precede their users") {
  const auto operand = [](Value value) { return complaint([&](Graph& g) { nodes_of(g)[4].operands[1] = value; }); };
  CHECK(operand({1, 0}) == "accepted");
  CHECK(operand({4, 0}) == "model.cpp:7: graph @small: %4: operand %4 does not stand before it");
  CHECK(operand({5, 0}) == "model.cpp:7: graph @small: %4: operand %5 does not stand before it");
  CHECK(operand({kFar, 0}) == "model.cpp:7: graph @small: %4: operand %4000000000 does not stand before it");
  CHECK(operand({1, 1}) == "model.cpp:7: graph @small: %4: operand %1 has no result 1");
  CHECK(operand({3, 0}) == "model.cpp:7: graph @small: add: operands have different types: f32[4] and i32[]");
}

TEST_CASE("types match inference") {
  constexpr std::string_view kWrong = "model.cpp:7: graph @small: %5: relu has types that inference does not give";
  CHECK(complaint([](Graph& g) { nodes_of(g)[5].types[0].shape[0] = 5; }) == kWrong);
  CHECK(complaint([](Graph& g) { nodes_of(g)[5].types[0].dtype = DType::kF64; }) == kWrong);
  CHECK(complaint([](Graph& g) { nodes_of(g)[5].types.push_back({}); }) == kWrong);
  CHECK(complaint([](Graph& g) { nodes_of(g)[5].types.clear(); }) == kWrong);
  CHECK(complaint([](Graph& g) { nodes_of(g)[4].types.clear(); }) ==
        "model.cpp:7: graph @small: %4: add has types that inference does not give");
  CHECK(complaint([](Graph& g) { nodes_of(g)[5].op = Op::kLogicalNot; }) ==
        "model.cpp:7: graph @small: logical_not: takes bools, got f32[4]");
  CHECK(complaint([](Graph& g) { nodes_of(g)[5].attributes.set(Attr::kAxis, std::int64_t{0}); }) ==
        "model.cpp:7: graph @small: relu: has no attribute 'axis'");
  CHECK(complaint([](Graph& g) {
          nodes_of(g)[0].attributes.set(Attr::kShape, Shape{batch, 0 - batch});
        }) == "graph @small: parameter: [B,-B] has a size that is not valid");
}

TEST_CASE("inputs are in the header, once") {
  CHECK(complaint([](Graph& g) { parameters_of(g).pop_back(); }) == "%1: parameter is not in the header");
  CHECK(complaint([](Graph& g) { states_of(g).clear(); }) == "%2: state is not in the header");
  CHECK(complaint([](Graph& g) { parameters_of(g)[1].name = std::string("x"); }) == "the name %x is used twice");
  CHECK(complaint([](Graph& g) { states_of(g)[0].name = std::string("x"); }) == "the name %x is used twice");
  CHECK(complaint([](Graph& g) { states_of(g)[1].variable = std::string("layer/w"); }) ==
        "variable \"layer/w\" is a state twice");
  CHECK(complaint([](Graph& g) { parameters_of(g)[1].value = {0, 0}; }) == "%y is not a parameter of its own");
  CHECK(complaint([](Graph& g) { parameters_of(g)[1].value = {5, 0}; }) == "%y is not a parameter of its own");
  CHECK(complaint([](Graph& g) { states_of(g)[1].value = {0, 0}; }) == "%v is not a state of its own");
  CHECK(complaint([](Graph& g) { parameters_of(g)[1].value = {kFar, 0}; }) == "%y is not a value of the graph");
  CHECK(complaint([](Graph& g) { states_of(g)[1].value = {3, 1}; }) == "%v is not a value of the graph");
  CHECK(complaint([](Graph& g) { parameters_of(g)[0].range = Range{1, 1}; }) == "the range of %x is empty");
  CHECK(complaint([](Graph& g) { states_of(g)[0].range = Range{0, std::nan("")}; }) == "the range of %w is empty");
  CHECK(complaint([](Graph& g) { parameters_of(g)[0].range = Range{-1e30, 1e30}; }) == "accepted");
  CHECK(complaint([](Graph& g) { states_of(g)[0].init = Array::scalar(1.0); }) == "the init of %w is f64[]");
}

TEST_CASE("updates and results are values of the right type") {
  CHECK(complaint([](Graph& g) {
          states_of(g)[0].update = Value{kFar, 0};
        }) == "update of %w is not a value of the graph");
  CHECK(complaint([](Graph& g) { states_of(g)[0].update = Value{3, 0}; }) == "update of %w has another type");
  CHECK(complaint([](Graph& g) { results_of(g)[0] = {6, 0}; }) == "a result is not a value of the graph");
  CHECK(complaint([](Graph& g) { results_of(g).push_back({5, 1}); }) == "a result is not a value of the graph");
  CHECK(complaint([](Graph& g) { results_of(g).clear(); }) == "accepted");
}

TEST_CASE("a node without a location is reported without one") {
  CHECK(complaint([](Graph& g) {
          nodes_of(g)[4].origins = {Origin{}};
          nodes_of(g)[4].operands.pop_back();
        }) == "graph @small: add: expected 2 operands, got 1");
  CHECK(complaint([](Graph& g) {
          nodes_of(g)[4].origins = {{std::make_shared<CallStack>(CallStack{{{"model.cpp", 3, 0}}, 9}), false}};
          nodes_of(g)[4].operands.pop_back();
        }) == "graph @small: add: expected 2 operands, got 1");
}

TEST_CASE("B comes only from a parameter") {
  const auto refused = [](const Builder& b) -> std::string { return test::refusal([&] { verify(b.graph()); }); };
  const auto iota = [](Builder& b) {
    return b(Op::kIota, {},
             {{Attr::kAxis, std::int64_t{0}}, {Attr::kDType, DType::kF32}, {Attr::kShape, Shape{batch}}});
  };
  Builder without("f");
  iota(without);
  CHECK(refused(without) == "iota: f32[B] uses B, which no parameter has");
  Builder with("f");
  with.parameter("x", {DType::kF32, {3 * batch}});
  iota(with);
  CHECK(refused(with) == "accepted");
  // A body may use the B of the enclosing graph, but not introduce one.
  Builder body("body");
  body.set_results({body.reduce_sum(iota(body), {0})});
  const auto whole = std::make_shared<const Graph>(body.graph());
  with.fused({}, whole);
  CHECK(refused(with) == "accepted");
  Builder around("f");
  around.fused({}, whole, origin_at({"model.cpp", 9, 0}));
  CHECK(refused(around) == "iota: f32[B] uses B, which no parameter has");
}

TEST_CASE("the sizes of parameters tell what each symbol is") {
  const auto refused = [](std::initializer_list<Shape> shapes) -> std::string {
    Builder b("f");
    for (const Shape& shape : shapes)
      b.parameter(fmt::format("x{}", b.graph().parameters().size()), {DType::kF32, shape});
    return test::refusal([&] { verify(b.graph()); });
  };
  const Dim t = length("T");
  CHECK(refused({{batch * t, t}}) == "accepted");
  CHECK(refused({{2 * batch + 3 * t}, {t - 1}}) == "accepted");
  CHECK(refused({{batch * t}}) == "graph @f: no parameter's sizes tell what B is");
  CHECK(refused({{batch, batch + t * t}}) == "graph @f: no parameter's sizes tell what T is");
}

TEST_CASE("bodies are verified") {
  const auto complaint_of_body = [](Graph body) {
    Builder b("outer");
    const Value x = b.parameter("x", {DType::kF32, {4}});
    const auto whole = std::make_shared<Graph>(small());
    states_of(*whole).clear();
    nodes_of(*whole)[2] = nodes_of(*whole)[3] = nodes_of(*whole)[4];
    b.fused({x, x}, whole);
    verify(b.graph());  // so it is the damage that is rejected
    *whole = std::move(body);
    return test::refusal([&] { verify(b.graph()); });
  };
  CHECK(complaint_of_body(small()) == "graph @outer: fused: a body has no state, got 2");
  Graph backwards = small();
  nodes_of(backwards)[4].operands[0] = {5, 0};
  CHECK(complaint_of_body(backwards) ==
        "model.cpp:7: graph @outer: graph @small: %4: operand %5 does not stand before it");
  CHECK(complaint_of_body(Builder("empty").graph()) == "graph @outer: fused: a body has results, got none");
}

TEST_CASE("the kind of a fused node is that of its body") {
  Builder loop("body");
  const Value x = loop.parameter("x", {DType::kF32, {4}});
  loop.set_results({loop(Op::kExp, {loop(Op::kNeg, {x})})});
  Builder single("body");
  single.set_results({single(Op::kNeg, {single.parameter("x", {DType::kF32, {4}})})});
  const auto refused = [](const Builder& body, std::optional<KernelKind> kind) {
    Builder b("f");
    Attributes attributes{{Attr::kBody, std::make_shared<const Graph>(body.graph())}};
    if (kind) attributes.set(Attr::kKind, *kind);
    b.add(Op::kFused, {b.parameter("x", {DType::kF32, {4}})}, attributes, origin_at({"model.cpp", 9, 0}));
    return test::refusal([&] { verify(b.graph()); });
  };
  CHECK(refused(loop, KernelKind::kLoop) == "accepted");
  CHECK(refused(loop, KernelKind::kMatmul) ==
        "model.cpp:9: graph @f: fused: the kind is matmul, but the body is of kind loop");
  CHECK(refused(loop, std::nullopt) == "model.cpp:9: graph @f: fused: no kind is given, but the body is of kind loop");
  CHECK(refused(single, std::nullopt) == "accepted");  // `fuse` divides it
  CHECK(refused(single, KernelKind::kReduce) ==
        "model.cpp:9: graph @f: fused: the kind is reduce, but the body is no kernel: it has a single node");
}

TEST_CASE("a body that contains itself is rejected") {
  const auto endless = std::make_shared<Graph>(Builder("endless").graph());
  nodes_of(*endless).push_back(
      {Op::kFused, {}, {{Attr::kBody, std::shared_ptr<const Graph>(endless)}}, {{DType::kF32, {}}}, {}});
  results_of(*endless).push_back({0, 0});
  CHECK_THROWS_AS(verify(*endless), Error);
  nodes_of(*endless).clear();  // breaks the cycle, so that the graph is freed
}
