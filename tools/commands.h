#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "sluice/cli.h"
#include "sluice/ir/graph.h"
#include "tools/check/engine_check.h"

namespace sluice::tools {

// The subcommands of `sluice`, one per file. Each adds itself to the program and, when called, does its work in a
// callback and throws Error for user errors. A command that must exit with a status other than 0 throws
// CLI::RuntimeError.
void add_check(CLI::App& program);     ///< check.cpp: verify that compilation preserves the meaning
void add_compile(CLI::App& program);   ///< compile.cpp: an object file for C, of a saved model or a graph
void add_opt(CLI::App& program);       ///< opt.cpp: run passes over a graph and print it
void add_run(CLI::App& program);       ///< run.cpp: evaluate a graph
void add_explain(CLI::App& program);   ///< explain.cpp: kernels, what bounds them, and memory
void add_show(CLI::App& program);      ///< show.cpp: draw a graph before and after each pass
void add_predict(CLI::App& program);   ///< predict.cpp: classify pictures with a saved model
void add_evaluate(CLI::App& program);  ///< evaluate.cpp: a saved model on labeled examples
void add_summary(CLI::App& program);   ///< summary.cpp: a saved model's layers and sizes
void add_export(CLI::App& program);    ///< export.cpp: a saved model as a file of another format
/// fuzz.cpp: check random graphs. Tests plant a bug in `check`.
void add_fuzz(CLI::App& program, const FullCheckOptions& check = {});

/// A text with graphs, such as the output of --dump-ir, and which of them is selected.
struct GraphFile {
  std::string file;   ///< "-" is standard input
  std::string graph;  ///< a name; empty: the only one
};

/// Adds the options FILE and --graph to `command`. Returns FILE, which is not required yet.
CLI::Option* add_graph_file(CLI::App& command, GraphFile& file,
                            const std::string& help = "A graph in text form; - for standard input");
/// Throws Error if there is no such graph, or if there are several and none is selected.
ir::Graph read_graph(const GraphFile& file);
/// Adds the option --size T=7, for symbolic sizes beside B, to `command`.
void add_sizes(CLI::App& command, std::vector<std::string>& words);
/// Returns the sizes given by --batch and --size. Throws Error for a word that is not NAME=SIZE.
Bindings read_sizes(std::optional<std::int64_t> batch, std::span<const std::string> words);
/// Returns the line at `place` in a graph that read_graph returned, and a caret below it; empty for any other place.
std::string shown_line(const Location& place);
/// Returns the text of `file`, or of standard input for "-". Throws Error.
std::string read_text(const std::string& file);

}  // namespace sluice::tools
