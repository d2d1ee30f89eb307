#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace sluice {

/// Returns the JSON value in `text`, which is untrusted. Throws Error, starting with `name`, for anything but JSON in
/// UTF-8, for a duplicate key in an object, and for more than `deepest` nested lists and objects.
nlohmann::json parse_json(std::string_view text, const std::string& name, int deepest);

/// Returns `data` for a script element of a page: in ASCII and without '<', so that nothing in it can end the script,
/// and with every text printable(), whoever wrote it. Keys are Sluice's own.
std::string script_text(nlohmann::json data);

/// Returns a value for an error message: as JSON in ASCII, truncated if it is long.
std::string shown(const nlohmann::json& value);

}  // namespace sluice
