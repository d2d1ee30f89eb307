#pragma once

#include <z3++.h>

#include <string>
#include <vector>

namespace sluice::proofs {

/// Proves theorems and records those that failed.
class Prover {
 public:
  z3::context c;

  /// Returns whether `claim` follows from the hypotheses. If not, records a failure with `label` and a counterexample.
  bool prove(const std::string& label, const z3::expr& claim, const std::vector<z3::expr>& hypotheses = {});

  int theorems() const { return theorems_; }
  const std::vector<std::string>& failures() const { return failures_; }

 private:
  int theorems_ = 0;
  std::vector<std::string> failures_;
};

}  // namespace sluice::proofs
