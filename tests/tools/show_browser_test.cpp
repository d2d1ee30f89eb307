// The page of `sluice show` for the guide's training step, in a real browser, by mouse and keyboard. Skipped without
// Chromium.
#include <chrono>
#include <cmath>
#include <thread>

#include "tests/support/browser.h"
#include "tests/support/skip.h"
#include "tests/tools/run_sluice.h"

using namespace sluice;
using namespace sluice::test;

namespace {

struct Place {
  double x = 0;
  double y = 0;
};

/// The page of the training step, opened once.
Browser& page() {
  static const TemporaryFolder folder;
  static Browser browser(find_chromium(), 1600, 1000);
  static const bool is_open = [] {
    const auto file = folder.path() / "step.html";
    REQUIRE(run_sluice(fmt::format("show '{}' -o '{}'", training_step().string(), file.string())).status == 0);
    browser.open(file);
    return true;
  }();
  CHECK(is_open);
  return browser;
}

/// Returns a point of an element, given as JavaScript, near its top left corner.
Place corner_of(const std::string& element) {
  const auto place =
      page().value(fmt::format("(() => {{ const r = ({}).getBoundingClientRect(); return [r.x + 4, "
                               "r.y + 4]; }})()",
                               element));
  return {place[0], place[1]};
}

void click_on(const std::string& element) {
  const Place place = corner_of(element);
  page().click(place.x, place.y);
}

std::string details() { return page().value("details.innerText"); }
double count(const std::string& selector) {
  return page().value(fmt::format("document.querySelectorAll('{}').length", selector));
}
double view(int pane, const char* part) { return page().value(fmt::format("panes[{}].view.{}", pane, part)); }

/// Returns the first box of a kind in a pane, scrolled into view.
std::string box(int pane, const char* kind) {
  page().value(fmt::format("showNode(panes[{0}], panes[{0}].nodes.find((n) => n.node.kind == '{1}'))", pane, kind));
  return fmt::format("panes[{}].nodes.find((n) => n.node.kind == '{}').rect", pane, kind);
}

void find(const std::string& words) {
  page().value("document.getElementById('search').value = ''; true");
  click_on("document.getElementById('search')");
  page().type(words);
}

std::string found() { return page().value("document.getElementById('found').textContent"); }

}  // namespace

TEST_CASE("the page opens with the last two stages, drawn") {
  if (find_chromium().empty()) return test::skip("there is no Chromium");
  CHECK(page().value("panes[0].stage.name") == "cse");
  CHECK(page().value("panes[1].stage.name") == "fuse");
  CHECK(count("rect.fused") > 10);
  CHECK(count("path.link") > 100);
  CHECK(page().value("document.title") == "@train_step: Sluice graph");
}

TEST_CASE("a click on a box shows its text and lines, and highlights related boxes in both graphs") {
  if (find_chromium().empty()) return test::skip("there is no Chromium");
  click_on(box(1, "matmul"));
  CHECK(contains(details(), " = matmul %"));
  CHECK(contains(details(), "examples/mnist_mlp.cpp:"));
  CHECK(count("rect.on") == 1);
  CHECK(page().value("panes.every((pane) => pane.nodes.some((n) => n.rect.classList.contains('kin')))") == true);
  // One of them is in view in the other pane as well.
  CHECK(page().value("panes[0].nodes.some((n) => n.rect.classList.contains('kin') && isInView(panes[0], n))") == true);
  click_on(box(1, "fused"));
  CHECK(contains(details(), "= fused "));
}

TEST_CASE("links in the details lead from node to node") {
  if (find_chromium().empty()) return test::skip("there is no Chromium");
  click_on(box(1, "matmul"));
  const std::string before = details();
  click_on("details.querySelector('a')");
  CHECK(details() != before);
  CHECK(contains(details(), "reads "));
  CHECK(page().value("isInView(chosen.pane, chosen.item)") == true);
}

TEST_CASE("dragging moves the graph and selects nothing") {
  if (find_chromium().empty()) return test::skip("there is no Chromium");
  const std::string before = details();
  const Place place = corner_of(box(1, "fused"));
  const double x = view(1, "x");
  const double y = view(1, "y");
  const double scale = view(1, "width") / page().value("panes[1].svg.getBoundingClientRect().width").get<double>();
  page().press(place.x, place.y);
  for (int i = 1; i <= 10; ++i) page().move(place.x - 5 * i, place.y + 10 * i);
  page().release(place.x - 50, place.y + 100);
  CHECK(view(1, "x") == doctest::Approx(x + 50 * scale));
  CHECK(view(1, "y") == doctest::Approx(y - 100 * scale));
  CHECK(details() == before);
  page().move(place.x + 100, place.y);  // the button is released
  CHECK(view(1, "x") == doctest::Approx(x + 50 * scale));
}

TEST_CASE("the wheel zooms about the pointer") {
  if (find_chromium().empty()) return test::skip("there is no Chromium");
  const Place place = corner_of(box(1, "fused"));
  const double width = view(1, "width");
  const std::string under =
      fmt::format("new DOMPoint({}, {}).matrixTransform(panes[1].svg.getScreenCTM().inverse()).x", place.x, place.y);
  const double x = page().value(under);
  page().scroll(place.x, place.y, -300);
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (view(1, "width") == width && std::chrono::steady_clock::now() < end)
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  CHECK(view(1, "width") == doctest::Approx(width * std::exp(-0.45)));
  CHECK(page().value(under).get<double>() == doctest::Approx(x).epsilon(1e-3));
  page().value("showWidth(panes[1])");
}

TEST_CASE("search counts matches and dims the rest, and Enter moves through the matches") {
  if (find_chromium().empty()) return test::skip("there is no Chromium");
  find("argmax");
  CHECK(found() == "3 found");  // one before the passes; after them, a node and the kernel that contains it
  CHECK(count("g.dim") > 100);
  page().press_enter();
  CHECK(page().value("chosen.pane == panes[0]") == true);
  page().press_enter();
  CHECK(page().value("chosen.pane == panes[1]") == true);
  page().press_enter();
  CHECK(page().value("chosen.pane == panes[1]") == true);
  CHECK(contains(details(), "= argmax "));
  find("no such node");
  CHECK(found() == "0 found");
  const int line = page().value(
      "Number([...keysOf(panes[1].nodes.find((n) => n.node.kind == 'matmul').node)][0]"
      ".split(':').at(-1))");
  find(fmt::format("mnist_mlp.cpp:{}", line));
  CHECK(found() != "0 found");
  find(" ");
  CHECK(count("g.dim") == 0);
}

TEST_CASE("selecting a stage draws it; buttons fit its width or all of it") {
  if (find_chromium().empty()) return test::skip("there is no Chromium");
  page().value("panes[0].select.value = 0; panes[0].select.dispatchEvent(new Event('change'))");
  CHECK(page().value("panes[0].stage.name") == "traced");
  CHECK(page().value("panes[0].nodes.some((n) => n.rect.closest('svg') == null)") == false);
  click_on("panes[0].bar.querySelectorAll('button')[1]");
  CHECK(view(0, "height") == doctest::Approx(page().value("panes[0].stage.graph.height").get<double>() + 40));
  click_on("panes[0].bar.querySelectorAll('button')[0]");
  CHECK(view(0, "y") == -20);
}
