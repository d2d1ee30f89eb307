#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sluice/sluice.h"
#include "tests/oracles/oracle.h"

// From a case to a compiled program.
namespace sluice::oracles {

/// Computes every "out." and "grad." of a case, starting from its initial weights.
using Program = std::function<Arrays()>;
/// Builds the program with the default engine. Throws CannotSay.
using Builder = Program (*)(const Oracle&);

/// Tensors by the names in a case.
class Tensors {
 public:
  /// Throws CannotSay if there is none by this name.
  const Tensor& operator[](std::string_view name) const;
  const Tensor* find(std::string_view name) const;
  void add(std::string_view name, Tensor tensor) { tensors_.emplace_back(name, std::move(tensor)); }

  auto begin() const { return tensors_.begin(); }
  auto end() const { return tensors_.end(); }

 private:
  std::vector<std::pair<std::string, Tensor>> tensors_;
};

/// Results by their names in the case, with their prefix: "out.0", "grad.w.b".
using Results = std::vector<std::pair<std::string, Tensor>>;

/// Variables of a layer by the names of their values in a case, without "in.".
using Held = std::vector<std::pair<std::string, Variable>>;

/// A function of all "in." arrays but those that are values of `held`. If the case has an "up.N" for each result, its
/// gradients are added: those of the sum of all results times their "up.N".
Program function_of(const Oracle& oracle, const std::function<Results(const Tensors& in)>& body, const Held& held = {});
/// The same for a function of one result.
Program function_of_one(const Oracle& oracle, const std::function<Tensor(const Tensors& in)>& body);

/// The weights of a model in training.
class Weights {
 public:
  explicit Weights(const Arrays& initial);

  /// Throws CannotSay if there is none by this name.
  const Variable& operator[](std::string_view name) const;
  std::vector<Variable> all() const;
  /// Returns the weights of these names.
  std::vector<Variable> of(const std::vector<std::string>& names) const;
  const std::map<std::string, Variable, std::less<>>& by_name() const { return variables_; }

 private:
  std::map<std::string, Variable, std::less<>> variables_;
};

struct Training {
  int steps = 1;
  /// Inputs of which each step takes one slice along the first axis.
  std::vector<std::string> by_step = {};
  /// One step: assigns the weights; a result "loss" of step 2 is "out.loss2"; one that starts with "grad." counts only
  /// in the first step.
  std::function<Results(const Weights& w, const Tensors& in)> step = {};
};

/// Several steps from "in.w.NAME" to "out.w.NAME".
Program training(const Oracle& oracle, const Training& training);

/// The same for layers that hold the weights, from "in.NAME" to "out.NAME" for each of `held`.
Program layer_training(const Oracle& oracle, int steps, const Held& held,
                       const std::function<Results(const Tensors& in)>& step);

/// Returns results "grad.w.NAME" of `loss` for all weights for which the case has gradients.
Results weight_gradients(const Oracle& oracle, const Tensor& loss, const Weights& w);

}  // namespace sluice::oracles
