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

// Weights in files and from one model to another, by the names that VariableList::named gives: those of a module depend
// on nothing but its own structure. What has no variables before its first call needs build(model, input) or
// optimizer.build(model) first.
namespace sluice {

/// Writes the variables of a module, an optimizer or a list of both to a file of the format safetensors, which Python
/// reads. It appears when it is complete. Throws Error if it cannot be written or there are no variables.
void save_weights(const VariableList& variables, const std::filesystem::path& file);

/// Sets the variables from such a file, whoever wrote it. Throws Error, which names all that is missing, is too much or
/// has another type, unless the file has exactly these variables; then nothing has changed.
void load_weights(const VariableList& variables, const std::filesystem::path& file);

/// Sets the variables of `to` to those of `from`, which have the same names and types: of a target network, for
/// instance. With a `rate` below 1, those of floats move towards them: to += rate * (from - to). Inside of a function
/// it becomes part of that. Throws Error if the two differ in more than values, or unless 0 < rate <= 1.
void copy_weights(const VariableList& from, const VariableList& to, double rate = 1,
                  std::source_location where = std::source_location::current());

/// A file with all that a training loop of one's own needs to go on, to the same last bit: variables in named parts,
/// the state of random numbers, and the number of the step.
///
///     const Checkpoint checkpoint("run/checkpoint.safetensors", {{"model", model}, {"adam", adam}});
///     for (std::int64_t step = checkpoint.restore().value_or(0); step < 1000;) {
///       train_step(...);
///       if (++step % 100 == 0) checkpoint.save(step);
///     }
///
/// The order of the examples is the loop's own affair: Dataset::shuffled depends on its seed alone. All variables exist
/// before restore() if the step has been compiled, or by build(model, input) and adam.build(model).
class Checkpoint {
 public:
  /// Throws Error if two parts have one name, or one that is empty or has a slash.
  Checkpoint(std::filesystem::path file, std::vector<std::pair<std::string, VariableList>> parts);

  const std::filesystem::path& file() const { return file_; }
  /// Replaces the file when the new one is complete and on the disk. Makes its folder if it is not there. Throws Error
  /// if it cannot be written; then the old one is as it was.
  void save(std::int64_t step) const;
  /// Sets the variables and the random state, and returns the step; nothing if there is no file. Throws Error if it is
  /// no checkpoint, is damaged, or has not exactly these variables; then nothing has changed.
  std::optional<std::int64_t> restore() const;

 private:
  std::vector<NamedVariable> variables() const;

  std::filesystem::path file_;
  std::vector<std::pair<std::string, VariableList>> parts_;
};

}  // namespace sluice
