#include "sluice/ir/text.h"

#include <doctest/doctest.h>

#include <cmath>
#include <set>

#include "tests/ir/every_op.h"

using namespace sluice;
using namespace sluice::ir;

namespace {

/// Checks that `text` parses to the canonical text.
void check_reads_as(std::string_view text, std::string_view canonical) {
  CHECK(print(parse(text)) == canonical);
  CHECK(print(parse(canonical)) == canonical);
}

}  // namespace

TEST_CASE("a graph with every op survives print and parse") {
  const Graph graph = test::every_op();
  verify(graph);
  std::set<Op> ops;
  for (const Node& node : graph.nodes()) ops.insert(node.op);
  CHECK(ops.size() == kOpCount);
  const std::string text = print(graph);
  const Graph parsed = parse(text);
  CHECK(print(parsed) == text);
  // Inputs come first in a parsed graph, so structures are equal from the second time on.
  CHECK(equal_structure(parse(print(parsed)), parsed));
}

TEST_CASE("constants keep their bits") {
  const Graph graph = test::every_op();
  const Graph parsed = parse(print(graph));
  const auto constants = [](const Graph& g) {
    std::vector<Array> arrays;
    for (const Node& node : g.nodes()) {
      if (node.op == Op::kConstant) arrays.push_back(node.attributes.array());
    }
    return arrays;
  };
  CHECK(constants(graph) == constants(parsed));
}

TEST_CASE("a large constant keeps its bits") {
  Array values(DType::kF32, {784, 70});
  float x = 1e-30f;
  for (float& value : values.data<float>()) value = x = std::fmod(x * 1.37f + 1e-7f, 1e10f);
  Builder b("large");
  b.set_results({b.constant(values)});
  const Graph parsed = parse(print(b.graph()));
  CHECK(parsed.node(parsed.results()[0]).attributes.array() == values);
}

TEST_CASE("the printed form") {
  const std::string_view text = R"(sluice-ir 1
graph @step(%images: u8[B,28,28] {range=[0,256)}, %labels: u8[B] {range=[0,10)})
    state(%w: f32[784,3] "dense_0/w", %b: f32[3] "dense_0/b" {range=[0,1), init=-0}) {
  %0: f32[B,28,28] = cast %images {dtype=f32}
  %1: f32[B,784] = reshape %0 {shape=[B,784]}
  %2: f32[B,3] = broadcast %b {shape=[B,3]}
  %3: f32[B,3], %4: f32[B,3] = fused matmul(%x: f32[B,784] = %1, %y: f32[784,3] = %w, %bias: f32[B,3] = %2) {
    %0: f32[B,3] = matmul %x, %y
    %1: f32[B,3] = add %0, %bias
    return %1, %0
  }
  %5: f32[] = reduce_sum %3 {axes=[0,1]}
  %6: f32[784,3], %7: f32[3] = gradient %5, %w, %b
  %8: f32[2] = constant {value=[1, -0]}
  update %w = %6, %b = %7
  return %5, %8
}
)";
  check_reads_as(text, text);
}

TEST_CASE("the kind of a fused body is found where the text does not say it") {
  const auto text = [](std::string_view kind, std::string_view body) {
    return fmt::format(
        "sluice-ir 1\ngraph @f(%x: f32[B,4], %w: f32[4,4]) {{\n  %0: f32[B,4] = fused{}(%a: f32[B,4] = %x, %b: "
        "f32[4,4] "
        "= %w) {{\n    {}\n    return %1\n  }}\n  return %0\n}}\n",
        kind, body);
  };
  const auto check_found = [&](std::string_view kind, std::string_view body) {
    check_reads_as(text("", body), text(kind, body));
    check_reads_as(text(kind, body), text(kind, body));
  };
  check_found(" loop", "%0: f32[B,4] = exp %a\n    %1: f32[B,4] = neg %0");
  check_found(" matmul", "%0: f32[B,4] = matmul %a, %b\n    %1: f32[B,4] = neg %0");
  check_found("", "%0: f32[B,4] = exp %a\n    %1: f32[B,4] = matmul %0, %b");  // no kernel: the pass 'fuse' divides it
}

TEST_CASE("an empty graph") {
  check_reads_as("sluice-ir 1 graph @f(){return}", "sluice-ir 1\ngraph @f() {\n  return\n}\n");
}

TEST_CASE("names, spaces, comments and number formats are free") {
  check_reads_as(R"(// a model
   sluice-ir 1   // its version
graph @f(%x:f32[1*B , 0003])state(%w:f32[]"w"){%sum:f32[B,3]=add %x,%x// twice

    %1:f32[B,3] = mul %sum, %sum  %0: bool[] = constant { value = true }
  %c: f32[2,2] = constant {value=[[1.0, 1e0], [0.10, 100000000000000000000000]]}
  %none: f32[2,0] = constant {value=[]}
  %m: f32[3,3] = matmul %x, %x {transpose_b=false, transpose_a=true}
  update %w = %w
  return %1 , %x,%x})",
                 R"(sluice-ir 1
graph @f(%x: f32[B,3])
    state(%w: f32[] "w") {
  %0: f32[B,3] = add %x, %x
  %1: f32[B,3] = mul %0, %0
  %2: bool[] = constant {value=true}
  %3: f32[2,2] = constant {value=[[1, 1], [0.1, 1e+23]]}
  %4: f32[2,0] = constant {value=[]}
  %5: f32[3,3] = matmul %x, %x {transpose_a=true}
  return %1, %x, %x
}
)");
}

TEST_CASE("windows line ends are white space") {
  check_reads_as("sluice-ir 1\r\ngraph @f() {\r\n  return\r\n}\r\n", "sluice-ir 1\ngraph @f() {\n  return\n}\n");
}

TEST_CASE("any name can be written, quoted if necessary") {
  Builder b("a graph\twith \"quotes\"");
  const Value zero = b.parameter("0", {DType::kF32, {}});
  const Value empty = b.parameter("", {DType::kF32, {}});
  const Value odd = b.state("back\\slash", std::string("nul\0 and \x7f, \xc3\xa9", 14), {DType::kF32, {}});
  const Value sum = b(Op::kAdd, {zero, empty});
  b.set_results({b(Op::kMul, {sum, odd})});
  const std::string text = print(b.graph());
  CHECK(text == R"(sluice-ir 1
graph @"a graph\twith \"quotes\""(%"0": f32[], %"": f32[])
    state(%"back\\slash": f32[] "nul\x00 and \x7f, é") {
  %0: f32[] = add %"0", %""
  %1: f32[] = mul %0, %"back\\slash"
  return %1
}
)");
  const Graph parsed = parse(text);
  CHECK(print(parsed) == text);
  CHECK(parsed.name() == b.graph().name());
  CHECK(parsed.parameters()[1].name.empty());
  CHECK(parsed.states()[0].variable == b.graph().states()[0].variable);
  check_reads_as("sluice-ir 1\ngraph @\"f\"(%\"x\": f32[]) { return %x }",
                 "sluice-ir 1\ngraph @f(%x: f32[]) {\n  return %x\n}\n");
}

TEST_CASE("long lists of inputs are wrapped") {
  Builder b("wide");
  std::vector<Value> values;
  for (int i = 0; i < 12; ++i) values.push_back(b.parameter(fmt::format("input_{}", i), {DType::kF32, {batch, 784}}));
  for (int i = 0; i < 12; ++i) {
    const Value w = b.state(fmt::format("w{}", i), fmt::format("dense_{}/w", i), {DType::kF32, {784, 700}});
    b.set_update(w, b(Op::kNeg, {w}));
    values.push_back(w);
  }
  b.set_results(values);
  const std::string text = print(b.graph());
  CHECK(print(parse(text)) == text);
  std::size_t lines = 0;
  for (std::size_t begin = 0; begin < text.size(); begin = text.find('\n', begin) + 1) {
    ++lines;
    CHECK(text.find('\n', begin) - begin <= 122);
  }
  CHECK(lines > 20);
}

TEST_CASE("nodes record their position in the text, and the printer can show it") {
  const Graph graph = parse("sluice-ir 1\ngraph @f(%x: f32[]) {\n\n  %0: f32[] = neg %x\n  return %0 }", "model.ir");
  const Location place = user_location(graph.node(1).origins);
  CHECK(place.file == "model.ir");
  CHECK(place.line == 4);
  CHECK(place.column == 15);
  const std::string text = print(graph, {.locations = true});
  CHECK(text ==
        "sluice-ir 1\ngraph @f(%x: f32[] loc(\"model.ir\":2)) {\n  %0: f32[] = neg %x loc(\"model.ir\":4)\n  return "
        "%0\n}\n");
  CHECK(print(parse(text)) == print(graph));
}

namespace {

/// Merged and fused nodes, derivatives, nodes of unknown origin, a long list, and odd names.
constexpr std::string_view kLocated = R"(sluice-ir 1
graph @f(%x: f32[B,2] {range=[0,1)} loc("model.cpp":3), %y: f32[B,2] loc())
    state(%w: f32[2] "w" {init=0.1} loc("layers.h":7)) {
  %0: f32[] = constant {value=1} loc("a \"quoted\"\nname.cpp":4294967295)
  %1: f32[B,2] = add %x, %y loc("model.cpp":4, "model.cpp":9)
  %2: f32[B,2] = broadcast %w {shape=[B,2]} loc()
  %3: f32[B,2], %4: f32[B,2] = fused loop(%p0: f32[B,2] = %1, %p1: f32[B,2] = %2) loc("a_long_name_of_a_file.cpp":4,
      gradient "a_long_name_of_a_file.cpp":4, "another_long_name_of_a_file.cpp":12,
      "yet_another_long_name_of_a_file.cpp":123) {
    %0: f32[B,2] = mul %p0, %p1 loc("model.cpp":5)
    %1: f32[B,2] = neg %0 loc(gradient "model.cpp":5, "layers.h":8)
    return %0, %1
  }
  %5: f32[2] = reduce_sum %3 {axes=[0]} loc(gradient "model.cpp":6)
  update %w = %5
  return %4, %0
}
)";

}  // namespace

TEST_CASE("the lines of the model are read back from the text") {
  const Graph graph = parse(kLocated, "dumped.ir");
  CHECK(print(graph, {.locations = true}) == kLocated);
  CHECK(print(parse(print(graph))) == print(graph));
  CHECK(print(graph).find("loc") == std::string::npos);

  const auto lines = [](const Node& node) {
    std::vector<std::string> all;
    for (const Origin& origin : node.origins)
      all.push_back((origin.gradient ? "gradient of " : "") + to_string(origin.stack->user()));
    return all;
  };
  using Lines = std::vector<std::string>;
  CHECK(lines(graph.node(graph.parameters()[0].value)) == Lines{"model.cpp:3"});
  CHECK(lines(graph.node(graph.parameters()[1].value)) == Lines{"unknown location"});
  CHECK(lines(graph.node(graph.states()[0].value)) == Lines{"layers.h:7"});
  const Node& fused = graph.nodes()[graph.nodes().size() - 2];
  REQUIRE(fused.op == Op::kFused);
  CHECK(lines(fused) == Lines{"a_long_name_of_a_file.cpp:4", "gradient of a_long_name_of_a_file.cpp:4",
                              "another_long_name_of_a_file.cpp:12", "yet_another_long_name_of_a_file.cpp:123"});
  const Graph& body = fused.attributes.body();
  CHECK(lines(body.node(body.parameters()[0].value)) == Lines{"model.cpp:4", "model.cpp:9"});  // like its operand
  CHECK(lines(body.nodes().back()) == Lines{"gradient of model.cpp:5", "layers.h:8"});
}

TEST_CASE("origins with equal lines are printed once") {
  Builder b("f");
  Origins origins = origin_at({intern_file("model.cpp"), 12, 0});
  Origins derived = origin_at({intern_file("model.cpp"), 12, 0});
  derived[0].gradient = true;
  origins.push_back(origins[0]);
  origins.push_back(derived[0]);
  origins.push_back({});
  b.set_origins(origins);
  b.set_results({b.scalar(DType::kF32, 1)});
  const std::string text = print(b.graph(), {.locations = true});
  CHECK(text ==
        "sluice-ir 1\ngraph @f() {\n  %0: f32[] = constant {value=1} loc(\"model.cpp\":12, gradient "
        "\"model.cpp\":12)\n  return %0\n}\n");
  CHECK(print(parse(text), {.locations = true}) == text);
}

TEST_CASE("a node's error points to the text and names the model's line") {
  const auto text = [](std::string_view place) {
    return fmt::format(
        "sluice-ir 1\ngraph @f() {{\n  %0: f32[] = fused() {{\n    %0: f32[B] = iota {{axis=0, dtype=f32, shape=[B]}}{}"
        "\n    %1: f32[] = reduce_sum %0 {{axes=[0]}}\n    return %1\n  }}\n  return %0\n}}\n",
        place);
  };
  const auto refusal = [](const std::string& wrong) {
    try {
      parse(wrong, "model.ir");
    } catch (const Error& error) {
      return std::string(error.what());
    }
    return std::string("accepted");
  };
  const std::string where = "    %0: f32[B] = iota {axis=0, dtype=f32, shape=[B]}";
  const std::string caret = "                 ^";
  const std::string what = "model.ir:4:18: iota: f32[B] uses B, which no parameter has\n";
  CHECK(refusal(text("")) == what + where + "\n" + caret);
  CHECK(refusal(text(" loc()")) == what + where + " loc()\n" + caret);
  CHECK(refusal(text(" loc(\"model.cpp\":12)")) ==
        what + "  made at model.cpp:12\n" + where + " loc(\"model.cpp\":12)\n" + caret);
}

TEST_CASE("a position is shown only if it exists in the text") {
  const std::string_view text = "one\ntwo";
  CHECK(line_with_caret(text, {"f", 2, 3}) == "\ntwo\n  ^");
  CHECK(line_with_caret(text, {"f", 2, 4}) == "\ntwo\n   ^");  // the end of the text
  CHECK(line_with_caret(text, {"f", 2, 5}).empty());
  CHECK(line_with_caret(text, {"f", 3, 1}).empty());
  CHECK(line_with_caret(text, {"f", 2, 0}).empty());
  CHECK(line_with_caret(text, {}).empty());
}

TEST_CASE("many inputs are parsed in linear time") {
  std::string text = "sluice-ir 1\ngraph @f() state(%w0: f32[] \"0\"";
  for (int i = 1; i < 20'000; ++i) text += fmt::format(", %w{}: f32[] \"{}\"", i, i);
  text += ") { update %w1 = %w0";
  for (int i = 2; i < 20'000; ++i) text += fmt::format(", %w{} = %w0", i);
  const Graph graph = parse(text + " return }");
  CHECK(graph.states().size() == 20'000);
  CHECK(graph.states()[19'999].update == Value{0, 0});
}
