#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace sluice {

/// The JSON value in `text`, which may come from anybody. Throws Error, beginning with `name`, for what is no JSON in
/// UTF-8, for a key that an object has twice, and for more than `deepest` lists and objects inside each other.
nlohmann::json parse_json(std::string_view text, const std::string& name, int deepest);

/// Returns `data` for a script element of a page: in ASCII and without '<', so that nothing in it ends the script, and
/// with every text printable(), whoever wrote it. Keys are our own.
std::string script_text(nlohmann::json data);

/// A value for an error message: as JSON in ASCII, cut where it is long.
std::string shown(const nlohmann::json& value);

}  // namespace sluice
