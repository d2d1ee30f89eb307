#include "runtime/io/json.h"

#include <cstdint>
#include <set>
#include <vector>

#include "sluice/error.h"
#include "sluice/printable.h"

namespace sluice {

namespace {

/// Checks what a parsed value no longer shows, before it is built: nlohmann's own callback takes time quadratic in the
/// number of objects in a list.
class JsonCheck : public nlohmann::json_sax<nlohmann::json> {
 public:
  JsonCheck(const std::string& name, int deepest) : name_(name), deepest_(static_cast<std::size_t>(deepest)) {}

  bool null() override { return true; }
  bool boolean(bool /*value*/) override { return true; }
  bool number_integer(number_integer_t /*value*/) override { return true; }
  bool number_unsigned(number_unsigned_t /*value*/) override { return true; }
  bool number_float(number_float_t /*value*/, const string_t& /*text*/) override { return true; }
  bool string(string_t& /*value*/) override { return true; }
  bool binary(binary_t& /*value*/) override { return true; }
  bool start_object(std::size_t /*size*/) override { return open(); }
  bool end_object() override { return close(); }
  bool start_array(std::size_t /*size*/) override { return open(); }
  bool end_array() override { return close(); }

  bool key(string_t& key) override {
    if (!keys_.back().insert(key).second) fail("{}: the key {} occurs twice in one JSON object", name_, shown(key));
    return true;
  }

  bool parse_error(std::size_t /*position*/, const std::string& /*token*/,
                   const nlohmann::json::exception& error) override {
    const std::string_view what = error.what();
    fail("{}: cannot be read as JSON: {}", name_, what.substr(what.find("] ") + 2));
  }

 private:
  bool open() {
    if (keys_.size() == deepest_) fail("{}: expected at most {} levels of nested JSON, got more", name_, deepest_);
    keys_.emplace_back();
    return true;
  }
  bool close() {
    keys_.pop_back();
    return true;
  }

  const std::string& name_;
  std::size_t deepest_;
  std::vector<std::set<std::string>> keys_;  ///< of the open objects and lists
};

/// Makes every text in `value` printable, including keys.
nlohmann::json printable_texts(nlohmann::json value) {
  if (value.is_string()) return printable(value.get_ref<const std::string&>());
  if (value.is_array()) {
    for (nlohmann::json& item : value) item = printable_texts(std::move(item));
  } else if (value.is_object()) {
    for (auto& [key, item] : value.items()) item = printable_texts(std::move(item));
  }
  return value;
}

}  // namespace

nlohmann::json parse_json(std::string_view text, const std::string& name, int deepest) {
  JsonCheck check(name, deepest);
  nlohmann::json::sax_parse(text, &check);
  return nlohmann::json::parse(text);
}

std::string script_text(nlohmann::json data) {
  std::string text;
  for (const char c : printable_texts(std::move(data)).dump(-1, ' ', true, nlohmann::json::error_handler_t::replace)) {
    if (c == '<') {
      text += "\\u003c";
    } else {
      text += c;
    }
  }
  return text;
}

std::string shown(const nlohmann::json& value) {
  constexpr std::size_t kLongest = 80;
  std::string text = value.dump(-1, ' ', true, nlohmann::json::error_handler_t::replace);
  if (text.size() > kLongest) text = text.substr(0, kLongest) + "...";
  return text;
}

}  // namespace sluice
