#include "sluice/loaded_model.h"

#include <unistd.h>

#include <algorithm>
#include <utility>

#include "sluice/error.h"

namespace sluice {

namespace {

/// Rejects what no machine can hold before allocating it: Linux would grant the memory and then kill the process.
void check_memory(const ir::Graph& graph) {
  const double memory = static_cast<double>(sysconf(_SC_PHYS_PAGES)) * static_cast<double>(sysconf(_SC_PAGESIZE));
  for (const ir::Node& node : graph.nodes()) {
    for (const Type& type : node.types) {
      double bytes = static_cast<double>(size_of(type.dtype));
      for (const Dim dim : type.shape) bytes *= static_cast<double>(dim.size);
      if (bytes > memory)
        fail("@{}: a value is {}, which is larger than this machine's memory", graph.name(), to_string(type));
    }
  }
}

/// Classes index their names and probabilities wherever predictions are used.
void check_classes(const ir::Graph& graph, const Array& classes, const Array& probabilities) {
  const std::int64_t count = probabilities.sizes()[1];
  const auto all = classes.data<std::int64_t>();
  const auto wrong = std::ranges::find_if(all, [&](std::int64_t c) { return c < 0 || c >= count; });
  if (wrong == all.end()) return;
  fail("@{}: expected a \"{}\" from 0 to {}, as \"{}\" has them, got {} for example {}", graph.name(), kClassOutput,
       count - 1, kProbabilitiesOutput, *wrong, wrong - all.begin());
}

}  // namespace

LoadedModel::LoadedModel(SavedModel model, runtime::Engine engine)
    : graph_(std::move(model.graph)),
      output_names_(std::move(model.output_names)),
      class_names_(std::move(model.class_names)) {
  check_memory(graph_);
  executable_ =
      runtime::Executable::create(graph_, runtime::variables_for(graph_, model.weights, false), {.engine = engine});
}

bool LoadedModel::is_classifier() const {
  const Type classes{DType::kI64, {batch}};
  if (graph_.parameters().size() != 1 || output_names_ != std::vector<std::string>{kClassOutput, kProbabilitiesOutput})
    return false;
  const Type& probabilities = graph_.type(graph_.results()[1]);
  return graph_.type(graph_.results()[0]) == classes && probabilities.dtype == DType::kF32 &&
         probabilities.shape.rank() == 2 && probabilities.shape[0] == batch && !probabilities.shape[1].batch;
}

std::vector<Array> LoadedModel::run(std::span<const Array> inputs, std::source_location where) const {
  std::vector<Array> results(output_names_.size());
  try {
    executable_->run(inputs, results);
  } catch (const Error& error) {
    if (error.location().known()) throw;
    detail::fail_at(where, error.message());
  }
  return results;
}

Predictions LoadedModel::predict(const Array& images, std::source_location where) const {
  if (!is_classifier()) {
    fail("@{}: expected a model that takes images and returns \"{}\" i64[B] and \"{}\" f32[B,classes]", graph_.name(),
         kClassOutput, kProbabilitiesOutput);
  }
  const Array input = with_channel_as_in(images, graph_.type(graph_.parameters()[0].value));
  std::vector<Array> results = run({&input, 1}, where);
  check_classes(graph_, results[0], results[1]);
  return {std::move(results[0]), std::move(results[1])};
}

LoadedModel load(const std::filesystem::path& folder) { return LoadedModel(read_saved_model(folder)); }

Array with_channel_as_in(const Array& images, const Type& expected) {
  const int rank = expected.shape.rank();
  std::vector<std::int64_t> sizes = images.sizes();
  if (images.rank() + 1 == rank && expected.shape[rank - 1] == Dim(1)) {
    sizes.push_back(1);
  } else if (images.rank() == rank + 1 && sizes.back() == 1) {
    sizes.pop_back();
  }
  return images.reshaped(sizes);
}

}  // namespace sluice
