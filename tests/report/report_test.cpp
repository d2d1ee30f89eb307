// The page of a report: its data as written. Rendering in a browser: report_browser_test.cpp.
#include "sluice/report.h"

#include <nlohmann/json.hpp>

#include "sluice/error.h"
#include "sluice/report_sections.h"
#include "tests/report/report_page.h"
#include "tests/support/run_program.h"

using namespace sluice;
using namespace sluice::test;
using nlohmann::json;

namespace {

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

}  // namespace

TEST_CASE("a page contains its data, its pictures and its scripts") {
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

TEST_CASE("no text in the data is executed") {
  const std::string page = page_of_all_kinds().html();
  // One for the data, one for Chart.js and one for the page's own.
  CHECK(count(page, "</script>") == 3);
  CHECK(contains(page, "<title>Report on &quot;&lt;i>digits&lt;/i>&quot; &amp; &lt;/script>"));
  CHECK(data_of(page)["parts"][0]["sections"][0]["series"][1]["name"] ==
        "</script><script>document.title='broken'</script>\"'&<!-- \\xff");
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
  const Array filters(std::vector<float>{1, -2, 3, 0, 1, 0, 1, 0}, {2, 1, 2, 2});  // of two channels, whose means count
  const report::Section section = report::learned_filters(filters);
  CHECK(section.note == "2 filters of 2x1; gray is 0, black -2.00 and white 2.00");
  const auto& shown = std::get<report::Pictures>(section.content).items;
  REQUIRE(shown.size() == 2);
  const auto at = [&](std::size_t filter, std::size_t row) {
    const std::size_t width = 8;
    return int{shown[filter].pixels.data<std::uint8_t>()[row * width + width - 1]};
  };
  CHECK(at(0, 0) == 255);  // (1 + 3) / 2
  CHECK(at(0, 15) == 191);
  CHECK(at(1, 7) == 64);  // (-2 + 0) / 2
  CHECK(at(1, 8) == 128);
  CHECK_THROWS_WITH(report::learned_filters(Array(DType::kU8, {3, 3, 1, 4})),
                    "learned_filters: expected floats [height,width,in,out], got u8[3,3,1,4]");
  CHECK(report::sample_rows(labels, 2, 2) == std::vector<std::int64_t>{0, 1, 3, 2});
  CHECK(report::sample_rows(labels, 3, 1) == std::vector<std::int64_t>{0, 1});
  const auto bars = std::get<report::Bars>(report::class_distribution({{"test", labels}}, 2, digits).content);
  CHECK(bars.series[0].values == std::vector<double>{2, 2});
}

TEST_CASE("inconsistent sections are rejected") {
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

TEST_CASE("a page replaces an older one atomically") {
  const TemporaryFolder folder;
  const auto file = write_text(folder.path() / "page.html", "old");
  page_of_all_kinds().write(file);
  CHECK(text_of(file) == page_of_all_kinds().html());
}
