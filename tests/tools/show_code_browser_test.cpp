// The columns of code that `sluice show --code` adds to the page, in a real browser. Skipped without Chromium.
#include "tests/support/browser.h"
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
