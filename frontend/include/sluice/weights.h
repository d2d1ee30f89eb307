#pragma once

#include <cstdint>
#include <filesystem>
#include <initializer_list>
#include <optional>
#include <source_location>
#include <string>
#include <utility>
#include <vector>

#include "sluice/module.h"

// Weights in files and from one model to another, by the names that VariableList::named returns: those of a module
// depend only on its own structure. A model or optimizer whose variables do not exist before its first call needs
// build(model, input) or optimizer.build(model) first.
namespace sluice {

/// Writes the variables of a module, an optimizer or a list of both to a safetensors file, which Python can read.
/// Written atomically. Throws Error if it cannot be written or there are no variables.
void save_weights(const VariableList& variables, const std::filesystem::path& file);

/// Sets the variables from such a file, whoever wrote it. Throws Error unless the file has exactly these variables,
/// listing everything that is missing, superfluous or of another type; then nothing has changed.
void load_weights(const VariableList& variables, const std::filesystem::path& file);

/// Sets the variables of `to` to those of `from`, which have the same names and types, as for a target network. With a
/// `rate` below 1, floats move toward them: to += rate * (from - to). Inside a function it becomes part of that. Throws
/// Error if the two differ in more than values, or unless 0 < rate <= 1.
void copy_weights(const VariableList& from, const VariableList& to, double rate = 1,
                  std::source_location where = std::source_location::current());

/// A file with everything that your own training loop needs to continue, bit for bit: variables in named parts, the
/// random state, and the step number.
///
///     const Checkpoint checkpoint("run/checkpoint.safetensors", {{"model", model}, {"adam", adam}});
///     for (std::int64_t step = checkpoint.restore().value_or(0); step < 1000;) {
///       train_step(...);
///       if (++step % 100 == 0) checkpoint.save(step);
///     }
///
/// The order of the examples is up to the loop: Dataset::shuffled depends only on its seed. All variables exist before
/// restore() if the step has been compiled, or after build(model, input) and adam.build(model).
class Checkpoint {
 public:
  /// Throws Error if two parts have the same name, or if a name is empty or has a slash.
  Checkpoint(std::filesystem::path file, std::vector<std::pair<std::string, VariableList>> parts);

  const std::filesystem::path& file() const { return file_; }
  /// Replaces the file once the new one is complete and on disk. Creates its folder if necessary. Throws Error if it
  /// cannot be written; the old file is then unchanged.
  void save(std::int64_t step) const;
  /// Sets the variables and the random state and returns the step, or nothing if there is no file. Throws Error if it
  /// is not a checkpoint, is damaged, or does not have exactly these variables; then nothing has changed.
  std::optional<std::int64_t> restore() const;

 private:
  std::vector<NamedVariable> variables() const;

  std::filesystem::path file_;
  std::vector<std::pair<std::string, VariableList>> parts_;
};

}  // namespace sluice
