#pragma once

#include <nlohmann/json.hpp>
#include <span>
#include <string>

#include "sluice/history.h"

namespace sluice::detail {

/// A number that reads back to the same bits, but for the payload of NaN; a string where JSON has no number for it.
nlohmann::ordered_json to_json(double value);
/// {"epoch", "training", "validation" (if there was one), "learning_rate", "seconds", "examples_per_second"}; the
/// values of training and validation by `names`, which has one for each.
nlohmann::ordered_json to_json(const EpochRecord& record, std::span<const std::string> names);

/// The reverse. Throws nlohmann::json::exception for what to_json does not write.
double number_from_json(const nlohmann::json& value);
/// The reverse for these names, in their order. Throws nlohmann::json::exception for what to_json does not write of
/// them.
EpochRecord record_from_json(const nlohmann::json& value, std::span<const std::string> names);

}  // namespace sluice::detail
