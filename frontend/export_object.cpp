#include "sluice/export_object.h"

#include "runtime/saved_models/object_files.h"
#include "sluice/detail/trace.h"

namespace sluice {

void export_object(const AnyFunction& function, const std::filesystem::path& path, const ObjectOptions& options,
                   std::source_location where) {
  const Scope scope(where);
  ObjectRequest request{.graph = function.graph_to_save(),
                        .path = path,
                        .prefix = options.prefix,
                        .cpus = options.cpus,
                        .largest = options.max_sizes,
                        .embeds_weights = options.embed_weights,
                        .static_library = options.static_library,
                        .sources = options.sources,
                        .result_names = options.results};
  if (options.max_batch) request.largest.set(kBatchSymbol, *options.max_batch);
  for (const auto& variable : function.variables()) {
    request.values.push_back(variable->value());
    request.is_weight.push_back(variable->is_weight());
  }
  write_object(request);
}

}  // namespace sluice
