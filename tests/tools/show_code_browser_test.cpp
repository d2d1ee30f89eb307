// The columns of code that `sluice show --code` adds to the page, in a real browser. Skipped without Chromium.
#include <cmath>

#include "tests/support/browser.h"
#include "tests/support/sanitized.h"
#include "tests/support/skip.h"
#include "tests/tools/run_sluice.h"

using namespace sluice;
using namespace sluice::test;

namespace {

constexpr std::string_view kLayer = R"(sluice-ir 1
graph @layer(%x: f32[B,8] loc("model.cpp":1), %w: f32[8,8] loc("model.cpp":2)) {
  %0: f32[B,8] = matmul %x, %w loc("model.cpp":3)
  %1: f32[B,8] = relu %0 loc("model.cpp":4)
  return %1
}
)";

/// The page of the layer with its code.
std::string page_with_code(const TemporaryFolder& folder, const std::string& options) {
  const auto graph = write_text(folder.path() / "layer.ir", kLayer);
  const auto file = folder.path() / "layer.html";
  const Outcome outcome = run_sluice(fmt::format("show '{}' -o '{}' {}", graph.string(), file.string(), options));
  REQUIRE(outcome.err == "");
  REQUIRE(outcome.status == 0);
  return file.string();
}

}  // namespace

TEST_CASE("the page has code only if that is asked for") {
  const TemporaryFolder folder;
  CHECK_FALSE(contains(text_of(page_with_code(folder, "")), "define void"));
  const std::string text = text_of(page_with_code(folder, "--code"));
  CHECK(contains(text, "define void @kernel_0"));
  CHECK(contains(text, "kernel_0:"));
  CHECK_FALSE(contains(text, "!dbg"));
  CHECK_FALSE(contains(text, ".loc"));
}

TEST_CASE("selecting a node shows its kernel's code and marks what comes from it") {
  if (find_chromium().empty()) return test::skip("there is no Chromium");
  const TemporaryFolder folder;
  Browser page(find_chromium(), 1600, 1000);
  page.open(page_with_code(folder, "--code"));
  const auto select = [&](std::string_view op) {
    page.value(
        fmt::format("(() => {{ const item = panes[1].nodes.find((n) => n.node.op == '{}'); "
                    "select(item, panes[1]); return true; }})()",
                    op));
  };
  const auto marked = [&](std::string_view column, std::string_view style) {
    return page
        .value(
            fmt::format("[...document.querySelectorAll('#code .text:{} span.{}')].map((s) => s.textContent).join('')",
                        column, style))
        .get<std::string>();
  };
  CHECK(page.value("document.getElementById('code').hidden") == true);
  select("relu");
  CHECK(page.value("document.getElementById('code').hidden") == false);
  CHECK(contains(marked("first-child", "node"), "fcmp"));
  CHECK_FALSE(contains(marked("first-child", "node"), "@llvm.fma"));
  CHECK(page.value("document.querySelector('#code span.node').title") == "%1 relu, model.cpp:4");
  CHECK_FALSE(marked("last-child", "kin").empty());
  select("matmul");
  CHECK_FALSE(contains(marked("first-child", "node"), "fcmp"));
  CHECK_FALSE(marked("last-child", "kin").empty());
  select("%x");  // an input has no code
  CHECK(page.value("document.getElementById('code').hidden") == true);
}

TEST_CASE("the page has what is hot only if that is measured, and everything else as without") {
  const TemporaryFolder folder;
  const std::string plain = text_of(page_with_code(folder, "--code"));
  CHECK_FALSE(contains(plain, "heat"));
  const std::string measured = text_of(page_with_code(folder, "--measure --batch 256 --seconds 0.5"));
  CHECK(contains(measured, "\"heat\":{"));
  CHECK(contains(measured, "define void @kernel_0"));
  const auto graph = write_text(folder.path() / "layer.ir", kLayer);
  const Outcome outcome = run_sluice(fmt::format("show '{}' --batch 3", graph.string()));
  CHECK(outcome.status != 0);
  CHECK(contains(outcome.err, "--batch requires --measure"));
}

TEST_CASE("hot instructions are colored, with their shares of the kernel's samples") {
#ifdef SLUICE_SANITIZED
  return test::skip("sanitizers deliver signals late");
#endif
  if (find_chromium().empty()) return test::skip("there is no Chromium");
  const TemporaryFolder folder;
  Browser page(find_chromium(), 1600, 1000);
  page.open(page_with_code(folder, "--measure --batch 4096 --seconds 1"));
  page.value("(() => { select(panes[1].nodes[0], panes[1]); return true; })()");  // an input: no code
  page.value(
      "(() => { const item = panes[1].nodes.find((n) => n.node.code); select(item, panes[1]); return true; })()");
  const auto number = [&](const std::string& expression) { return page.value(expression).get<double>(); };
  const std::string rows = "[...document.querySelectorAll('#code .text:last-child pre > span')]";
  CHECK(number(rows + ".length") == number("chosen.item.node.code.assembly.length"));
  CHECK(number(rows + ".filter((row) => row.style.backgroundImage).length") ==
        number("chosen.item.node.code.heat.lines.length"));
  // Shares are rounded to tenths, so their sum may be off by a twentieth for each.
  const double shares = number(rows + ".map((row) => Number(row.firstChild.textContent)).reduce((a, b) => a + b)");
  CHECK(std::abs(shares - 100) <= 0.05 * number("chosen.item.node.code.heat.lines.length") + 0.01);
  CHECK(number(rows + ".filter((row) => row.classList.contains('hot')).length") >= 1);
  CHECK(contains(page.value("document.querySelector('#code .text:last-child .bar').textContent").get<std::string>(),
                 " samples, 100.0% of the graph's"));
  CHECK(number("document.querySelectorAll('#code .text:first-child .share').length") == 0);
  // The hottest line is in view.
  CHECK(
      page.value("(() => { const text = document.querySelector('#code .text:last-child pre').getBoundingClientRect(); "
                 "const row = document.querySelector('#code .hot').getBoundingClientRect(); "
                 "return row.bottom > text.top && row.top < text.bottom; })()") == true);
}
