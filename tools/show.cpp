#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "backend/plan.h"
#include "backend/target.h"
#include "ir/counted.h"
#include "ir/solve_sizes.h"
#include "ir/suggest.h"
#include "passes/pass.h"
#include "runtime/io/atomic_file.h"
#include "runtime/io/json.h"
#include "sluice/error.h"
#include "sluice/ir/cost.h"
#include "sluice/printable.h"
#include "tools/code/hot_code.h"
#include "tools/code/kernel_code.h"
#include "tools/commands.h"
#include "tools/graph_view.h"
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
  bool measure = false;
  std::int64_t batch = 128;
  std::vector<std::string> sizes;
  double seconds = 2;
};

/// The code of a kernel and, if it was measured, what is hot in it.
struct ShownCode {
  KernelCode code;
  std::optional<HotCode> hot;
};

struct Stage {
  std::string name;
  GraphView view;
  std::size_t nodes = 0;
  std::map<std::uint32_t, ShownCode> code = {};  ///< of the kernels, by their nodes
  std::int64_t samples = 0;                      ///< in all kernels
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

/// Returns what is hot in a kernel: for each line of assembly that was seen, its number and how often.
json heat_of(const HotCode& hot, std::int64_t samples_of_step) {
  json lines = json::array();
  for (std::size_t i = 0; i < hot.of_line.size(); ++i) {
    if (hot.of_line[i] > 0) lines.push_back({i, hot.of_line[i]});
  }
  return {{"samples", hot.samples}, {"of", samples_of_step}, {"lines", std::move(lines)}};
}

/// Adds their code to the boxes of kernels.
void add_code(json& graph, const Stage& stage) {
  for (std::size_t i = 0; i < stage.view.boxes.size(); ++i) {
    const auto found = stage.code.find(stage.view.boxes[i].node);
    if (found == stage.code.end()) continue;
    const auto& [code, hot] = found->second;
    json sources = json::array();
    std::map<std::string, std::size_t> numbers;
    json llvm_ir = code_text(code.llvm_ir, sources, numbers);
    json assembly = code_text(code.assembly, sources, numbers);
    graph["nodes"][i]["code"] = {{"name", code.name},
                                 {"llvm", std::move(llvm_ir)},
                                 {"assembly", std::move(assembly)},
                                 {"sources", std::move(sources)}};
    if (hot) graph["nodes"][i]["code"]["heat"] = heat_of(*hot, stage.samples);
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
  const bool heat = std::ranges::any_of(stages, [](const Stage& stage) { return stage.samples > 0; });
  std::string page(kPageHtml);
  page = replaced(std::move(page), "@CSS@", std::string(kPageCss) + (heat ? "\n" + std::string(kHeatCss) : ""));
  page = replaced(std::move(page), "@JS@", std::string(kPageJs) + (heat ? "\n" + std::string(kHeatJs) : ""));
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

/// Adds the code of its kernels to the last stage and, if that is asked for, what is hot in it.
void add_kernels(Stage& last, const ir::Graph& traced, const ir::Graph& fused, const Options& options) {
  const backend::Plan plan = backend::make_plan(fused, backend::host_target());
  std::vector<KernelCode> code = code_of_kernels(plan);
  std::vector<HotCode> hot;
  if (options.measure) {
    const Bindings sizes = ir::completed(traced, read_sizes(options.batch, options.sizes), options.batch);
    hot = sample_kernels(traced, plan, code, sizes, options.seconds);
    for (const HotCode& kernel : hot) last.samples += kernel.samples;
  }
  for (std::size_t k = 0; k < code.size(); ++k) {
    if (plan.kernels[k].node < 0) continue;  // a copy
    last.code[static_cast<std::uint32_t>(plan.kernels[k].node)] = {
        std::move(code[k]), options.measure ? std::optional(std::move(hot[k])) : std::nullopt};
  }
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
  if (options.code || options.measure) add_kernels(stages.back(), graph, fused, options);
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
      "  sluice show step.ir --measure --batch 128    colors the instructions that take the time\n"
      "  sluice show step.ir --dot --stage fuse | dot -Tsvg > step.svg");
  const auto options = std::make_shared<Options>();
  add_graph_file(*command, options->file)->required();
  command->add_option("-o,--output", options->output,
                      "The page's file; - for standard output; by default, the graph's name");
  command->add_flag("--code", options->code,
                    "Add the LLVM IR and the assembly of each kernel, next to the selected one; makes the page large");
  auto* const measure = command->add_flag(
      "--measure", options->measure,
      "Run the graph on random inputs, and color the instructions that threads are seen at; has --code");
  command->add_option("--batch", options->batch, "With --measure: the size of the symbolic dimension B")
      ->check(cli::count())
      ->needs(measure)
      ->capture_default_str();
  add_sizes(*command, options->sizes);
  command->add_option("--seconds", options->seconds, "With --measure: how long to run")
      ->check(CLI::Range(0.01, 3600.0))
      ->needs(measure)
      ->capture_default_str();
  auto* const dot = command->add_flag("--dot", options->dot, "Write one stage for Graphviz, to standard output");
  command->add_option("--stage", options->stage, "Which stage --dot writes: traced or a pass; the last by default")
      ->needs(dot);
  command->callback([options] { run(*options); });
}

}  // namespace sluice::tools
