#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "backend/codegen/codegen.h"
#include "backend/plan.h"
#include "sluice/array.h"
#include "sluice/ir/graph.h"

// Exports a function as one relocatable object with a header in C99: its kernels, and straight-line code around them
// that is specialized for its plan. The object has no writable globals and allocates nothing: all of its state lies in
// memory that the caller hands over, so any number of contexts run at the same time.
namespace sluice::backend::aot {

/// A state of the exported graph.
struct Variable {
  std::string name;  ///< "dense_0/w"
  Type type;
  bool is_weight = true;         ///< not a counter or a running mean
  bool changes = true;           ///< the function updates it
  std::optional<Array> initial;  ///< after init: of the variable's type, or a scalar that all elements equal; none: the
                                 ///< caller must set it
};

/// The function to export, and for which CPUs and sizes.
struct Specification {
  ir::Graph graph;                  ///< as traced
  std::string prefix = "function";  ///< of all its names in C
  std::vector<Variable> variables;  ///< one for each state, in order
  std::vector<std::string> result_names;
  /// The CPUs to generate code for, by LLVM's names. With several, init selects the last one that the CPU can run.
  std::vector<std::string> cpus = {"native"};
  /// Values of all symbols beyond which run refuses sizes, and which decide how much memory there is. None: the caller
  /// says at init.
  std::optional<Bindings> largest;
  PlanOptions plan;
  bool share_all = false;  ///< divide every kernel among all threads, for tests
};

struct ObjectFiles {
  ObjectCode object;
  std::string header;
  std::string page;  ///< Markdown: what it is, how to call it, sizes
};

/// Compiles the function. Throws Error for a prefix that is not an identifier of C, for a variable of more than eight
/// axes, and if the code needs a function other than libc's memory functions and libm's.
ObjectFiles make_object(const Specification& specification);

/// Returns a static library (ar) with one member.
std::vector<char> make_archive(const std::string& member, const ObjectCode& object);

/// A source in C that is shipped with exports.
struct SourceFile {
  std::string_view name;
  std::string_view text;
};
/// Returns memory for contexts, a pool of threads, and a reader and writer of weights, each with its header.
std::vector<SourceFile> c_sources();

}  // namespace sluice::backend::aot
