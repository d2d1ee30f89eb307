// ONNX's own checker and its inference of shapes on every op case.
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <onnx/checker.h>
#include <onnx/shape_inference/implementation.h>

#include "sluice/error.h"
#include "tests/onnx/onnx_case.h"

namespace sluice::test {
namespace {

/// Returns what is wrong with a model: "" if nothing is.
std::string fault_of(onnx::ModelProto model) {
  try {
    onnx::checker::check_model(model);
    // Checks types, fails at the first error, and propagates the values of shapes.
    onnx::shape_inference::InferShapes(model, onnx::OpSchemaRegistry::Instance(), {true, 1, true});
  } catch (const std::exception& error) {
    return error.what();
  }
  return "";
}

TEST_CASE("every op case that can be exported passes ONNX's checker and its inference of shapes") {
  for (const OpCase& c : op_cases()) {
    if (!is_exported(c)) {
      CHECK_THROWS_AS(onnx_model::convert(model_of(c)), Error);
      continue;
    }
    onnx::ModelProto model;
    try {
      model = onnx_model::convert(model_of(c));
    } catch (const Error& error) {
      FAIL_CHECK(c.name << ": " << error.what());
      continue;
    }
    const std::string fault = fault_of(model);
    CHECK_MESSAGE(fault.empty(), c.name, ": ", fault);
  }
}

TEST_CASE("the checker finds planted faults") {
  const auto planted = [](const auto& change) {
    ir::Builder b("planted");
    const ir::Value x = b.parameter("x", {DType::kF32, {batch, 3}});
    const ir::Value sum = b(ir::Op::kReduceSum, {x}, {{ir::Attr::kAxes, std::vector<std::int64_t>{1}}});
    b.set_results({b(ir::Op::kRelu, {sum})});
    onnx::ModelProto model = onnx_model::convert({std::move(b).finish(), {}, {"y"}});
    REQUIRE(model.graph().node_size() == 2);
    change(*model.mutable_graph());
    return fault_of(model);
  };
  CHECK(planted([](onnx::GraphProto&) {}).empty());
  CHECK_FALSE(planted([](onnx::GraphProto& graph) { graph.mutable_node(1)->set_op_type("Rleu"); }).empty());
  CHECK_FALSE(planted([](onnx::GraphProto& graph) { graph.mutable_node()->SwapElements(0, 1); }).empty());
  CHECK_FALSE(planted([](onnx::GraphProto& graph) {
                auto& type = *graph.mutable_output(0)->mutable_type()->mutable_tensor_type();
                type.set_elem_type(onnx::TensorProto::INT32);
              }).empty());
  CHECK_FALSE(planted([](onnx::GraphProto& graph) {
                auto& type = *graph.mutable_output(0)->mutable_type()->mutable_tensor_type();
                type.mutable_shape()->add_dim()->set_dim_value(7);
              }).empty());
}

}  // namespace
}  // namespace sluice::test
