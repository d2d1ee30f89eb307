#pragma once

#include <fmt/format.h>

#include <string>
#include <string_view>

namespace sluice {

/// A count with its noun, which takes an s where there is not just one: "1 kernel", "2 kernels".
template <typename Count>
std::string counted(const Count& count, std::string_view noun) {
  return fmt::format("{} {}{}", count, noun, count == 1 ? "" : "s");
}

}  // namespace sluice
