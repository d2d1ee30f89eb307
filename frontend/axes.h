#pragma once

#include <cstdint>
#include <string_view>

#include "sluice/type.h"

namespace sluice::detail {

/// Returns `axis` counted from the first; a negative one counts from the end. Throws Error, naming `op` and `type`, if
/// it is out of range.
int normalize_axis(std::string_view op, std::int64_t axis, const Type& type);

}  // namespace sluice::detail
