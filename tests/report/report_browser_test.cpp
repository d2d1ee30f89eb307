// A report in a real browser, viewed and hovered over. Skipped without Chromium.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include "tests/report/report_page.h"
#include "tests/support/browser.h"
#include "tests/support/skip.h"

using namespace sluice;
using namespace sluice::test;

namespace {

/// The page with a section of each kind, opened once.
Browser& page() {
  static const TemporaryFolder folder;
  static Browser browser(find_chromium(), 1200, 1000);
  static const bool is_open = [] {
    page_of_all_kinds().write(folder.path() / "report.html");
    browser.open(folder.path() / "report.html");
    return true;
  }();
  CHECK(is_open);
  return browser;
}

/// Returns the text of each element that matches `selector`.
std::vector<std::string> texts(const std::string& selector) {
  return page().value(fmt::format("[...document.querySelectorAll('{}')].map((e) => e.innerText)", selector));
}

using Texts = std::vector<std::string>;

/// Hovers over a part of an element, and returns the text of the first chart's tooltip.
Texts tooltip_at(const std::string& selector, double across, double down) {
  const auto place = page().value(
      fmt::format("(() => {{ const e = document.querySelector('{}'); e.scrollIntoView({{block: 'center'}}); const r = "
                  "e.getBoundingClientRect(); return [r.x + r.width * {}, r.y + r.height * {}]; }})()",
                  selector, across, down));
  page().hover(place[0], place[1]);
  // Charts handle events once per frame.
  return page().value(
      "new Promise((resolve) => setTimeout(() => { const shown = charts.map(({chart}) => "
      "chart.tooltip).filter((tooltip) "
      "=> tooltip.opacity > 0); resolve(shown.length ? [...shown[0].title, ...shown[0].body.map((b) => "
      "b.lines[0].trim())] : []); }, 300))");
}

}  // namespace

TEST_CASE("a report has all parts") {
  if (find_chromium().empty()) return test::skip("there is no Chromium");
  CHECK(texts("h2") == Texts{"Training", "Data"});
  CHECK(texts("h3") == Texts{"Loss", "Accuracy", "Distribution", "Samples", "Confusion", "Kernels", "Machine"});
  CHECK(texts(".figure .value") == Texts{"0.979"});
  CHECK(texts(".heat td") == Texts{"12", "3", "·", "1,024"});
  CHECK(page().value("document.querySelectorAll('.heat td')[1].title") == "cat taken for dog: 3 of 15");
  CHECK(texts("figcaption .caption")[0] == "seven");
  CHECK(texts(".list td") == Texts{"matmul_0\ntwo ops", "75%"});
  CHECK(texts("dd") == Texts{"a <fast> one"});
  CHECK(page().value("charts.map(({chart}) => chart.data.datasets.length)") == std::vector<int>{2, 1, 1});
  CHECK(page().value("[...document.images].map((i) => i.naturalWidth)") == std::vector<int>{2, 2});
}

TEST_CASE("names are displayed, not executed") {
  if (find_chromium().empty()) return test::skip("there is no Chromium");
  const std::string title = page().value("document.title");
  CHECK(title.starts_with("Report on \"<i>digits</i>\" & </script><script>document.title='broken'</script>"));
  CHECK(page().value("document.getElementById('title').innerText") == title);
  CHECK(page().value("document.querySelector('i') === document.querySelector('.share i')"));
  CHECK(page().value("charts[0].chart.data.datasets[1].label").get<std::string>().starts_with("</script>"));
}

TEST_CASE("hovering over a chart shows its values") {
  if (find_chromium().empty()) return test::skip("there is no Chromium");
  const Texts first = tooltip_at("canvas", 0.15, 0.5);
  REQUIRE(first.size() == 3);
  CHECK(first[0] == "epoch 0");
  CHECK(first[1] == "training: 0.5");
  const Texts middle = tooltip_at("canvas", 0.55, 0.5);
  CHECK(middle == Texts{"epoch 1", "training: 0.25"});  // where the other series has a gap
  CHECK(tooltip_at("h1", 0.1, 0.5).empty());
}

TEST_CASE("screen readers can read the values of charts") {
  if (find_chromium().empty()) return test::skip("there is no Chromium");
  const auto rows = page().value(
      "[...document.querySelector('canvas').querySelectorAll('tr')].map((r) => "
      "[...r.children].map((c) => c.textContent))");
  CHECK(rows[2][0] == "1");
  CHECK(rows[2][1] == "0.25");
  CHECK(rows[2][2] == "");
}

TEST_CASE("a report follows the system's colors, and requests nothing from outside") {
  if (find_chromium().empty()) return test::skip("there is no Chromium");
  const auto colors = [] {
    return page().value(
        "new Promise((resolve) => setTimeout(() => resolve([getComputedStyle(document.body).backgroundColor, "
        "charts[0].chart.data.datasets[0].borderColor, charts[0].chart.options.scales.x.ticks.color]), 100))");
  };
  page().prefer("light");
  const auto light = colors();
  page().prefer("dark");
  const auto dark = colors();
  for (std::size_t i = 0; i < light.size(); ++i) CHECK(light[i] != dark[i]);
  CHECK(page().value("performance.getEntriesByType('resource').filter((r) => !r.name.startsWith('data:')).length") ==
        0);
  CHECK(page().value("document.documentElement.scrollWidth <= innerWidth"));
}
