#pragma once

#include "tests/support/run_program.h"

namespace sluice::test {

/// A training step in a few lines.
inline constexpr std::string_view kStep = R"(sluice-ir 1
graph @step(%x: f32[B,3], %target: f32[B,2])
    state(%w: f32[3,2] "w") {
  %0: f32[B,2] = matmul %x, %w
  %1: f32[B,2] = sub %0, %target
  %2: f32[B,2] = square %1
  %3: f32[] = reduce_sum %2 {axes=[0,1]}
  %4: f32[3,2] = gradient %3, %w
  %5: f32[3,2] = sub %w, %4
  update %w = %5
  return %3
}
)";

inline Outcome run_sluice(const std::string& arguments, const std::string& environment = "") {
  return run_program(SLUICE_PROGRAM, arguments, environment);
}

#ifdef MNIST_MLP
/// The file with the guide's training step as traced, dumped by the example that users run.
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
