#include "runtime/saved_models/object_files.h"

#include <fmt/format.h>

#include <cstring>
#include <string_view>

#include "backend/aot/object.h"
#include "runtime/execution/flags.h"
#include "runtime/io/atomic_file.h"
#include "sluice/error.h"
#include "sluice/safetensors.h"

namespace sluice {

namespace {

using backend::aot::Variable;

/// Returns the value that all elements share, bit for bit, as a scalar; nothing if they differ.
std::optional<Array> single_value(const Array& array) {
  const std::size_t size = size_of(array.dtype());
  Array first(array.dtype(), {});
  if (array.element_count() == 0) return first;
  if (std::memcmp(array.bytes(), array.bytes() + size, array.byte_count() - size) != 0) return std::nullopt;
  std::memcpy(first.bytes(), array.bytes(), size);
  return first;
}

std::vector<std::string> names_of_results(const ObjectRequest& request) {
  const std::size_t count = request.graph.results().size();
  if (!request.result_names.empty()) {
    if (request.result_names.size() != count)
      fail("export: @{} has {} results, got {} names", request.graph.name(), count, request.result_names.size());
    return request.result_names;
  }
  if (count == 1) return {"result"};
  std::vector<std::string> names;
  for (std::size_t i = 0; i < count; ++i) names.push_back(fmt::format("result_{}", i));
  return names;
}

std::string_view text_of(const std::vector<char>& bytes) { return {bytes.data(), bytes.size()}; }

}  // namespace

std::vector<std::filesystem::path> write_object(const ObjectRequest& request) {
  const std::string name = request.path.filename().string();
  const std::filesystem::path folder = request.path.parent_path();
  if (name.empty() || name == "." || name == "..")
    fail("export: expected a path with a name for the files, got \"{}\"", request.path.string());
  backend::aot::Specification specification;
  specification.graph = request.graph;
  specification.prefix = request.prefix.empty() ? name : request.prefix;
  specification.cpus = request.cpus;
  specification.result_names = names_of_results(request);
  specification.plan.skip_zeros = runtime::flags().skip_zeros;
  specification.share_all = runtime::flags().share_all_kernels;
  if (!request.largest.all().empty()) specification.largest = request.largest;
  SafeTensors rest;
  for (std::size_t i = 0; i < request.values.size(); ++i) {
    const ir::State& state = request.graph.states()[i];
    const std::optional<Array>& value = request.values[i];
    Variable variable{state.variable, request.graph.type(state.value), request.is_weight[i], state.update.has_value(),
                      value ? single_value(*value) : std::nullopt};
    if (!variable.initial && request.embeds_weights) variable.initial = value;
    if (!variable.initial && value) rest.arrays.emplace(variable.name, *value);
    specification.variables.push_back(std::move(variable));
  }
  const backend::aot::ObjectFiles files = backend::aot::make_object(specification);

  std::vector<std::filesystem::path> written;
  const auto write = [&](const std::string& file, std::string_view text) {
    write_file(folder / file, text);
    written.push_back(folder / file);
  };
  write(name + ".o", text_of(files.object));
  write(name + ".h", files.header);
  write(name + ".md", files.page);
  if (!rest.arrays.empty()) {
    written.push_back(folder / (name + ".safetensors"));
    write_safetensors(written.back(), rest);
  }
  if (request.static_library)
    write("lib" + name + ".a", text_of(backend::aot::make_archive(name + ".o", files.object)));
  if (request.sources) {
    for (const auto& [file, text] : backend::aot::c_sources()) write(std::string(file), text);
  }
  return written;
}

}  // namespace sluice
