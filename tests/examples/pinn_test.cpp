#include "tests/examples/guide_run.h"

using namespace sluice;
using namespace sluice::test;

TEST_CASE("pinn finds the solution of the equation, which it has never seen") {
  for (const int seed : {1, 2}) {
    const std::string out = output_of(fmt::format("--seed {}", seed));
    const std::vector<double> losses = numbers_at(out, "Loss before step \\d+: (\\S+)\n");
    REQUIRE(losses.size() == 6);
    CHECK(losses.front() > 0.1);
    CHECK(losses.back() < losses.front() / 1000);
    // The exact solution starts at 1 and first swings to -0.53.
    CHECK(number_at(out, "Largest error: (\\S+)\n") < 0.02);
    CHECK(contains(out, "exact"));
    CHECK(contains(out, "learned"));
    CHECK(contains(out, "log10 of the loss"));
  }
}

TEST_CASE("pinn writes its plots as a page, or reports at once that it cannot") {
  const TemporaryFolder folder;
  const auto page = folder.path() / "page.html";
  output_of(fmt::format("--report '{}'", page.string()));
  for (const char* const word : {"A damped oscillator", "Largest error", "exact", "learned", "log10 of the loss"}) {
    CHECK_MESSAGE(contains(text_of(page), word), word);
  }
  const Outcome outcome = run_program(SLUICE_PROGRAM, "--report /dev/null/page.html");
  CHECK(outcome.status != 0);
  CHECK(outcome.out.empty());
  CHECK(contains(outcome.err, "pinn: /dev/null/page.html"));
}

TEST_CASE("pinn: seeds") { check_seeds(); }
TEST_CASE("pinn: options") { check_refuses_unknown_option(); }
