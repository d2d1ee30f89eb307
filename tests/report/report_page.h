#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "sluice/report.h"

namespace sluice::test {

inline constexpr char kNasty[] = "</script><script>document.title='broken'</script>\"'&<!-- \xFF";

/// A picture of 2 by 2.
inline Array picture() { return {std::vector<std::uint8_t>{0, 255, 128, 64}, {2, 2}}; }

/// A page with a section of each kind, and names that would escape if they could.
inline report::Page page_of_all_kinds() {
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

}  // namespace sluice::test
