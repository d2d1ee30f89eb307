// The report of mnist_trainer in a real browser. Skipped where there is no Chromium.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <regex>

#include "tests/examples/run_example.h"
#include "tests/support/browser.h"
#include "tests/support/skip.h"

using namespace sluice;
using namespace sluice::test;
using nlohmann::json;

namespace {

using Texts = std::vector<std::string>;

/// The report of two epochs, opened once.
Browser& page() {
  static const TemporaryFolder folder;
  static Browser browser(find_chromium(), 1200, 1000);
  static const bool is_open = [] {
    const auto file = folder.path() / "report.html";
    const bool written = train(fmt::format("--epochs 2 --quiet --report '{}'", file.string())).status == 0;
    if (written) browser.open(file);
    return written;
  }();
  REQUIRE(is_open);
  return browser;
}

Texts texts(const std::string& selector) {
  return page().value(fmt::format("[...document.querySelectorAll('{}')].map((e) => e.innerText)", selector));
}

/// Returns the numbers of each series of chart `number`.
std::vector<std::vector<double>> values_of(int number) {
  return page().value(fmt::format("charts[{}].chart.data.datasets.map((d) => d.data.map((v) => v.y ?? v))", number));
}

bool matches(const std::string& text, const char* pattern) { return std::regex_match(text, std::regex(pattern)); }

}  // namespace

TEST_CASE("the report of a training run in a browser") {
  if (find_chromium().empty()) return test::skip("there is no Chromium");
  CHECK(texts("h2") == Texts{"Training", "Results on the test images", "Data", "Model", "Speed"});
  const Texts figures = texts(".figure .value");
  REQUIRE(figures.size() == 4);
  CHECK(matches(figures[0], "0\\.[0-9]{3}"));  // test accuracy
  CHECK(figures[1] == "2");
  CHECK(figures[3] == "905,010");

  // Loss, accuracy, accuracy by digit, distribution.
  REQUIRE(page().value("charts.length") == 4);
  const auto loss = values_of(0);
  REQUIRE(loss.size() == 2);  // training and validation
  CHECK(loss[0].size() == 2);
  CHECK(loss[0][1] < loss[0][0]);
  CHECK(values_of(1)[0][1] > values_of(1)[0][0]);
  const auto by_digit = values_of(2);
  REQUIRE(by_digit[0].size() == 10);
  CHECK(std::ranges::is_sorted(by_digit[0]));
  const auto distribution = values_of(3);
  REQUIRE(distribution.size() == 3);
  CHECK(std::accumulate(distribution[0].begin(), distribution[0].end(), 0.0) == 720);
  CHECK(std::accumulate(distribution[1].begin(), distribution[1].end(), 0.0) == 10000);
  CHECK(std::accumulate(distribution[2].begin(), distribution[2].end(), 0.0) == 100);

  // The confusion matrix as a heat map with numbers: correct and wrong predictions have different colors, and empty
  // cells none.
  const Texts counts = texts(".heat td");
  REQUIRE(counts.size() == 100);
  const Texts colors = page().value(
      "[...document.querySelectorAll('.heat td')].map((c) => "
      "getComputedStyle(c).backgroundColor.match(/[0-9.]+/g).slice(0, 3).join())");
  int right = 0;
  int wrong = 0;
  for (std::size_t i = 0; i < counts.size(); ++i) {
    if (counts[i] == "·") {
      CHECK(colors[i] == "0,0,0");
      continue;
    }
    const bool diagonal = i % 11 == 0;
    (diagonal ? right : wrong) += std::stoi(counts[i]);
    CHECK((colors[i] == colors[0]) == diagonal);
  }
  CHECK(right + wrong == 100);
  CHECK(right == std::lround(100 * std::stod(figures[0])));

  // Samples with labels, and the worst mistakes; all pictures are there.
  const Texts captions = texts("figcaption");
  CHECK(std::ranges::count_if(captions, [](const std::string& c) { return matches(c, "[0-9]"); }) >= 10);
  CHECK(std::ranges::count_if(captions, [](const std::string& c) { return c.starts_with("taken for "); }) ==
        std::min(wrong, 22));
  CHECK(page().value("[...document.images].every((i) => i.complete && i.naturalWidth == 28)") == true);

  // Layers with parameters and FLOPs; kernels with times and shares of the peak; the machine.
  const Texts cells = texts("td");
  const auto has = [&](const char* pattern) {
    return std::ranges::any_of(cells, [&](const std::string& cell) { return matches(cell, pattern); });
  };
  const Texts heads = texts("th");
  for (const char* head : {"layer", "parameters", "FLOP an example", "kernel", "time", "share of peak"})
    CHECK(std::ranges::find(heads, head) != heads.end());
  CHECK(has("549,500"));                     // of the first layer: 784 * 700 + 700
  CHECK(has("matmul_add_relu_[0-9]+[^]*"));  // a kernel, with its lines
  CHECK(has("[0-9.]+ (ns|us|µs|ms)"));       // its time
  CHECK(has("[0-9]+%"));                     // its share of the peak
  const Texts machine = texts("dt");
  CHECK(std::ranges::find(machine, "peak of multiply-adds") != machine.end());
}

TEST_CASE("hovering over the curves of a report shows their values") {
  if (find_chromium().empty()) return test::skip("there is no Chromium");
  const auto place = page().value(
      "(() => { const e = document.querySelector('canvas'); e.scrollIntoView({block: 'center'}); const r = "
      "e.getBoundingClientRect(); return [r.x + r.width * 0.15, r.y + r.height * 0.5]; })()");
  page().hover(place[0], place[1]);
  const Texts shown = page().value(
      "new Promise((resolve) => setTimeout(() => { const t = charts[0].chart.tooltip; resolve(t.opacity > 0 ? "
      "[...t.title, ...t.body.map((b) => b.lines[0].trim())] : []); }, 300))");
  REQUIRE(shown.size() == 3);
  CHECK(shown[0] == "epoch 0");
  CHECK(matches(shown[1], "training: [0-9.]+"));
  CHECK(matches(shown[2], "validation: [0-9.]+"));
}
