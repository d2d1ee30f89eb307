#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "sluice/array.h"
#include "sluice/ir/graph.h"

namespace sluice {

/// A function to write as an object file, with the values of its states.
struct ObjectRequest {
  ir::Graph graph;             ///< as traced
  std::filesystem::path path;  ///< of the files, without their extensions
  std::string prefix;          ///< empty: the last part of `path`
  std::vector<std::string> cpus;
  Bindings largest;  ///< of symbols; none: the caller of the object says
  bool embeds_weights = false;
  bool static_library = false;
  bool sources = false;
  std::vector<std::string> result_names;          ///< empty: "result", ...
  std::vector<std::optional<Array>> values = {};  ///< one for each state; none: the caller of the object sets it
  std::vector<bool> is_weight = {};
};

/// Writes NAME.o, NAME.h and NAME.md, and what else is asked for or needed. Returns the paths. Throws Error as
/// aot::make_object does, and if a file cannot be written.
std::vector<std::filesystem::path> write_object(const ObjectRequest& request);

}  // namespace sluice
