#include "sluice/gradient_accumulation.h"

#include <fmt/format.h>

#include <algorithm>

#include "sluice/detail/trace.h"
#include "sluice/elementwise.h"
#include "sluice/gradients.h"
#include "sluice/shape_ops.h"

namespace sluice::detail {

namespace {

/// Applies `optimizer`, and undoes it where the scalar `condition` is false.
void apply_if(const Tensor& condition, const Optimizer& optimizer, const std::vector<Tensor>& gradients,
              const std::vector<Variable>& variables) {
  Trace& trace = Trace::required("gradient_accumulation");
  const VariableList all{optimizer, variables};
  std::vector<std::pair<Variable, Tensor>> assigned;  // before, in the same function
  for (const Variable& variable : all.all()) {
    if (trace.assigned(variable.storage())) assigned.emplace_back(variable, Tensor(variable));
  }
  optimizer.apply(gradients, variables);
  // Asks again: the optimizer may just have made variables.
  for (const Variable& variable : all.all()) {
    if (!trace.assigned(variable.storage())) continue;
    const auto known = std::ranges::find_if(assigned, [&](const auto& entry) { return entry.first.is(variable); });
    const Tensor before = known == assigned.end() ? trace.reads(variable.storage()).front() : known->second;
    variable.assign(select(condition, variable, before));
  }
}

}  // namespace

Accumulation::Accumulation(const Optimizer& optimizer, std::int64_t steps, const std::source_location& where)
    : Optimizer("gradient_accumulation", optimizer.learning_rate()),
      steps_(steps),
      micro_batches_(lazy_variable("micro_batches", [] { return Array::scalar(std::int64_t{0}); },
                                   {.trainable = false, .range = ir::Range{0, 1}})),
      items_(
          lazy_variable("items", [] { return Array::scalar(0.0); }, {.trainable = false, .range = ir::Range{0, 1}})) {
  register_module(optimizer);
  if (steps >= 1) return;
  const Scope scope(where);
  fail_at_user(fmt::format("gradient_accumulation: expected at least one step, got {}", steps));
}

void Accumulation::minimize(const Arg& loss, const VariableList& variables, const TensorOrNumber& items) const {
  const Scope scope(loss.where());
  Trace::required("minimize");
  if (const Tensor* const tensor = items.tensor(); tensor != nullptr) {
    if (tensor->rank() != 0 || tensor->dtype() == DType::kBool) {
      fail_at_user(fmt::format("{}: expected a scalar number of items, got {}", kind(), to_string(tensor->type())),
                   {tensor, 1});
    }
  }
  const std::vector<Variable> trainable = required_trainable(variables);
  add(sluice::gradients(loss, trainable), trainable, items);
}

void Accumulation::update(const std::vector<Tensor>& gradients, const std::vector<Variable>& variables) const {
  add(gradients, variables, 1);
}

void Accumulation::add(const std::vector<Tensor>& gradients, const std::vector<Variable>& variables,
                       const TensorOrNumber& items) const {
  const Tensor* const tensor = items.tensor();
  items_.assign_add(tensor == nullptr ? items : TensorOrNumber(cast(*tensor, DType::kF64)));
  micro_batches_.assign_add(1);
  for (std::size_t i = 0; i < variables.size(); ++i) sum_for(variables[i]).assign_add(gradients[i]);
  end_window(ends_window(), variables);
}

Tensor Accumulation::ends_window() const { return micro_batches_ >= steps_; }

void Accumulation::drop_window(const std::vector<Variable>& variables) const {
  for (const Variable& variable : variables) sum_for(variable).assign(0);
  items_.assign(0);
  micro_batches_.assign(0);
}

void Accumulation::flush(const VariableList& variables, std::source_location where) const {
  const Scope scope(where);
  Trace::required("flush");
  end_window(micro_batches_ > 0, variables.targets());
}

void Accumulation::end_window(const Tensor& ends, const std::vector<Variable>& variables) const {
  const Tensor count = select(items_ == 0, 1, items_);  // of no items, the sums are 0
  std::vector<Tensor> means;
  for (const Variable& variable : variables) means.push_back(sum_for(variable) / cast(count, variable.type().dtype));
  apply_if(ends, optimizer(), means, variables);
  for (const Variable& variable : variables) sum_for(variable).assign(select(ends, 0, sum_for(variable)));
  items_.assign(select(ends, 0, items_));
  micro_batches_.assign(select(ends, 0, micro_batches_));
}

}  // namespace sluice::detail
