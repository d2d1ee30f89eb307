#pragma once

#include <cstdint>
#include <string_view>

#include "sluice/type.h"

namespace sluice::detail {

/// `axis` counted from the first; a negative one counts from the last. Throws Error, naming `op` and `type`, if there
/// is no such axis.
int normalize_axis(std::string_view op, std::int64_t axis, const Type& type);

}  // namespace sluice::detail
