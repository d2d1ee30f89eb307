// The page of a report: its data as written, and, where there is a Chromium, what a browser makes of it.
#include "runtime/report.h"

#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>

#include "ir/error.h"
#include "runtime/report_sections.h"
#include "tests/support/run_program.h"

using namespace sluice;
using namespace sluice::test;
using nlohmann::json;

namespace {

constexpr char kNasty[] = "</script><script>document.title='broken'</script>\"'&<!-- \xFF";

Array picture() { return {std::vector<std::uint8_t>{0, 255, 128, 64}, {2, 2}}; }

/// A page with a section of each kind, and names that would break out if they could.
report::Page page_of_all_kinds() {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  report::Page page(std::string("Report on \"<i>digits</i>\" & ") + kNasty, "a subtitle");
  page.add({"test accuracy", "0.979", "of 10,000"});
  page.begin_part("Training");
  page.add(
      {"Loss", "by epoch",
       report::Lines{"epoch", "loss", {0, 1, 2}, {{"training", {0.5, 0.25, 0.125}}, {kNasty, {0.5, nan, 0.375}}}}});
  page.add({"Accuracy", "", report::Dots{"accuracy", {"Digit 5", "Digit 1"}, {0.9375, 0.984375}, {"(a)", "(b)"}}});
  page.begin_part("Data");
  page.add({"Distribution", "", report::Bars{"examples", {"0", "1"}, {{"training", {4932, 5678}}}}, true});
  page.add({"Samples", "", report::Pictures{{{picture(), "seven", "is 1"}, {picture(), kNasty, ""}}}});
  page.add({"Confusion", "", report::HeatMap{"true", "predicted", {"cat", "dog"}, {12, 3, 0, 1024}}});
  page.add({"Kernels", "", report::Table{{{"name"}, {"share"}}, {{{"matmul_0", "two ops"}, {"75%", "", 0.75}}}, true}});
  page.add({"Machine", "", report::Facts{{{"CPU", "a <fast> one"}}}});
  return page;
}

json data_of(const std::string& page) {
  const std::string start = "<script id=\"data\" type=\"application/json\">";
  const std::size_t begin = page.find(start) + start.size();
  return json::parse(page.substr(begin, page.find("</script>", begin) - begin));
}

std::size_t count(std::string_view text, std::string_view part) {
  std::size_t found = 0;
  for (std::size_t at = text.find(part); at != text.npos; at = text.find(part, at + 1)) ++found;
  return found;
}

/// What a browser has made of `page` after its scripts ran; empty if there is none here.
std::string dom_of(const std::string& page) {
  const Outcome which = run_program("/bin/sh", "-c 'command -v chromium || command -v google-chrome'");
  if (which.status != 0) return "";
  const TemporaryFolder folder;
  const auto file = write_text(folder.path() / "page.html", page);
  const std::string browser = which.out.substr(0, which.out.find('\n'));
  const Outcome shown = run_program(
      browser, fmt::format("--headless --no-sandbox --disable-gpu --user-data-dir='{}' --virtual-time-budget=5000 "
                           "--dump-dom 'file://{}'",
                           (folder.path() / "profile").string(), file.string()));
  REQUIRE(shown.status == 0);
  return shown.out;
}

}  // namespace

TEST_CASE("a page holds its data, its pictures and its scripts") {
  const std::string page = page_of_all_kinds().html();
  const json data = data_of(page);
  CHECK(data["figures"][0]["value"] == "0.979");
  CHECK(data["parts"][0]["title"] == "Training");
  const json& lines = data["parts"][0]["sections"][0];
  CHECK(lines["kind"] == "lines");
  CHECK(lines["series"][0]["values"] == json{0.5, 0.25, 0.125});
  CHECK(lines["series"][1]["values"][1] == nullptr);
  const json& pictures = data["parts"][1]["sections"][1];
  CHECK(pictures["items"][0]["png"].get<std::string>().starts_with("data:image/png;base64,"));
  CHECK(contains(page, "Chart.js v"));
  for (const char* outside : {"src=\"", "href=\"http", "@import", "url(http"}) CHECK_FALSE(contains(page, outside));
  CHECK(contains(page, "default-src 'none'"));
}

TEST_CASE("no text of the data is run") {
  const std::string page = page_of_all_kinds().html();
  // One for the data, one for Chart.js and one for the page's own.
  CHECK(count(page, "</script>") == 3);
  CHECK(contains(page, "<title>Report on &quot;&lt;i>digits&lt;/i>&quot; &amp; &lt;/script>"));
  CHECK(data_of(page)["parts"][0]["sections"][0]["series"][1]["name"] ==
        "</script><script>document.title='broken'</script>\"'&<!-- \xEF\xBF\xBD");
}

TEST_CASE("a browser shows what is in a page") {
  const std::string dom = dom_of(page_of_all_kinds().html());
  if (dom.empty()) {
    MESSAGE("skipped: there is no Chromium");
    return;
  }
  CHECK(contains(dom, "data-ready=\"yes\""));  // all scripts came to their end
  CHECK_FALSE(contains(dom, "<title>broken</title>"));
  CHECK(contains(dom, "<div class=\"value\">0.979</div>"));
  CHECK(contains(dom, "<h2 id=\"part-1\">Data</h2>"));
  // Three charts were drawn, with two series, one and one; their values stand inside of them for those who cannot see.
  CHECK(count(dom, "<canvas") == 3);
  CHECK(count(dom, "data-drawn=\"2\"") == 1);
  CHECK(count(dom, "data-drawn=\"1\"") == 2);
  CHECK(contains(dom, "<tr><th>2</th><td>0.125</td><td>0.375</td></tr>"));
  CHECK(contains(dom, "<tr><th>1</th><td>5,678</td></tr>"));
  CHECK(count(dom, "<img alt=\"seven\" src=\"data:image/png;base64,") +
            count(dom, "<img src=\"data:image/png;base64,") ==
        2);
  CHECK(contains(dom, "title=\"cat taken for dog: 3 of 15\""));
  CHECK(contains(dom, ">1,024</td>"));
  CHECK(contains(dom, "matmul_0<div class=\"detail\">two ops</div>"));
  CHECK(contains(dom, "<dt>CPU</dt><dd>a &lt;fast&gt; one</dd>"));
}

TEST_CASE("sections of a classifier's report") {
  const ClassNames digits{"Digit", {}};
  const Array labels(std::vector<std::uint8_t>{0, 1, 1, 0}, {4});
  const ClassificationReport report = classification_report(
      labels, Array(std::vector<float>{0.75F, 0.25F, 0.875F, 0.125F, 0.25F, 0.75F, 0.5F, 0.5F}, {4, 2}));
  const auto dots = std::get<report::Dots>(report::accuracy_by_class(report, digits).content);
  CHECK(dots.names == std::vector<std::string>{"Digit 1", "Digit 0"});
  CHECK(dots.values == std::vector<double>{0.5, 1});
  CHECK(report::confusion_matrix(report, digits).note == "1 of 4 examples were taken for another class");
  const Array images(DType::kU8, {4, 2, 2});
  const auto mistakes = std::get<report::Pictures>(report::worst_mistakes(report, images, 5, digits).content);
  REQUIRE(mistakes.items.size() == 1);
  CHECK(mistakes.items[0].caption == "taken for 0");
  CHECK(mistakes.items[0].detail == "is 1 · 87.5%");
  CHECK(report::sample_rows(labels, 2, 2) == std::vector<std::int64_t>{0, 1, 3, 2});
  CHECK(report::sample_rows(labels, 3, 1) == std::vector<std::int64_t>{0, 1});
  const auto bars = std::get<report::Bars>(report::class_distribution({{"test", labels}}, 2, digits).content);
  CHECK(bars.series[0].values == std::vector<double>{2, 2});
}

TEST_CASE("what does not fit together is refused") {
  report::Page page("page");
  CHECK_THROWS_WITH(page.add({"Loss", "", report::Lines{"", "", {0, 1}, {{"training", {1}}}}}),
                    "report: section 'Loss': expected 2 values in series 'training', got 1");
  CHECK_THROWS_WITH(page.add({"Heat", "", report::HeatMap{"", "", {"a", "b"}, {1, 2, 3}}}),
                    "report: section 'Heat': expected 4 counts, got 3");
  CHECK_THROWS_WITH(page.add({"Table", "", report::Table{{{"a"}}, {{{"1"}, {"2"}}}}}),
                    "report: section 'Table': expected 1 cells in each row, got 2");
  CHECK_THROWS_WITH(page.add({"Picture", "", report::Pictures{{{Array(DType::kF32, {2, 2}), "", ""}}}}),
                    "report: section 'Picture': expected pictures u8[height,width], got f32[2,2]");
  CHECK_THROWS_AS(page.write("/nonexistent/page.html"), Error);
}

TEST_CASE("a page is written whole over an older one") {
  const TemporaryFolder folder;
  const auto file = write_text(folder.path() / "page.html", "old");
  page_of_all_kinds().write(file);
  CHECK(text_of(file) == page_of_all_kinds().html());
}
