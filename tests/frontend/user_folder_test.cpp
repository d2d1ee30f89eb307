// Lines of a user whose own sources are in a folder called frontend/, compiled with relative paths.
#include <doctest/doctest.h>

#include "sluice/frontend.h"
#include "sluice/ir/text.h"
#include "tests/frontend/engine.h"

#line 10 "frontend/model.cpp"
static std::string line_of_error() {
  try {
    sluice::function("f", {sluice::f32(sluice::batch, 3)}, [](sluice::Tensor x) {
      return sluice::softmax(x, 5);
    }).compile();
  } catch (const sluice::Error& error) {
    return to_string(error.location());
  }
  return "";
}

TEST_CASE("errors and nodes point to a user's file in a folder called frontend") {
  CHECK(line_of_error() == "frontend/model.cpp:13");
  const auto f = sluice::function("f", {sluice::f32(3)}, [](sluice::Tensor x) { return sluice::softmax(x); });
  for (const sluice::ir::Node& node : f.graph().nodes()) {
    if (!node.origins.empty()) CHECK(sluice::ir::user_location(node.origins).file == "frontend/model.cpp");
  }
}
