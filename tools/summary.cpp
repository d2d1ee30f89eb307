#include <fmt/format.h>
#include <fmt/ranges.h>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "sluice/model_summary.h"
#include "sluice/printable.h"
#include "sluice/saved_model.h"
#include "tools/commands.h"

namespace sluice::tools {

namespace {

/// Returns "images u8[B,28,28,1], ...".
std::string list(const std::vector<std::string>& names, const std::vector<Type>& types) {
  std::string text;
  for (std::size_t i = 0; i < names.size(); ++i)
    text += fmt::format("{}{} {}", i == 0 ? "" : ", ", printable(names[i]), to_string(types[i]));
  return text;
}

std::uintmax_t bytes_in(const std::filesystem::path& folder) {
  std::uintmax_t sum = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.is_regular_file()) sum += entry.file_size();
  }
  return sum;
}

void summarize(const std::string& folder) {
  const SavedModel model = read_saved_model(folder);
  std::vector<std::string> inputs;
  std::vector<Type> input_types;
  for (const ir::Parameter& parameter : model.graph.parameters()) {
    inputs.push_back(parameter.name);
    input_types.push_back(model.graph.type(parameter.value));
  }
  std::vector<Type> output_types;
  for (const ir::Value result : model.graph.results()) output_types.push_back(model.graph.type(result));
  print_text("{}: @{}, written by {}\n", folder, printable(model.graph.name()), model.written_by);
  print_text("inputs: {}\noutputs: {}\n", list(inputs, input_types), list(model.output_names, output_types));
  if (!model.class_names.empty()) print_text("classes: {}\n", fmt::join(model.class_names, ", "));
  print_text("\n{}", to_string(model_summary(model.graph)));
  std::size_t bytes = 0;
  for (const Array& weights : model.weights) bytes += weights.byte_count();
  print_text("\nweights: {} bytes; the folder: {} bytes\n", grouped_number(static_cast<std::int64_t>(bytes)),
             grouped_number(static_cast<std::int64_t>(bytes_in(folder))));
}

}  // namespace

void add_summary(CLI::App& program) {
  auto* const command = program.add_subcommand("summary", "List a saved model's layers, parameters and sizes");
  const auto folder = std::make_shared<std::string>();
  command->add_option("MODEL", *folder, "The folder of a saved model")->required();
  command->footer(
      "Examples:\n"
      "  sluice summary digits\n"
      "A program writes such a folder with save(), scripts/train-mnist with --save digits.");
  command->callback([folder] { summarize(*folder); });
}

}  // namespace sluice::tools
