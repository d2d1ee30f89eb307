// Writes the data that torch_check.py compares with PyTorch, as .npy files: the guide's weights, some batches, loss and
// gradients of the first batch, and the weights after an Adam step on each. Usage: guide_torch_dump FOLDER
#include <fmt/format.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "tests/guide/guide_model.h"

using namespace sluice;

namespace {

constexpr std::int64_t kSteps = 5;

/// NumPy's format 1.0 (numpy.lib.format): magic, version, size of the header, the header padded to 64 bytes, elements.
void write_npy(const std::filesystem::path& path, const Array& array) {
  std::string sizes;
  for (const std::int64_t size : array.sizes()) sizes += fmt::format("{},", size);
  std::string header = fmt::format("{{'descr': '{}', 'fortran_order': False, 'shape': ({})}}",
                                   array.dtype() == DType::kU8 ? "|u1" : "<f4", sizes);
  constexpr std::size_t kPreamble = 10;
  header.append(63 - (kPreamble + header.size()) % 64, ' ');
  header += '\n';
  std::ofstream file(path, std::ios::binary);
  file << "\x93NUMPY" << '\x01' << '\0' << static_cast<char>(header.size() & 0xff)
       << static_cast<char>(header.size() >> 8) << header;
  file.write(reinterpret_cast<const char*>(array.bytes()), static_cast<std::streamsize>(array.byte_count()));
  file.flush();
  if (!file) fail("{}: cannot write", path.string());
}

void dump(const std::filesystem::path& folder) {
  const Dataset examples = guide_examples(kSteps * kBatch);
  GuideModel guide(1);
  const auto weights = guide.model.trainable_variables();
  const auto write_weights = [&](std::string_view when) {
    for (std::size_t i = 0; i < weights.size(); ++i) {
      write_npy(folder / fmt::format("{}_{}.npy", when, i), weights[i].value());
    }
  };
  write_npy(folder / "images.npy", examples.input());
  write_npy(folder / "labels.npy", examples.target());
  write_weights("before");
  const Dataset first = examples.slice(0, kBatch);
  const std::vector<Array> results = guide.loss_and_gradients(first.input(), first.target());
  write_npy(folder / "loss.npy", results[0]);
  for (std::size_t i = 0; i < weights.size(); ++i) {
    write_npy(folder / fmt::format("gradient_{}.npy", i), results[i + 1]);
  }
  for (const Batch& b : examples.batches(kBatch)) guide.train_step(b.input(), b.target());
  write_weights("after");
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    fmt::print(stderr, "usage: guide_torch_dump FOLDER\n");
    return EXIT_FAILURE;
  }
  try {
    dump(argv[1]);
  } catch (const Error& error) {
    fmt::print(stderr, "{}\n", error.what());
    return EXIT_FAILURE;
  }
  return EXIT_SUCCESS;
}
