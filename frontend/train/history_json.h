#pragma once

#include <nlohmann/json.hpp>
#include <span>
#include <string>

#include "frontend/train/history.h"

namespace sluice::detail {

/// A number that reads back to the same bits, but for the payload of NaN; a string where JSON has no number for it.
nlohmann::ordered_json to_json(double value);
nlohmann::ordered_json to_json(const EpochRecord& record, std::span<const std::string> names);

/// The reverse. They throw nlohmann::json::exception for what was not written by to_json.
double number_from_json(const nlohmann::json& value);
EpochRecord record_from_json(const nlohmann::json& value, std::span<const std::string> names);

}  // namespace sluice::detail
