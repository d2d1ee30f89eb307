#pragma once

#include <nlohmann/json.hpp>
#include <span>
#include <string>

#include "sluice/history.h"

namespace sluice::detail {

/// Returns a number that reads back to the same bits, except for a NaN's payload; a string if JSON has no number for
/// it.
nlohmann::ordered_json to_json(double value);
/// Returns {"epoch", "training", "validation" (if there was one), "learning_rate", "seconds", "examples_per_second"};
/// `names` has one name for each value of training and validation.
nlohmann::ordered_json to_json(const EpochRecord& record, std::span<const std::string> names);

/// The inverse. Throws nlohmann::json::exception for anything that to_json does not write.
double number_from_json(const nlohmann::json& value);
/// The inverse for these names, in order. Throws nlohmann::json::exception for anything that to_json does not write.
EpochRecord record_from_json(const nlohmann::json& value, std::span<const std::string> names);

}  // namespace sluice::detail
