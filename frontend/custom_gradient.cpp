#include "sluice/custom_gradient.h"

#include <fmt/format.h>

#include "ir/counted.h"
#include "sluice/detail/trace.h"
#include "sluice/shape_ops.h"

namespace sluice::detail {

namespace {

std::vector<Tensor> add_parameters(Trace& trace, std::string_view letter, TensorSpan like) {
  std::vector<Tensor> parameters;
  for (const Tensor& tensor : like)
    parameters.push_back(trace.parameter(fmt::format("{}{}", letter, parameters.size()), tensor.type(), std::nullopt));
  return parameters;
}

/// Requires of `inputs` what the traced function requires of its parameters.
void pass_on_expectations(const Trace& from, Trace& to, TensorSpan inputs) {
  for (const ExpectedIndices& expected : from.expected_indices())
    to.expect_indices(inputs[expected.argument], expected.limit, expected.what, expected.of, expected.except);
}

/// Adds the effects of the traced function to the one around it; `values` are the counterparts of what they look at.
void pass_on_effects(const Trace& from, Trace& to, TensorSpan values) {
  for (const Effect& effect : from.effects()) {
    to.observe(effect, values.first(effect.values.size()));
    values = values.subspan(effect.values.size());
  }
}

std::vector<Tensor> apply_forward(const CustomGradientCore& core, Trace& around, TensorSpan inputs) {
  Trace trace(core.name, fmt::format("{}: the function", core.name));
  const std::vector<Tensor> outputs = core.forward(add_parameters(trace, "x", inputs));
  if (outputs.empty()) fail_at_user(fmt::format("{}: the function returns no tensor", core.name));
  const ir::Graph graph = trace.finish(outputs);
  pass_on_expectations(trace, around, inputs);
  std::vector<Tensor> results = around.append(graph, inputs);
  pass_on_effects(trace, around, TensorSpan(results).subspan(outputs.size()));
  results.resize(outputs.size());
  return results;
}

/// Checks what `backward` returned and returns the adjoints of the inputs that are floats.
std::vector<Tensor> checked_adjoints(const std::string& name, TensorSpan inputs, TensorSpan returned) {
  if (returned.size() != inputs.size()) {
    fail_at_user(
        fmt::format("{}: the backward function returns {} for {}; expected one for each, Tensor() where no "
                    "derivative flows",
                    name, counted(returned.size(), "tensor"), counted(inputs.size(), "input")));
  }
  std::vector<Tensor> adjoints;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const bool empty = returned[i].empty();
    if (is_float(inputs[i].dtype())) adjoints.push_back(empty ? zeros_like(inputs[i]) : returned[i]);
    if (empty) continue;
    if (!is_float(inputs[i].dtype())) {
      fail_at_user(fmt::format("{}: the backward function returns {} for input {}, {}, which has no derivative; "
                               "return Tensor() for it",
                               name, to_string(returned[i].type()), i, to_string(inputs[i].type())),
                   returned.subspan(i, 1));
    }
    if (returned[i].type() != inputs[i].type()) {
      fail_at_user(fmt::format("{}: the backward function returns {} for input {}, expected {}, the input's type", name,
                               to_string(returned[i].type()), i, to_string(inputs[i].type())),
                   returned.subspan(i, 1));
    }
  }
  return adjoints;
}

ir::Graph trace_backward(const CustomGradientCore& core, TensorSpan outputs, TensorSpan inputs) {
  Trace trace(core.name, fmt::format("{}: the backward function", core.name));
  const std::vector<Tensor> y = add_parameters(trace, "y", outputs);
  const std::vector<Tensor> x = add_parameters(trace, "x", inputs);
  const std::vector<Tensor> dy = add_parameters(trace, "dy", outputs);
  const std::vector<Tensor> adjoints = checked_adjoints(core.name, x, core.backward(x, y, dy));
  if (!trace.effects().empty()) {
    throw Error(fmt::format("{}: the backward function prints or checks, which it cannot: it runs only where its "
                            "derivative is needed; print and check outside of it",
                            core.name),
                trace.effects()[0].where);
  }
  return trace.finish(adjoints);
}

}  // namespace

std::vector<Tensor> CustomGradientCore::apply(TensorSpan inputs) const {
  Trace& trace = Trace::required(name);
  std::vector<Tensor> operands = apply_forward(*this, trace, inputs);
  auto body = std::make_shared<const ir::Graph>(trace_backward(*this, operands, inputs));
  operands.insert(operands.end(), inputs.begin(), inputs.end());
  return trace.add_node(ir::Op::kCustomGradient, operands, {{ir::Attr::kBody, std::move(body)}});
}

}  // namespace sluice::detail
