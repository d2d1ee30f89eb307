#include <fstream>
#include <iostream>
#include <iterator>

#include "ir/error.h"
#include "ir/text.h"
#include "tools/commands.h"

namespace sluice::tools {

std::string read_text(const std::string& file) {
  if (file == "-") return {std::istreambuf_iterator<char>(std::cin), {}};
  std::ifstream stream(file, std::ios::binary);
  if (!stream) fail("{}: cannot be opened", file);
  std::string text{std::istreambuf_iterator<char>(stream), {}};
  if (stream.bad()) fail("{}: cannot be read", file);
  return text;
}

ir::Graph read_graph(const std::string& file) { return ir::parse(read_text(file), file == "-" ? "<stdin>" : file); }

}  // namespace sluice::tools
