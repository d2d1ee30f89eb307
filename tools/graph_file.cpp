#include <fstream>
#include <iostream>
#include <iterator>
#include <map>

#include "ir/error.h"
#include "ir/text.h"
#include "tools/commands.h"

namespace sluice::tools {

namespace {

/// What read_graph has read, by the name that stands in errors.
std::map<std::string, std::string, std::less<>>& texts() {
  static std::map<std::string, std::string, std::less<>> instance;
  return instance;
}

}  // namespace

std::string read_text(const std::string& file) {
  if (file == "-") return {std::istreambuf_iterator<char>(std::cin), {}};
  std::ifstream stream(file, std::ios::binary);
  if (!stream) fail("{}: cannot be opened", file);
  try {
    return {std::istreambuf_iterator<char>(stream), {}};
  } catch (const std::ios_base::failure&) {  // a folder, for one
    fail("{}: cannot be read", file);
  }
}

ir::Graph read_graph(const std::string& file) {
  std::string text = read_text(file);
  const std::string name = file == "-" ? "<stdin>" : file;
  ir::Graph graph = ir::parse(text, name);
  texts().insert_or_assign(name, std::move(text));
  return graph;
}

std::string shown_line(const Location& place) {
  const auto text = texts().find(place.file);
  return text == texts().end() ? "" : ir::line_with_caret(text->second, place);
}

}  // namespace sluice::tools
