#include "sluice/multi_optimizer.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "sluice/detail/trace.h"
#include "sluice/elementwise.h"

namespace sluice {

MultiOptimizer::MultiOptimizer(const std::vector<Part>& parts, std::source_location where)
    : Optimizer("multi_optimizer", 1, where) {
  const Scope scope(where);
  for (const auto& [optimizer, variables] : parts) {
    parts_.push_back({optimizer, std::make_shared<const VariableList>(variables)});
  }
  if (parts_.empty()) fail_at_user("multi_optimizer: expected at least one optimizer");
  for (std::size_t i = 0; i < parts_.size(); ++i) {
    for (std::size_t k = 0; k < i; ++k) {
      if (!parts_[i].optimizer->learning_rate().is(parts_[k].optimizer->learning_rate())) continue;
      fail_at_user(
          fmt::format("multi_optimizer: optimizers {} and {} are the same {}: list its variables together, or "
                      "use clone() to make another one",
                      k, i, parts_[i].optimizer->kind()));
    }
    register_module(*parts_[i].optimizer);
  }
}

void MultiOptimizer::update(const std::vector<Tensor>& gradients, const std::vector<Variable>& variables) const {
  struct Share {
    std::vector<Tensor> gradients;
    std::vector<Variable> variables;
  };
  std::vector<Share> shares(parts_.size());
  for (std::size_t i = 0; i < variables.size(); ++i) {
    std::optional<std::size_t> owner;
    for (std::size_t part = 0; part < parts_.size(); ++part) {
      const auto is_it = [&](const Variable& other) { return other.is(variables[i]); };
      if (std::ranges::none_of(parts_[part].variables->all(), is_it)) continue;
      if (owner) {
        fail_at_user(fmt::format("multi_optimizer: variable \"{}\" belongs to two optimizers, {} ({}) and {} ({})",
                                 variables[i].name(), *owner, parts_[*owner].optimizer->kind(), part,
                                 parts_[part].optimizer->kind()));
      }
      owner = part;
    }
    if (!owner) {
      fail_at_user(fmt::format("multi_optimizer: variable \"{}\" belongs to none of the {} optimizers",
                               variables[i].name(), parts_.size()));
    }
    shares[*owner].gradients.push_back(gradients[i]);
    shares[*owner].variables.push_back(variables[i]);
  }
  for (std::size_t part = 0; part < parts_.size(); ++part) {
    if (shares[part].variables.empty()) continue;  // its variables are frozen
    const Optimizer& optimizer = *parts_[part].optimizer;
    const Tensor own = optimizer.learning_rate();
    optimizer.learning_rate().assign(own * learning_rate());
    optimizer.apply(shares[part].gradients, shares[part].variables);
    optimizer.learning_rate().assign(own);
  }
}

}  // namespace sluice
