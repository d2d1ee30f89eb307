#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "ir/counted.h"
#include "ir/suggest.h"
#include "passes/pass.h"
#include "runtime/io/atomic_file.h"
#include "runtime/io/json.h"
#include "sluice/error.h"
#include "sluice/ir/cost.h"
#include "sluice/printable.h"
#include "tools/commands.h"
#include "tools/graph_view.h"
#include "tools/kernel_code.h"
#include "tools/layout.h"
#include "tools/page_files.h"

namespace sluice::tools {

namespace {

using nlohmann::json;

// Must fit the page's font: 12 px, monospaced.
constexpr double kRowHeight = 15;
constexpr double kCharacter = 7.3;
constexpr double kMargin = 8;
constexpr std::size_t kMaxCharacters = 40;  // of a row; the details have all

struct Options {
  GraphFile file;
  std::string output;
  std::string stage;
  bool dot = false;
  bool code = false;
};

struct Stage {
  std::string name;
  GraphView view;
  std::size_t nodes = 0;
  std::map<std::uint32_t, KernelCode> code = {};  ///< of the kernels, by their nodes
};

/// Returns the texts in a box, each with its style.
std::vector<std::pair<std::string, std::string>> rows_of(const BoxView& box) {
  std::vector<std::pair<std::string, std::string>> rows{{"op", box.op}, {"type", box.type}};
  if (box.body.empty()) {  // otherwise the body shows it
    for (const std::string& read : box.reads) rows.emplace_back("reads", "· " + read);
    for (const std::string& given : box.gives) rows.emplace_back("gives", "→ " + given);
  }
  return rows;
}

std::string shortened(const std::string& text) {
  std::string shown = printable(text);
  if (code_points(shown) <= kMaxCharacters) return shown;
  std::size_t end = kMaxCharacters - 3;
  while ((shown[end] & 0xC0) == 0x80) --end;  // not within a character
  return shown.substr(0, end) + "...";
}

json drawing_of(const GraphView& graph);

/// Returns a box with its size and the positions of its contents.
json box_of(const BoxView& box) {
  json made{
      {"op", box.op}, {"kind", box.kind}, {"statement", box.statement}, {"lines", box.lines}, {"rows", json::array()}};
  double width = 0;
  for (const auto& [style, text] : rows_of(box)) {
    const std::string shown = shortened(text);
    made["rows"].push_back({style, shown});
    width = std::max(width, static_cast<double>(code_points(shown)) * kCharacter);
  }
  double height = static_cast<double>(made["rows"].size()) * kRowHeight + kMargin;
  if (!box.body.empty()) {
    json body = drawing_of(box.body[0]);
    made["bodyX"] = kMargin;
    made["bodyY"] = height;
    width = std::max(width, body["width"].get<double>());
    height += body["height"].get<double>() + kMargin;
    made["body"] = std::move(body);
  }
  made["width"] = width + 2 * kMargin;
  made["height"] = height;
  return made;
}

/// Returns boxes and links with positions.
json drawing_of(const GraphView& graph) {
  json nodes = json::array();
  std::vector<Size> sizes;
  for (const BoxView& box : graph.boxes) {
    nodes.push_back(box_of(box));
    sizes.push_back({nodes.back()["width"].get<double>(), nodes.back()["height"].get<double>()});
  }
  std::vector<Link> links;
  for (const LinkView& link : graph.links) links.push_back({link.from, link.to});
  const Layout layout = lay_out(sizes, links);
  const auto rounded = [](double x) { return static_cast<std::int64_t>(x + 0.5); };
  for (std::size_t i = 0; i < layout.corners.size(); ++i) {
    nodes[i]["x"] = rounded(layout.corners[i].x);
    nodes[i]["y"] = rounded(layout.corners[i].y);
  }
  json lines = json::array();
  for (std::size_t i = 0; i < links.size(); ++i) {
    json points = json::array();
    for (const Point& point : layout.lines[i]) points.push_back({rounded(point.x), rounded(point.y)});
    lines.push_back(
        {{"from", links[i].from}, {"to", links[i].to}, {"value", graph.links[i].value}, {"points", points}});
  }
  return {{"nodes", std::move(nodes)},
          {"links", std::move(lines)},
          {"width", layout.size.width},
          {"height", layout.size.height}};
}

std::string replaced(std::string text, std::string_view mark, std::string_view by) {
  const std::size_t at = text.find(mark);
  SLUICE_CHECK(at != std::string::npos, "the page has no {}", mark);
  return text.replace(at, mark.size(), by);
}

/// Returns lines with the number of their places and nodes in `sources`, to which it adds what is not there.
json code_text(const std::vector<TracedLine>& lines, json& sources, std::map<std::string, std::size_t>& numbers) {
  json made = json::array();
  for (const TracedLine& line : lines) {
    const auto [number, fresh] = numbers.try_emplace(line.node + "\n" + line.from, sources.size());
    if (fresh) sources.push_back({{"lines", line.from}, {"node", line.node}});
    made.push_back({line.text, number->second});
  }
  return made;
}

/// Adds their code to the boxes of kernels.
void add_code(json& graph, const Stage& stage) {
  for (std::size_t i = 0; i < stage.view.boxes.size(); ++i) {
    const auto code = stage.code.find(stage.view.boxes[i].node);
    if (code == stage.code.end()) continue;
    json sources = json::array();
    std::map<std::string, std::size_t> numbers;
    json llvm_ir = code_text(code->second.llvm_ir, sources, numbers);
    json assembly = code_text(code->second.assembly, sources, numbers);
    graph["nodes"][i]["code"] = {{"name", code->second.name},
                                 {"llvm", std::move(llvm_ir)},
                                 {"assembly", std::move(assembly)},
                                 {"sources", std::move(sources)}};
  }
}

std::string page_of(const std::string& name, const std::vector<Stage>& stages) {
  json data{{"name", name}, {"rowHeight", kRowHeight}, {"stages", json::array()}};
  for (const Stage& stage : stages) {
    const auto kernels = std::ranges::count_if(stage.view.boxes, [](const BoxView& box) { return !box.body.empty(); });
    std::string summary = counted(stage.nodes, "node");
    if (kernels > 0) summary += fmt::format(", {} fused", kernels);
    json graph = drawing_of(stage.view);
    add_code(graph, stage);
    data["stages"].push_back({{"name", stage.name}, {"summary", summary}, {"graph", std::move(graph)}});
  }
  std::string page(kPageHtml);
  page = replaced(std::move(page), "@CSS@", kPageCss);
  page = replaced(std::move(page), "@JS@", kPageJs);
  return replaced(std::move(page), "@DATA@", script_text(std::move(data)));
}

std::string dot_string(const std::string& text) {
  std::string out = "\"";
  for (const char c : printable_lines(text)) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + '"';
}

/// Appends Graphviz text. A fused kernel is a cluster; links end at one of its nodes and are clipped at its border.
void add_dot(const GraphView& graph, const std::string& prefix, const std::string& indent, std::string& out) {
  for (std::size_t i = 0; i < graph.boxes.size(); ++i) {
    const BoxView& box = graph.boxes[i];
    const std::string id = fmt::format("{}{}", prefix, i);
    if (!box.body.empty()) {
      out += fmt::format("{}subgraph cluster_{} {{ label={}; style=filled; fillcolor=\"#fffbe8\";\n", indent, id,
                         dot_string(box.op + " " + box.type));
      add_dot(box.body[0], id + "_", indent + "  ", out);
      out += indent + "}\n";
      continue;
    }
    std::string label;
    for (const auto& [style, text] : rows_of(box)) label += (label.empty() ? "" : "\n") + shortened(text);
    out += fmt::format("{}{} [label={}, tooltip={}];\n", indent, id, dot_string(label), dot_string(box.lines));
  }
  const auto end_of = [&](std::size_t i) {
    const auto& body = graph.boxes[i].body;
    return body.empty() ? fmt::format("{}{}", prefix, i)
                        : fmt::format("{}{}_{}", prefix, i, body[0].boxes.empty() ? 0 : body[0].boxes.size() - 1);
  };
  for (const LinkView& link : graph.links) {
    std::string cut;
    if (!graph.boxes[link.from].body.empty()) cut += fmt::format(", ltail=cluster_{}{}", prefix, link.from);
    if (!graph.boxes[link.to].body.empty()) cut += fmt::format(", lhead=cluster_{}{}", prefix, link.to);
    out += fmt::format("{}{} -> {} [tooltip={}{}];\n", indent, end_of(link.from), end_of(link.to),
                       dot_string(link.value), cut);
  }
}

std::string dot_of(const std::string& name, const Stage& stage) {
  std::string out =
      fmt::format("digraph {} {{\n  compound=true;\n  node [shape=box, fontname=monospace];\n", dot_string(name));
  add_dot(stage.view, "n", "  ", out);
  return out + "}\n";
}

const Stage& find_stage(const std::vector<Stage>& stages, const std::string& name) {
  if (name.empty()) return stages.back();
  std::vector<std::string_view> names;
  for (const Stage& stage : stages) {
    if (stage.name == name) return stage;
    names.push_back(stage.name);
  }
  fail("there is no stage '{}'{}", name, did_you_mean(name, names));
}

void write(const std::string& file, const std::string& text) {
  if (file == "-") {
    fmt::print("{}", text);  // a page or Graphviz's text: made printable already
    return;
  }
  write_file(file, text);
}

void run(const Options& options) {
  const ir::Graph graph = read_graph(options.file);
  std::vector<Stage> stages;
  const ir::Graph fused =
      passes::run_passes(graph, passes::default_pipeline(),
                         {.on_stage =
                              [&](std::string_view name, const ir::Graph& stage) {
                                stages.push_back({std::string(name), view_of(stage), ir::node_count(stage)});
                              },
                          .on_time = {}});
  if (options.code) stages.back().code = code_of_kernels(fused);
  if (options.dot) {
    write(options.output.empty() ? "-" : options.output,
          dot_of(printable(graph.name()), find_stage(stages, options.stage)));
    return;
  }
  const std::string output = options.output.empty() ? file_name_for(graph.name()) + ".html" : options.output;
  write(output, page_of(graph.name(), stages));
  if (output != "-") print_text("{}: @{} in {} stages\n", printable(output), printable(graph.name()), stages.size());
}

}  // namespace

void add_show(CLI::App& program) {
  auto* const command = program.add_subcommand("show", "Draw a graph before and after each pass, as an HTML page");
  command->footer(
      "The page needs only a browser. It shows two stages side by side, fused kernels as boxes and, for the selected\n"
      "node, its text and model lines.\n"
      "\n"
      "  sluice show step.ir -o step.html\n"
      "  sluice show step.ir --code\n"
      "  sluice show step.ir --dot --stage fuse | dot -Tsvg > step.svg");
  const auto options = std::make_shared<Options>();
  add_graph_file(*command, options->file)->required();
  command->add_option("-o,--output", options->output,
                      "The page's file; - for standard output; by default, the graph's name");
  command->add_flag("--code", options->code,
                    "Add the LLVM IR and the assembly of each kernel, next to the selected one; makes the page large");
  auto* const dot = command->add_flag("--dot", options->dot, "Write one stage for Graphviz, to standard output");
  command->add_option("--stage", options->stage, "Which stage --dot writes: traced or a pass; the last by default")
      ->needs(dot);
  command->callback([options] { run(*options); });
}

}  // namespace sluice::tools
