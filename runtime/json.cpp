#include "runtime/json.h"

#include <algorithm>
#include <cstddef>
#include <set>
#include <vector>

#include "ir/error.h"

namespace sluice {

nlohmann::json parse_json(std::string_view text, const std::string& name, int deepest) {
  using Event = nlohmann::json::parse_event_t;
  std::vector<std::set<std::string>> keys;  // of the objects that are open, by their depth
  const auto check = [&](int depth, Event event, nlohmann::json& parsed) {
    const bool opens = event == Event::object_start || event == Event::array_start;
    if (opens && depth >= deepest)
      fail("{}: expected at most {} lists and objects of JSON inside each other, got more", name, deepest);
    const auto level = static_cast<std::size_t>(depth);
    keys.resize(std::max(keys.size(), level + 2));
    if (event == Event::object_start) keys[level + 1].clear();
    if (event == Event::key && !keys[level].insert(parsed.get<std::string>()).second)
      fail("{}: the key {} stands twice in one object of JSON", name, shown(parsed));
    return true;
  };
  try {
    return nlohmann::json::parse(text, check);
  } catch (const nlohmann::json::exception& error) {
    const std::string_view what = error.what();
    fail("{}: cannot be read as JSON: {}", name, what.substr(what.find("] ") + 2));
  }
}

std::string shown(const nlohmann::json& value) {
  constexpr std::size_t kLongest = 80;
  std::string text = value.dump(-1, ' ', true, nlohmann::json::error_handler_t::replace);
  if (text.size() > kLongest) text = text.substr(0, kLongest) + "...";
  return text;
}

}  // namespace sluice
