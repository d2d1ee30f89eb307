// The code of a page, SLUICE_PAGE, runs and prints what the page shows.
#include "docs/pages/page.h"

#include <doctest/doctest.h>

#include <cstdlib>
#include <limits>

#include "tests/examples/run_example.h"
#include "tests/support/skip.h"

using namespace sluice;
using namespace sluice::test;

namespace {

/// Returns how the output differs from the page when its program runs with `data` in place of MNIST.
std::string difference(const std::filesystem::path& data, double tolerance) {
  const TemporaryFolder folder;  // for what it writes
  const Outcome outcome =
      run("", fmt::format("cd '{}' && SLUICE_DATA_DIR='{}'", folder.path().string(), data.string()));
  CHECK(outcome.err == "");
  REQUIRE(outcome.status == 0);
  return docs::output_difference(docs::read_page(SLUICE_PAGE), outcome.out, tolerance);
}

}  // namespace

#ifdef SLUICE_PAGE_SHOWS_MNIST

TEST_CASE("the page's code runs and prints what the page shows, except for the numbers") {
  CHECK(difference(small_data(), std::numeric_limits<double>::infinity()) == "");
}

TEST_CASE("with MNIST it prints nearly the page's numbers: other CPUs round differently") {
  const char* mnist = std::getenv("SLUICE_DATA_DIR");
  if (mnist == nullptr) {
    return test::skip("SLUICE_DATA_DIR does not say where MNIST is");
  }
  CHECK(difference(std::filesystem::absolute(mnist), 0.03) == "");
}

#else

TEST_CASE("the page's code runs and prints what the page shows") { CHECK(difference(small_data(), 0.002) == ""); }

#endif
