#include "ir/philox.h"

#include <doctest/doctest.h>

namespace sluice {
namespace {

using Counter = std::array<std::uint32_t, 4>;

// The known-answer vectors published with Random123 for philox4x32-10.
TEST_CASE("philox returns the published known answers") {
  CHECK(philox4x32_10({0, 0, 0, 0}, {0, 0}) == Counter{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8});
  CHECK(philox4x32_10({0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff}, {0xffffffff, 0xffffffff}) ==
        Counter{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd});
  CHECK(philox4x32_10({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}) ==
        Counter{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1});
}

TEST_CASE("philox is constexpr") {
  constexpr Counter kWords = philox4x32_10({0, 0, 0, 0}, {0, 0});
  static_assert(kWords[0] == 0x6627e8d5 && kWords[3] == 0x9b00dbd8);
  CHECK(kWords[1] == 0xe169c58d);
}

}  // namespace
}  // namespace sluice
