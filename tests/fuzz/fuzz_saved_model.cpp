// A saved model's folder, given as its three files concatenated with kCut between them.
#include <fstream>
#include <string_view>

#include "sluice/loaded_model.h"
#include "sluice/model_summary.h"
#include "tests/fuzz/fuzz_file.h"
#include "tests/fuzz/saved_model_text.h"
#include "tests/fuzz/small_graph.h"
#include "tests/support/temporary_folder.h"

using namespace sluice;

namespace {

const std::filesystem::path& folder() {
  static const TemporaryFolder made;  // removed at the end of the process
  return made.path();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view rest(reinterpret_cast<const char*>(data), size);
  for (const char* const file : fuzz::kModelFiles) {
    const std::size_t end = std::min(rest.find(fuzz::kCut), rest.size());
    std::ofstream(folder() / file, std::ios::binary) << rest.substr(0, end);
    rest.remove_prefix(std::min(end + fuzz::kCut.size(), rest.size()));
  }
  return fuzz::read_or_refuse([&] {
    SavedModel model = read_saved_model(folder());
    to_string(model_summary(model.graph));
    if (!fuzz::is_small(model.graph)) return;
    const std::vector<Array> inputs = random_parameters(model.graph, ir::completed(model.graph, fuzz::kSize, fuzz::kSize), 1);
    const LoadedModel loaded(std::move(model), runtime::Engine::kReference);
    loaded.run(inputs);
    if (loaded.is_classifier()) loaded.predict(inputs[0]);
  });
}
