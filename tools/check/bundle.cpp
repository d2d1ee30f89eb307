#include "tools/check/bundle.h"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <string>
#include <string_view>

#include "ir/error.h"
#include "ir/text.h"
#include "runtime/npy.h"

namespace sluice::tools {

namespace {

void write(const std::filesystem::path& file, std::string_view bytes) {
  std::ofstream stream(file, std::ios::binary);
  stream.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  if (!stream.flush()) fail("{}: cannot be written", file.string());
}

std::string file_name(std::string_view kind, std::size_t index, std::string name) {
  std::ranges::replace(name, '/', '_');
  return fmt::format("{}-{}-{}.npy", kind, index, name);
}

}  // namespace

void write_bundle(const std::filesystem::path& folder, const ir::Graph& traced, const passes::Difference& difference) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) fail("{}: cannot be made: {}", folder.string(), error.message());
  write(folder / "graph.ir", ir::print(traced, {.locations = true}));
  const passes::Sample& sample = difference.sample;
  for (std::size_t i = 0; i < sample.inputs.size(); ++i)
    write_npy(folder / file_name("input", i, traced.parameters()[i].name), sample.inputs[i]);
  for (std::size_t i = 0; i < sample.states.size(); ++i)
    write_npy(folder / file_name("state", i, traced.states()[i].name), sample.states[i]);
  write(
      folder / "replay.txt",
      fmt::format(
          "{}\n\nsluice check graph.ir --batches {} --seed {} --states {}\n\nsluice {}, text version {}, built by {}\n",
          passes::to_string(difference), sample.batch_size, sample.seed,
          sample.states_at == StatesAt::kInit ? "init" : "range", SLUICE_VERSION, ir::kTextVersion, __VERSION__));
}

}  // namespace sluice::tools
