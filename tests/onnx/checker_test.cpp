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

}  // namespace
}  // namespace sluice::test
