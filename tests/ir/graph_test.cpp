#include "sluice/ir/graph.h"

#include <doctest/doctest.h>

#include <functional>
#include <string>

#include "sluice/error.h"
#include "sluice/ir/text.h"
#include "tests/ir/every_op.h"
#include "tests/support/refusal.h"

using namespace sluice;
using namespace sluice::ir;

namespace {

const Type kRow{DType::kF32, {batch, 4}};

}  // namespace

TEST_CASE("a builder creates nodes with their types") {
  Builder b("f");
  const Value x = b.parameter("x", kRow, Range{0, 2});
  const Value w = b.state("w", "layer/w", {DType::kF32, {4, 3}});
  const Value product = b(Op::kMatmul, {x, w});
  b.set_results({product});
  CHECK(b.type(product) == Type{DType::kF32, {batch, 3}});
  const Graph graph = std::move(b).finish();
  CHECK(graph.name() == "f");
  CHECK(graph.nodes().size() == 3);
  CHECK(graph.node(product).operands == std::vector<Value>{x, w});
  CHECK(graph.parameters()[0].name == "x");
  CHECK(graph.parameters()[0].range == Range{0, 2});
  CHECK(graph.states()[0].variable == "layer/w");
  CHECK_FALSE(graph.states()[0].update.has_value());
  CHECK(has_batch(graph));
}

TEST_CASE("a builder rejects conflicting inputs") {
  Builder b("f");
  b.parameter("x", kRow);
  b.state("w", "layer/w", {DType::kF32, {3}});
  CHECK(test::refusal([&] { b.parameter("x", kRow); }) == "parameter 'x': the name is taken already");
  CHECK(test::refusal([&] { b.parameter("w", kRow); }) == "parameter 'w': the name is taken already");
  CHECK(test::refusal([&] { b.state("x", "x", {}); }) == "state 'x': the name is taken already");
  CHECK(test::refusal([&] { b.state("v", "layer/w", {}); }) == "state 'v': variable \"layer/w\" is a state already");
  CHECK(test::refusal([&] { b.parameter("y", kRow, Range{1, 0}); }) == "parameter 'y': the range [1,0) is empty");
  CHECK(test::refusal([&] { b.state("y", "y", {}, {}, Array::scalar(1.0)); }) ==
        "state 'y': the init is f64[], expected f32[]");
  CHECK(test::refusal([&] { b.state("y", "y", kRow); }) == "state: a variable has a static shape, got [B,4]");
  CHECK(b.graph().nodes().size() == 2);  // a rejected node leaves nothing behind
  b.state("y", "y", {});
  verify(b.graph());
}

TEST_CASE("a node's error points to its location") {
  Builder b("f");
  const Value x = b.parameter("x", kRow);
  CHECK(test::refusal([&] {
          b.add(Op::kLogicalNot, {x}, {}, origin_at({"model.cpp", 12, 0}));
        }) == "model.cpp:12: logical_not: takes bools, got f32[B,4]");
  b.set_origins(origin_at({"model.cpp", 13, 5}));
  CHECK(test::refusal([&] { b(Op::kLogicalNot, {x}); }) == "model.cpp:13:5: logical_not: takes bools, got f32[B,4]");
}

TEST_CASE("updates fit their state") {
  Builder b("f");
  const Value x = b.parameter("x", {DType::kF32, {3}});
  b.scalar(DType::kF32, 1);
  const Value w = b.state("w", "layer/w", {DType::kF32, {3}});
  const Value v = b.state("v", "layer/v", {DType::kF64, {3}});
  CHECK(test::refusal([&] { b.set_update(v, x); }) ==
        "update: variable \"layer/v\" is f64[3], its new value is f32[3]");
  CHECK(test::refusal([&] { b.set_update(x, w); }) == "update: %0 is not a state");
  b.set_update(w, x);
  CHECK(b.graph().states()[0].update == x);
  b.set_update(w, w);  // the old value again: no update
  CHECK_FALSE(b.graph().states()[0].update.has_value());
}

TEST_CASE("helpers do nothing if there is nothing to do") {
  Builder b("f");
  const Value x = b.parameter("x", kRow);
  CHECK(b.broadcast(x, kRow.shape) == x);
  CHECK(b.reshape(x, kRow.shape) == x);
  CHECK(b.cast(x, DType::kF32) == x);
  CHECK(b.reduce_sum(x, {}) == x);
  CHECK(b.graph().nodes().size() == 1);
  CHECK(b.type(b.full({DType::kI32, {2, batch}}, 3)) == Type{DType::kI32, {2, batch}});
}

TEST_CASE("scalars are exact for integer dtypes") {
  Builder b("f");
  const auto scalar = [&](DType dtype, double value) {
    return b.graph().node(b.scalar(dtype, value)).attributes.array();
  };
  CHECK(scalar(DType::kF32, 0.1) == Array::scalar(0.1f));
  CHECK(scalar(DType::kF64, 0.1) == Array::scalar(0.1));
  CHECK(scalar(DType::kU8, 255) == Array::scalar(std::uint8_t{255}));
  CHECK(scalar(DType::kBool, 1) == Array::scalar(true));
  CHECK(scalar(DType::kI64, -0x1p63) == Array::scalar(std::numeric_limits<std::int64_t>::min()));
  CHECK(test::refusal([&] { b.scalar(DType::kU8, 256); }) == "constant: 256 is not a value of u8");
  CHECK(test::refusal([&] { b.scalar(DType::kU8, -1); }) == "constant: -1 is not a value of u8");
  CHECK(test::refusal([&] { b.scalar(DType::kI32, 2.5); }) == "constant: 2.5 is not a value of i32");
  CHECK(test::refusal([&] { b.scalar(DType::kI64, 0x1p63); }) ==
        "constant: 9.223372036854776e+18 is not a value of i64");
  CHECK(test::refusal([&] { b.scalar(DType::kI64, std::nan("")); }) == "constant: nan is not a value of i64");
}

TEST_CASE("splat_value sees through broadcasts and reshapes") {
  Builder b("f");
  const Value x = b.parameter("x", {DType::kF32, {}});
  CHECK(splat_value(b.graph(), b.full({DType::kF32, {3, 4}}, 2.5)) == 2.5);
  CHECK(splat_value(b.graph(), b.reshape(b.scalar(DType::kU8, 7), {1, 1})) == 7);
  CHECK_FALSE(splat_value(b.graph(), b.constant(Array({1.0f, 1.0f}, {2}))).has_value());
  CHECK_FALSE(splat_value(b.graph(), b.broadcast(x, {3})).has_value());
  Value chain = b.scalar(DType::kF32, 4);
  for (std::int64_t i = 0; i < 200'000; ++i) chain = b.reshape(chain, i % 2 == 0 ? Shape{1} : Shape{});
  CHECK(splat_value(b.graph(), chain) == 4);
}

TEST_CASE("structural equality ignores names and locations") {
  const auto graph = [](std::string name, double value, std::string_view variable, std::uint32_t line) {
    Builder b(name);
    b.set_origins(origin_at({"model.cpp", line, 0}));
    const Value w = b.state(name, std::string(variable), {DType::kF32, {}});
    b.set_update(w, b(Op::kAdd, {w, b.scalar(DType::kF32, value)}));
    return b.graph();
  };
  CHECK(equal_structure(graph("f", 1, "w", 3), graph("g", 1, "w", 4)));
  CHECK_FALSE(equal_structure(graph("f", 1, "w", 3), graph("f", 2, "w", 3)));
  CHECK_FALSE(equal_structure(graph("f", 0.0, "w", 3), graph("f", -0.0, "w", 3)));
  CHECK_FALSE(equal_structure(graph("f", 1, "w", 3), graph("f", 1, "v", 3)));
  CHECK(equal_structure(graph("f", std::nan(""), "w", 3), graph("f", std::nan(""), "w", 3)));
  CHECK(equal_structure(test::every_op(), test::every_op()));  // bodies by structure, not by address
}

TEST_CASE("origins are merged without duplicates, and the first user line is shown") {
  const auto stack = [](std::uint32_t line) {
    return std::make_shared<CallStack>(CallStack{{{"layers.h", 1, 0}, {"model.cpp", line, 0}}, 1});
  };
  Origins origins{{stack(3), false}};
  CHECK(user_location(origins) == Location{"model.cpp", 3, 0});
  merge_origins(origins, {{stack(3), false}, {stack(3), true}, {stack(4), false}});
  CHECK(origins.size() == 3);
  CHECK(origins[1].gradient);
  CHECK_FALSE(user_location({}).known());
  CHECK_FALSE(user_location({Origin{}}).known());
  CHECK(origin_at({}).empty());
}

TEST_CASE("attributes keep the order of their keys, and a false flag is absent") {
  Attributes attributes{{Attr::kShape, Shape{2}}, {Attr::kAxis, std::int64_t{1}}, {Attr::kTransposeA, false}};
  CHECK(attributes.size() == 2);
  CHECK(attributes.begin()->key == Attr::kAxis);
  CHECK_FALSE(attributes.flag(Attr::kTransposeA));
  attributes.set(Attr::kTransposeA, true);
  CHECK(attributes.flag(Attr::kTransposeA));
  attributes.set(Attr::kTransposeA, false);
  CHECK(attributes.size() == 2);
  attributes.set(Attr::kAxis, std::int64_t{5});
  CHECK(attributes.integer(Attr::kAxis) == 5);
  CHECK(attributes.find(Attr::kLow) == nullptr);
  CHECK(attributes == Attributes{{Attr::kAxis, std::int64_t{5}}, {Attr::kShape, Shape{2}}});
  CHECK_FALSE(attributes == Attributes{{Attr::kAxis, std::int64_t{5}}});
  CHECK_FALSE(attributes == Attributes{{Attr::kAxis, std::int64_t{5}}, {Attr::kShape, Shape{batch}}});
  CHECK(parse_attr("transpose_b") == Attr::kTransposeB);
  CHECK(to_string(Attr::kPermutation) == "permutation");
  CHECK_FALSE(parse_attr("nothing").has_value());
}
