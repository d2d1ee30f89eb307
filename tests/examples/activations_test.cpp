// The plots of relu and softmax, as a user makes them.
#include <doctest/doctest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "tests/support/run_program.h"

using namespace sluice;
using namespace sluice::test;
using nlohmann::json;

TEST_CASE("activations plots relu and softmax in text and as a page") {
  const TemporaryFolder folder;
  const auto file = folder.path() / "activations.html";
  const Outcome outcome = run_program(SLUICE_PROGRAM, fmt::format("'{}'", file.string()), "COLUMNS=60");
  CHECK(outcome.status == 0);
  CHECK(outcome.err.empty());
  CHECK(contains(outcome.out, "ReLU activation function\n   * ReLU(x)   o its slope\n2 |"));
  CHECK(contains(outcome.out, "\nSoftmax activation function\n"));

  const std::string page = text_of(file);
  const std::string start = "<script id=\"data\" type=\"application/json\">";
  const std::size_t begin = page.find(start) + start.size();
  const json sections = json::parse(page.substr(begin, page.find("</script>", begin) - begin))["parts"][0]["sections"];
  REQUIRE(sections.size() == 2);
  const auto values = [&](std::size_t section, std::size_t series) {
    return sections[section]["series"][series]["values"].get<std::vector<double>>();
  };
  const auto x = sections[0]["x"].get<std::vector<double>>();
  REQUIRE(x.size() == 201);
  CHECK(x.front() == -2);
  CHECK(x.back() == 2);
  double sum = 0;
  for (const double y : values(1, 0)) sum += y;
  CHECK(sum == doctest::Approx(1));
  CHECK(values(1, 0)[200] / values(1, 0)[0] == doctest::Approx(std::exp(8)).epsilon(1e-4));
  for (std::size_t i = 0; i < x.size(); ++i) {
    CHECK(values(0, 0)[i] == std::max(x[i], 0.0));
    CHECK(values(0, 1)[i] == (x[i] > 0 ? 1 : 0));
  }
}

TEST_CASE("activations takes at most one file, and reports if it cannot write it") {
  CHECK(contains(run_program(SLUICE_PROGRAM, "--help").err, "usage: activations"));
  const Outcome outcome = run_program(SLUICE_PROGRAM, "/no/such/folder/page.html");
  CHECK(outcome.status != 0);
  CHECK(contains(outcome.err, "activations: /no/such/folder/page.html: cannot be written"));
}
