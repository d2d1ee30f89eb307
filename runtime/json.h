#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace sluice {

/// The JSON value in `text`, which may come from anybody. Throws Error, beginning with `name`, for what is no JSON in
/// UTF-8, for a key that an object has twice, and for more than `deepest` lists and objects inside each other.
nlohmann::json parse_json(std::string_view text, const std::string& name, int deepest);

/// A value for an error message: as JSON in ASCII, cut where it is long.
std::string shown(const nlohmann::json& value);

}  // namespace sluice
