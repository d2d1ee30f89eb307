#pragma once

namespace sluice::test {

/// Records that something cannot be tested here, and why: `if (!is_there()) return test::skip("there is no
/// Chromium");`. If nothing fails, ctest reports the program as skipped, not as passed.
void skip(const char* reason);

}  // namespace sluice::test
