#pragma once

#include <fmt/format.h>

#include <string>
#include <string_view>

namespace sluice {

/// Returns a count with its noun, in the plural unless the count is 1: "1 kernel", "2 kernels".
template <typename Count>
std::string counted(const Count& count, std::string_view noun) {
  return fmt::format("{} {}{}", count, noun, count == 1 ? "" : "s");
}

}  // namespace sluice
