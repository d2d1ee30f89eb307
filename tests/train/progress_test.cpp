// The progress bar: the contents of its line, and its width.
#include "sluice/progress.h"

#include <doctest/doctest.h>

#include "tests/frontend/written.h"

using namespace sluice;
using detail::progress_line;

TEST_CASE("the bar grows with progress") {
  const auto line = [](std::int64_t done) { return progress_line("Epoch 0", done, 30, {}, 80, TextStyle::kPlain); };
  CHECK(line(0) == "Epoch 0 [                              ]  0/30");
  CHECK(line(1) == "Epoch 0 [>                             ]  1/30");
  CHECK(line(15) == "Epoch 0 [==============>               ] 15/30");
  CHECK(line(30) == "Epoch 0 [==============================] 30/30");
}

TEST_CASE("only the bar itself has a color") {
  CHECK(progress_line("Epoch 0", 15, 30, {"loss 0.5"}, 80, TextStyle::kColor) ==
        "Epoch 0 [\033[32m==============>\033[0m               ] 15/30  loss 0.5");
}

TEST_CASE("with less room the bar shrinks, then fields are omitted, and a line never wraps") {
  const Progress::Fields fields{"loss 0.123", "accuracy 0.967", "0:12 left"};
  const auto line = [&](std::size_t width) {
    return progress_line("Epoch 0", 5, 10, fields, width, TextStyle::kPlain);
  };
  CHECK(line(100) == "Epoch 0 [==============>               ]  5/10  loss 0.123  accuracy 0.967  0:12 left");
  CHECK(line(61) == "Epoch 0 [=>   ]  5/10  loss 0.123  accuracy 0.967  0:12 left");
  CHECK(line(60) == "Epoch 0 [======>        ]  5/10  loss 0.123  accuracy 0.967");
  CHECK(line(22) == "Epoch 0 [=>   ]  5/10");
  CHECK(line(21) == "Epoch 0  5/10");
  CHECK(line(5) == "Epoc");
  for (std::size_t width = 1; width < 120; ++width) CHECK(line(width).size() < width);
}

TEST_CASE("the remaining time") {
  CHECK(detail::time_left(0) == "0:00 left");
  CHECK(detail::time_left(6.1) == "0:07 left");
  CHECK(detail::time_left(61) == "1:01 left");
  CHECK(detail::time_left(3723) == "1:02:03 left");
}

TEST_CASE("the progress bar is for terminals only") {
  const std::string drawn = written(stderr, [] {
    Progress progress("Epoch 0", 10);
    for (int i = 0; i < 10; ++i) progress.step();
  });
  CHECK(drawn.empty());
}
