#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <map>
#include <string_view>
#include <vector>

#include "ir/suggest.h"
#include "runtime/io/byte_input.h"
#include "sluice/error.h"
#include "sluice/ir/text.h"
#include "sluice/saved_model.h"
#include "tools/commands.h"

namespace sluice::tools {

namespace {

/// The texts that read_graph has read, by their name in errors.
std::map<std::string, std::string, std::less<>>& texts() {
  static std::map<std::string, std::string, std::less<>> instance;
  return instance;
}

/// One of the graphs in a text.
struct Part {
  std::string_view name;
  std::size_t begin = 0;  ///< where its first line begins, the one with the format's version
  std::size_t end = 0;
};

/// Finds the graphs of `text` by their first lines; the parser checks the text between.
std::vector<Part> parts_of(std::string_view text) {
  std::vector<Part> parts;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find('\n', begin), text.size() - 1) + 1;
    const std::string_view line = text.substr(begin, end - begin);
    constexpr std::string_view kGraph = "graph @";
    if (line.starts_with("sluice-ir ")) {
      if (!parts.empty()) parts.back().end = begin;
      parts.push_back({"", begin, text.size()});
    } else if (line.starts_with(kGraph) && !parts.empty() && parts.back().name.empty()) {
      parts.back().name = line.substr(kGraph.size(), line.find('(') - kGraph.size());
    }
    begin = end;
  }
  return parts;
}

/// Returns the selected part. Of several graphs with one name, which are stages of it, the first.
const Part& chosen(const std::vector<Part>& parts, const std::string& file, const std::string& graph) {
  std::vector<std::string_view> names;
  for (const Part& part : parts) {
    if (part.name == graph) return part;
    if (std::ranges::find(names, part.name) == names.end()) names.push_back(part.name);
  }
  if (graph.empty() && names.size() == 1) return parts.front();
  if (graph.empty())
    fail("{}: there are several graphs, {}: select one with --graph NAME", file, fmt::join(names, ", "));
  fail("{}: there is no graph '{}'{}; there is {}", file, graph, did_you_mean(graph, names), fmt::join(names, ", "));
}

}  // namespace

std::string read_text(const std::string& file) {
  constexpr const char* kStandardInput = "/dev/stdin";
  ByteInput input(file == "-" ? kStandardInput : file);
  std::string text;
  while (true) {
    constexpr std::uint64_t kBlock = 1 << 16;
    const std::vector<std::uint8_t> block = input.read_up_to(kBlock);
    if (std::ranges::find(block, 0) != block.end()) fail("{}: expected text, got a zero byte", file);
    if (block.empty()) return std::string(ir::without_byte_order_mark(text));
    text.append(block.begin(), block.end());
    if (text.size() > kLargestWholeFile) fail("{}: expected a text of at most {} bytes", file, kLargestWholeFile);
  }
}

CLI::Option* add_graph_file(CLI::App& command, GraphFile& file, const std::string& help) {
  CLI::Option* const option = command.add_option("FILE", file.file, help);
  command.add_option("--graph", file.graph,
                     "The name of the graph, if FILE has several; the first of several stages with that name");
  return option;
}

ir::Graph read_graph(const GraphFile& file) {
  const std::filesystem::path of_saved_model = std::filesystem::path(file.file) / kGraphFile;
  const std::string path = std::filesystem::is_regular_file(of_saved_model) ? of_saved_model.string() : file.file;
  std::string text = read_text(path);
  const std::string name = path == "-" ? "<stdin>" : path;
  if (const std::vector<Part> parts = parts_of(text); parts.size() > 1 || !file.graph.empty()) {
    // The text before the part keeps its line endings, so that errors have the file's line numbers.
    const Part& part = chosen(parts, name, file.graph);
    const auto lines = static_cast<std::size_t>(
        std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(part.begin), '\n'));
    text = std::string(lines, '\n') + text.substr(part.begin, part.end - part.begin);
  }
  ir::Graph graph = ir::parse(text, name);
  texts().insert_or_assign(name, std::move(text));
  return graph;
}

std::string shown_line(const Location& place) {
  const auto text = texts().find(place.file);
  return text == texts().end() ? "" : ir::line_with_caret(text->second, place);
}

void add_sizes(CLI::App& command, std::vector<std::string>& words) {
  command.add_option("--size", words, "NAME=SIZE: the size of another symbol than B, as in T=7")
      ->allow_extra_args(false);
}

Bindings read_sizes(std::optional<std::int64_t> batch, std::span<const std::string> words) {
  Bindings bindings;
  if (batch) bindings.set(kBatchSymbol, *batch);
  for (const std::string& word : words) {
    const std::size_t equals = word.find('=');
    std::int64_t size = 0;
    const std::string_view digits = equals == std::string::npos ? "" : std::string_view(word).substr(equals + 1);
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), size);
    if (digits.empty() || error != std::errc() || end != digits.data() + digits.size() || size < 1)
      fail("--size: expected NAME=SIZE with a size of at least 1, got '{}'", word);
    bindings.set(Symbol::named(std::string_view(word).substr(0, equals)), size);
  }
  return bindings;
}

}  // namespace sluice::tools
