#include "sluice/terminal.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cstdlib>
#include <initializer_list>

#include "tests/support/skip.h"

using namespace sluice;

TEST_CASE("a file is not a terminal: plain, with a width of COLUMNS or 80") {
  constexpr int kNoDescriptor = -1;
  CHECK_FALSE(is_terminal(kNoDescriptor));
  CHECK(style_of_terminal(kNoDescriptor) == TextStyle::kPlain);
  setenv("COLUMNS", "123", 1);
  CHECK(columns_of_terminal(kNoDescriptor) == 123);
  for (const char* const wrong : {"wide", "0", "-3", "80x"}) {
    setenv("COLUMNS", wrong, 1);
    CHECK(columns_of_terminal(kNoDescriptor) == 80);
  }
  unsetenv("COLUMNS");
}

TEST_CASE("a terminal has a width and, unless TERM or NO_COLOR forbid it, colors") {
  const int controller = posix_openpt(O_RDWR | O_NOCTTY);
  if (controller < 0 || grantpt(controller) != 0 || unlockpt(controller) != 0) {
    return test::skip("no terminal can be made here");
  }
  const int terminal = open(ptsname(controller), O_RDWR | O_NOCTTY);
  REQUIRE(terminal >= 0);
  unsetenv("NO_COLOR");
  setenv("TERM", "xterm-256color", 1);
  CHECK(style_of_terminal(terminal) == TextStyle::kColor);
  setenv("NO_COLOR", "1", 1);
  CHECK(style_of_terminal(terminal) == TextStyle::kPlain);
  CHECK(is_terminal(terminal));
  unsetenv("NO_COLOR");
  setenv("TERM", "dumb", 1);
  CHECK(style_of_terminal(terminal) == TextStyle::kPlain);
  CHECK_FALSE(is_terminal(terminal));

  unsetenv("COLUMNS");
  winsize size{};
  size.ws_col = 47;
  REQUIRE(ioctl(terminal, TIOCSWINSZ, &size) == 0);
  CHECK(columns_of_terminal(terminal) == 47);
  close(terminal);
  close(controller);
}
