#pragma once

#include "tests/support/run_program.h"

namespace sluice::test {

inline Outcome run_sluice(const std::string& arguments, const std::string& environment = "") {
  return run_program(SLUICE_PROGRAM, arguments, environment);
}

#ifdef MNIST_MLP
/// The file with the guide's training step as it was traced, dumped by the example that users run.
inline std::filesystem::path training_step() {
  static const TemporaryFolder folder;
  static const bool dumped = run_program(MNIST_MLP, "--dump-ir=traced",
                                         fmt::format("SLUICE_FLAGS='--dump-dir=\"{}\"'", folder.path().string()))
                                 .status == 0;
  REQUIRE(dumped);
  return folder.path() / "00-train_step-traced.ir";
}
#endif

}  // namespace sluice::test
