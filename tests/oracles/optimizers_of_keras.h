#pragma once

#include <functional>
#include <string>
#include <vector>

#include "sluice/sluice.h"
#include "tests/oracles/oracle.h"

namespace sluice::oracles {

/// Updates variables with their gradients, as Optimizer::apply does.
using Apply = std::function<void(const std::vector<Tensor>&, const std::vector<Variable>&)>;

/// Returns a Keras optimizer by its name and get_config(). Throws CannotSay for an unknown one.
Apply keras_optimizer(const std::string& name, const Attributes& config);

/// Returns an optimizer described in words: "SGD 0.05", "Adam 1e-2 eps 1e-7", of framework `by`. Throws CannotSay for
/// other words.
Apply optimizer_of_words(const std::string& words, const std::string& by);

}  // namespace sluice::oracles
