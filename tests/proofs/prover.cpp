#include "tests/proofs/prover.h"

#include <fmt/format.h>

#include <sstream>

namespace sluice::proofs {

bool Prover::prove(const std::string& label, const z3::expr& claim, const std::vector<z3::expr>& hypotheses) {
  ++theorems_;
  z3::solver solver(c);
  for (const z3::expr& hypothesis : hypotheses) solver.add(hypothesis);
  solver.add(!claim);
  const z3::check_result result = solver.check();
  if (result == z3::unsat) return true;
  std::ostringstream text;
  if (result == z3::unknown) text << "unknown: " << solver.reason_unknown();
  if (result == z3::sat) text << solver.get_model();
  failures_.push_back(fmt::format("{}: {}", label, text.str()));
  return false;
}

}  // namespace sluice::proofs
