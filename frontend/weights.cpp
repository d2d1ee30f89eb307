#include "sluice/weights.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <map>
#include <set>

#include "sluice/detail/trace.h"
#include "sluice/random.h"
#include "sluice/safetensors.h"

namespace sluice {

namespace {

constexpr std::string_view kStep = "step";  // in the metadata of a checkpoint
constexpr std::string_view kFormatKey = "format";
constexpr std::string_view kCheckpointFormat = "sluice-loop-checkpoint-1";

constexpr std::string_view kBuildFirst =
    "layers make their variables at the first call, optimizers at the first step: build(model, input) and "
    "optimizer.build(model) make them before";

std::vector<NamedVariable> required(std::string_view what, const VariableList& variables) {
  std::vector<NamedVariable> named = variables.named();
  if (named.empty()) fail("{}: there are no variables; {}", what, kBuildFirst);
  return named;
}

SafeTensors arrays_of(const std::vector<NamedVariable>& variables) {
  SafeTensors tensors;
  for (const auto& [name, variable] : variables) tensors.arrays.emplace(name, variable.value());
  return tensors;
}

/// Collects the differences between two sets of named types, one per line.
class Differences {
 public:
  explicit Differences(std::string begin) : text_(std::move(begin)) {}

  template <typename... T>
  void add(fmt::format_string<T...> format, T&&... arguments) {
    text_ += "\n  " + fmt::format(format, std::forward<T>(arguments)...);
    any_ = true;
  }
  bool any() const { return any_; }
  const std::string& text() const { return text_; }

 private:
  std::string text_;
  bool any_ = false;
};

/// Throws Error unless the file has exactly these variables.
void check_fits(const std::string& file, const SafeTensors& tensors, const std::vector<NamedVariable>& variables) {
  Differences differences(fmt::format("{}: does not fit the variables, none of which has changed:", file));
  std::set<std::string_view> known;
  for (const auto& [name, variable] : variables) {
    known.insert(name);
    const auto found = tensors.arrays.find(name);
    if (found == tensors.arrays.end()) {
      differences.add("\"{}\" {} is missing in the file", name, to_string(variable.type()));
    } else if (found->second.type() != variable.type()) {
      differences.add("\"{}\" is {} in the file, expected {}", name, to_string(found->second.type()),
                      to_string(variable.type()));
    }
  }
  bool extra = false;
  for (const auto& [name, array] : tensors.arrays) {
    if (known.contains(name)) continue;
    differences.add("\"{}\" {} is in the file alone", name, to_string(array.type()));
    extra = true;
  }
  if (extra) differences.add("({})", kBuildFirst);
  if (differences.any()) fail("{}", differences.text());
}

void assign_all(const SafeTensors& tensors, const std::vector<NamedVariable>& variables) {
  for (const auto& [name, variable] : variables) variable.assign(tensors.arrays.find(name)->second);
}

/// Pairs `from` and `to` by name. Throws Error at the user's line if the names differ.
std::vector<std::pair<Variable, Variable>> pairs_of(const VariableList& from, const VariableList& to) {
  const std::vector<NamedVariable> sources = from.named();
  const std::vector<NamedVariable> targets = to.named();
  if (sources.empty() && targets.empty())
    fail_at_user(fmt::format("copy_weights: there are no variables; {}", kBuildFirst));
  Differences differences("copy_weights: the two do not have the same variables:");
  std::map<std::string_view, const Variable*> by_name;
  for (const auto& [name, variable] : targets) by_name.emplace(name, &variable);
  std::vector<std::pair<Variable, Variable>> pairs;
  for (const auto& [name, variable] : sources) {
    const auto found = by_name.find(name);
    if (found == by_name.end()) {
      differences.add("\"{}\" {} is in the first alone", name, to_string(variable.type()));
      continue;
    }
    if (found->second->type() != variable.type()) {
      differences.add("\"{}\" is {} in the first and {} in the second", name, to_string(variable.type()),
                      to_string(found->second->type()));
    }
    pairs.emplace_back(variable, *found->second);
    by_name.erase(found);
  }
  for (const auto& [name, variable] : by_name)
    differences.add("\"{}\" {} is in the second alone", name, to_string(variable->type()));
  if (sources.empty() || targets.empty()) differences.add("({})", kBuildFirst);
  if (differences.any()) fail_at_user(differences.text());
  return pairs;
}

/// Moves `to` toward `from`, outside functions.
void move_towards(const Variable& from, const Variable& to, double rate) {
  const Array source = from.value();
  if (rate == 1 || !is_float(source.dtype())) return to.assign(source);
  Array target = to.value();
  visit_dtype(source.dtype(), [&]<typename T>(T) {
    if constexpr (std::is_floating_point_v<T>) {
      const std::span<const T> goal = source.data<T>();
      const std::span<T> moved = target.data<T>();
      for (std::size_t i = 0; i < moved.size(); ++i) moved[i] += static_cast<T>(rate) * (goal[i] - moved[i]);
    }
  });
  to.assign(target);
}

}  // namespace

void save_weights(const VariableList& variables, const std::filesystem::path& file) {
  check_not_traced("save_weights");
  write_safetensors(file, arrays_of(required("save_weights", variables)));
}

void load_weights(const VariableList& variables, const std::filesystem::path& file) {
  check_not_traced("load_weights");
  const std::vector<NamedVariable> named = required("load_weights", variables);
  const SafeTensors tensors = read_safetensors(file);
  check_fits(file.string(), tensors, named);
  assign_all(tensors, named);
}

void copy_weights(const VariableList& from, const VariableList& to, double rate, std::source_location where) {
  const Scope scope(where);
  if (!(rate > 0 && rate <= 1))
    fail_at_user(fmt::format("copy_weights: expected a rate above 0 and at most 1, got {}", rate));
  for (const auto& [source, target] : pairs_of(from, to)) {
    if (Trace::current() == nullptr) {
      move_towards(source, target, rate);
    } else if (rate == 1 || !is_float(source.type().dtype)) {
      target.assign(Tensor(source));
    } else {
      target.assign_add(rate * (source - target));
    }
  }
}

Checkpoint::Checkpoint(std::filesystem::path file, std::vector<std::pair<std::string, VariableList>> parts)
    : file_(std::move(file)), parts_(std::move(parts)) {
  std::set<std::string_view> names{"random"};
  for (const auto& [name, part] : parts_) {
    if (name.empty() || name.find('/') != std::string::npos || !names.insert(name).second) {
      fail("checkpoint: expected distinct names of parts, without a slash and other than \"random\", got \"{}\"", name);
    }
  }
}

std::vector<NamedVariable> Checkpoint::variables() const {
  std::vector<NamedVariable> all;
  for (const auto& [name, part] : parts_) {
    for (const auto& [inner, variable] : part.named()) all.push_back({name + "/" + inner, variable});
  }
  for (const Variable& variable : random_variables()) all.push_back({variable.name(), variable});
  return all;
}

void Checkpoint::save(std::int64_t step) const {
  check_not_traced("checkpoint");
  SafeTensors tensors = arrays_of(variables());
  tensors.metadata.emplace(kFormatKey, kCheckpointFormat);
  tensors.metadata.emplace(kStep, fmt::format("{}", step));
  if (file_.has_parent_path()) {
    std::error_code error;
    std::filesystem::create_directories(file_.parent_path(), error);
    if (error) fail("{}: cannot create the folder: {}", file_.parent_path().string(), error.message());
  }
  write_safetensors(file_, tensors);
}

std::optional<std::int64_t> Checkpoint::restore() const {
  check_not_traced("checkpoint");
  if (!std::filesystem::exists(file_)) return std::nullopt;
  const std::string name = file_.string();
  const SafeTensors tensors = read_safetensors(file_);
  const auto format = tensors.metadata.find(kFormatKey);
  const auto text = tensors.metadata.find(kStep);
  if (format == tensors.metadata.end() || format->second != kCheckpointFormat || text == tensors.metadata.end())
    fail("{}: is not a loop's checkpoint: expected the metadata \"format\": \"{}\" and \"step\"", name,
         kCheckpointFormat);
  std::int64_t step = 0;
  const char* const end = text->second.data() + text->second.size();
  if (const auto [last, error] = std::from_chars(text->second.data(), end, step); error != std::errc() || last != end)
    fail("{}: is damaged: expected a whole number as \"step\", got \"{}\"", name, text->second);
  const std::vector<NamedVariable> named = variables();
  check_fits(name, tensors, named);
  assign_all(tensors, named);
  return step;
}

}  // namespace sluice
