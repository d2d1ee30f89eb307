// Tests which bodies a fused node may have.
#include <doctest/doctest.h>

#include "ir/infer.h"
#include "sluice/error.h"
#include "sluice/ir/graph.h"
#include "sluice/ir/text.h"

using namespace sluice;
using namespace sluice::ir;

namespace {

std::string fused_refusal(const std::vector<Type>& operands, const Attributes& attributes) {
  try {
    infer(Op::kFused, operands, attributes);
  } catch (const Error& error) {
    return error.what();
  }
  return "accepted";
}

}  // namespace

TEST_CASE("the body of a fused node fits its operands") {
  Builder b("body");
  const Value x = b.parameter("x", {DType::kF32, {2}});
  b.set_results({x});
  const Attributes attributes{{Attr::kBody, std::make_shared<const Graph>(b.graph())}};
  CHECK(fused_refusal({}, attributes) == "fused: the body takes 1 operand, got 0");
  CHECK(fused_refusal({{DType::kF32, {2}}}, attributes) == "accepted");
  b.state("w", "w", {DType::kF32, {2}});
  CHECK(fused_refusal({{DType::kF32, {2}}}, {{Attr::kBody, std::make_shared<const Graph>(b.graph())}}) ==
        "fused: a body has no state, got 1");
}

TEST_CASE("fused bodies nest to a limit") {
  Builder innermost("body");
  innermost.set_results({innermost.scalar(DType::kF32, 1)});
  auto body = std::make_shared<const Graph>(innermost.graph());
  for (int depth = 1; depth < kMaxBodyDepth; ++depth) {
    Builder b("body");
    b.set_results({b.fused({}, body)});
    body = std::make_shared<const Graph>(b.graph());
  }
  Builder last("last");
  last.set_results({last.fused({}, body)});
  verify(last.graph());
  CHECK(print(parse(print(last.graph()))) == print(last.graph()));
  const Attributes too_deep{{Attr::kBody, std::make_shared<const Graph>(last.graph())}};
  CHECK(fused_refusal({}, too_deep) == "fused: bodies are nested deeper than 16");
}
