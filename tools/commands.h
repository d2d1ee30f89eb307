#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "sluice/cli.h"
#include "sluice/ir/graph.h"
#include "tools/check/engine_check.h"

namespace sluice::tools {

// One subcommand of `sluice` a file. Each adds itself to the program and, when it is the one that was called, does its
// work in a callback and throws Error for what the user got wrong. A command that has to end with another exit status
// than 0 throws CLI::RuntimeError.
void add_check(CLI::App& program);     ///< check.cpp: prove that compiling keeps the meaning
void add_opt(CLI::App& program);       ///< opt.cpp: run passes over a graph and print it
void add_run(CLI::App& program);       ///< run.cpp: evaluate a graph
void add_explain(CLI::App& program);   ///< explain.cpp: kernels, what bounds them, and memory
void add_show(CLI::App& program);      ///< show.cpp: draw a graph before and after each pass
void add_predict(CLI::App& program);   ///< predict.cpp: what a saved model takes pictures for
void add_evaluate(CLI::App& program);  ///< evaluate.cpp: a saved model against examples with labels
void add_summary(CLI::App& program);   ///< summary.cpp: a saved model's layers and sizes
/// fuzz.cpp: check random graphs. Tests plant a bug in `check`.
void add_fuzz(CLI::App& program, const FullCheckOptions& check = {});

/// A text with graphs, such as a program prints for --dump-ir, and which of them is meant.
struct GraphFile {
  std::string file;   ///< "-" is standard input
  std::string graph;  ///< a name; empty: the only one
};

/// The options FILE and --graph of `command`. Gives FILE, which is not required yet.
CLI::Option* add_graph_file(CLI::App& command, GraphFile& file,
                            const std::string& help = "A graph in text form; - for standard input");
/// Throws Error, if there is no such graph, too, and if there are several and none is named.
ir::Graph read_graph(const GraphFile& file);
/// The option --size T=7 of `command`, for symbolic sizes beside B.
void add_sizes(CLI::App& command, std::vector<std::string>& words);
/// What --batch and --size give. Throws Error.
Bindings read_sizes(std::optional<std::int64_t> batch, std::span<const std::string> words);
/// The line that `place` names in a graph that read_graph gave, and a caret below it; empty for any other place.
std::string shown_line(const Location& place);
/// The text of `file`, or of standard input for "-". Throws Error.
std::string read_text(const std::string& file);

}  // namespace sluice::tools
