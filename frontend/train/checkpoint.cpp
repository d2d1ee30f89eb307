#include "sluice/checkpoint.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <span>
#include <string_view>
#include <utility>

#include "frontend/train/history_json.h"
#include "runtime/io/json.h"
#include "sluice/error.h"
#include "sluice/safetensors.h"

namespace sluice {

namespace {

using nlohmann::json;
using nlohmann::ordered_json;

constexpr std::string_view kFormat = "sluice-checkpoint-1";
constexpr std::string_view kFileName = "checkpoint.safetensors";

std::string best_key(const detail::CheckpointVariable& variable) { return "best/" + variable.key; }

/// The variables whose best values early stopping keeps.
bool of_model(const detail::CheckpointVariable& variable) { return variable.key.starts_with("model/"); }

/// Returns the metadata that describe the training run.
ordered_json description(const detail::Checkpoint& checkpoint, const TrainingState& state) {
  ordered_json training{{"batch", checkpoint.batch},
                        {"seed", checkpoint.seed},
                        {"examples", checkpoint.examples},
                        {"learning_rate", detail::to_json(state.learning_rate)},
                        {"epoch", state.epoch},
                        {"step", state.step},
                        {"seconds", detail::to_json(state.seconds)},
                        {"names", state.history.names},
                        {"means", ordered_json::array()},
                        {"epochs", ordered_json::array()}};
  for (const Mean& mean : state.means) {
    training["means"].push_back({{"sum", detail::to_json(mean.sum())}, {"count", mean.count()}});
  }
  for (const EpochRecord& record : state.history.epochs) {
    training["epochs"].push_back(detail::to_json(record, state.history.names));
  }
  if (checkpoint.accumulate != 1) training["accumulate"] = checkpoint.accumulate;
  if (!checkpoint.watched.empty()) {
    training["early_stopping"] = {
        {"metric", checkpoint.watched}, {"best", detail::to_json(state.best)}, {"waited", state.waited}};
  }
  return training;
}

/// Returns the state without arrays. Throws json::exception.
TrainingState described_state(const json& training, const detail::Checkpoint& checkpoint,
                              const std::vector<std::string>& names) {
  TrainingState state;
  state.history.names = names;
  state.epoch = training.at("epoch").get<std::int64_t>();
  state.step = training.at("step").get<std::int64_t>();
  state.seconds = detail::number_from_json(training.at("seconds"));
  state.learning_rate = std::numeric_limits<double>::quiet_NaN();  // missing in the file: unknown
  if (training.contains("learning_rate")) state.learning_rate = detail::number_from_json(training["learning_rate"]);
  for (const json& mean : training.at("means")) {
    state.means.emplace_back(detail::number_from_json(mean.at("sum")), mean.at("count").get<std::int64_t>());
  }
  for (const json& record : training.at("epochs")) {
    state.history.epochs.push_back(detail::record_from_json(record, names));
  }
  if (!training.contains("early_stopping") || training["early_stopping"].at("metric") != checkpoint.watched) {
    return state;
  }
  state.best = detail::number_from_json(training["early_stopping"].at("best"));
  state.waited = training["early_stopping"].at("waited").get<std::int64_t>();
  return state;
}

/// Returns "w" for "dense_4/w" and for "w_1", which is numbered because of other variables in the process.
std::string_view local_name(std::string_view name) {
  name.remove_prefix(name.rfind('/') + 1);
  const std::size_t last = name.find_last_not_of("0123456789");
  const bool numbered = last != std::string_view::npos && last > 0 && last + 1 < name.size() && name[last] == '_';
  return numbered ? name.substr(0, last) : name;
}

/// Returns the array of this name and type.
const Array& find_array(const SafeTensors& file, const std::string& name, const std::string& key,
                        const Variable& variable) {
  const auto found = file.arrays.find(key);
  if (found == file.arrays.end()) {
    fail("{}: has no \"{}\", which is {} here (variable \"{}\"): another model or optimizer wrote it", name, key,
         to_string(variable.type()), variable.name());
  }
  if (found->second.type() != variable.type()) {
    fail("{}: \"{}\" is {}, but {} here (variable \"{}\"): another model or optimizer wrote it", name, key,
         to_string(found->second.type()), to_string(variable.type()), variable.name());
  }
  return found->second;
}

template <typename T>
void check_same(const std::string& name, std::string_view what, const T& written, const T& here) {
  if (written == here) return;
  fail("{}: comes from a run with {} {}, got {}: it cannot be resumed", name, what, written, here);
}

json training_of(const SafeTensors& file, const std::string& name) {
  const auto format = file.metadata.find("format");
  if (format == file.metadata.end() || !format->second.starts_with("sluice-checkpoint-")) {
    fail("{}: is not a training checkpoint", name);
  }
  if (format->second != kFormat) fail("{}: expected a checkpoint {}, got {}", name, kFormat, format->second);
  const auto training = file.metadata.find("training");
  if (training == file.metadata.end()) fail("{}: the metadata \"training\" is missing", name);
  constexpr int kDeepest = 4;
  return parse_json(training->second, name, kDeepest);
}

void check(const json& training, const std::string& name, const detail::Checkpoint& here, const TrainingState& read) {
  check_same(name, "batches of", training.at("batch").get<std::int64_t>(), here.batch);
  check_same(name, "seed", training.at("seed").get<std::uint32_t>(), here.seed);
  check_same(name, "a number of examples of", training.at("examples").get<std::int64_t>(), here.examples);
  check_same(name, "updates of a number of batches of", training.value("accumulate", std::int64_t{1}), here.accumulate);
  const std::int64_t steps = (here.examples + here.batch - 1) / here.batch;
  const bool sensible = read.step >= 0 && read.step <= steps && read.epoch == std::ssize(read.history.epochs) &&
                        read.means.size() == read.history.names.size();
  if (!sensible) fail("{}: is damaged: its progress contradicts itself", name);
}

/// The program's learning rate must be the one that training started with or has reached.
void check_learning_rate(const std::string& name, double here, double began, const SafeTensors& file) {
  if (std::isnan(here) || std::isnan(began) || here == began) return;
  for (const auto& [key, array] : file.arrays) {
    const bool is_rate = key.starts_with("optimizer/") && key.ends_with("/learning_rate");
    if (is_rate && array.element_count() == 1 && array.item<double>() == here) return;
  }
  check_same(name, "a learning rate of", static_cast<float>(began), static_cast<float>(here));
}

}  // namespace

std::filesystem::path checkpoint_file(const std::filesystem::path& folder) { return folder / kFileName; }

std::vector<detail::CheckpointVariable> detail::checkpoint_variables(std::string_view group,
                                                                     const std::vector<Variable>& variables) {
  std::vector<CheckpointVariable> result;
  for (const Variable& variable : variables) {
    result.push_back({fmt::format("{}/{}/{}", group, result.size(), local_name(variable.name())), variable});
  }
  return result;
}

void detail::write_checkpoint(const std::filesystem::path& path, const Checkpoint& checkpoint,
                              const TrainingState& state) {
  SafeTensors file;
  file.metadata["format"] = kFormat;
  file.metadata["training"] = description(checkpoint, state).dump();
  std::size_t kept = 0;
  for (const CheckpointVariable& variable : checkpoint.variables) {
    file.arrays[variable.key] = variable.variable.value();
    if (of_model(variable) && kept < state.best_variables.size()) {
      file.arrays[best_key(variable)] = state.best_variables[kept++];
    }
  }
  write_safetensors(path, file);
}

void detail::read_checkpoint(const std::filesystem::path& path, const Checkpoint& checkpoint, TrainingState& state) {
  const std::string name = path.string();
  const SafeTensors file = read_safetensors(path);
  const json training = training_of(file, name);
  TrainingState read;
  try {
    check_same(name, "the values", fmt::format("{}", fmt::join(training.at("names"), ", ")),
               fmt::format("{}", fmt::join(state.history.names, ", ")));
    read = described_state(training, checkpoint, state.history.names);
    check(training, name, checkpoint, read);
  } catch (const json::exception& error) {
    const std::string_view what = error.what();
    fail("{}: is damaged: its metadata \"training\": {}", name, what.substr(what.find("] ") + 2));
  }
  std::vector<std::pair<Variable, Array>> values;
  std::size_t known = 0;
  for (const CheckpointVariable& variable : checkpoint.variables) {
    values.emplace_back(variable.variable, find_array(file, name, variable.key, variable.variable));
    ++known;
    const bool kept = of_model(variable) && file.arrays.contains(best_key(variable));
    if (!kept) continue;
    ++known;
    read.best_variables.push_back(find_array(file, name, best_key(variable), variable.variable));
  }
  if (file.arrays.size() != known) {
    fail("{}: has {} arrays, of which this model and optimizer know {}: others wrote it", name, file.arrays.size(),
         known);
  }
  check_learning_rate(name, state.learning_rate, read.learning_rate, file);
  if (std::isnan(read.best)) read.best_variables.clear();
  for (const auto& [variable, value] : values) variable.assign(value);
  state = std::move(read);
}

void detail::prepare_folder(const std::filesystem::path& folder) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) fail("{}: cannot create the folder: {}", folder.string(), error.message());
  const std::string begin = std::string(kFileName) + ".";
  for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
    if (entry.path().filename().string().starts_with(begin)) std::filesystem::remove(entry.path(), error);
  }
  if (error) fail("{}: cannot be read: {}", folder.string(), error.message());
}

}  // namespace sluice
