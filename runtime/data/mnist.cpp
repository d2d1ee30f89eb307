#include "sluice/mnist.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "runtime/data/mnist_files.h"
#include "sluice/error.h"
#include "sluice/idx.h"
#include "sluice/synthetic_digits.h"

namespace sluice {

namespace {

using Path = std::filesystem::path;

constexpr std::int64_t kSide = 28;
constexpr std::int64_t kClasses = 10;
constexpr std::int64_t kValidation = 10000;
constexpr std::uint64_t kSyntheticSeed = 1;
constexpr char kSyntheticFolder[] = "synthetic-digits-1";  // renumbered when the generator draws different images

/// Returns the file, plain or compressed, if it exists.
std::optional<Path> find_file(const Path& folder, const char* name) {
  const Path plain = folder / name;
  if (std::filesystem::exists(plain)) return plain;
  const Path packed = folder / (std::string(name) + ".gz");
  if (std::filesystem::exists(packed)) return packed;
  return std::nullopt;
}

bool has_all_files(const Path& folder) {
  return find_file(folder, kTrainImages) && find_file(folder, kTrainLabels) && find_file(folder, kTestImages) &&
         find_file(folder, kTestLabels);
}

Path require_file(const Path& folder, const char* name) {
  if (!std::filesystem::is_directory(folder))
    fail("{}: expected a folder with MNIST's files, there is none", folder.string());
  const std::optional<Path> file = find_file(folder, name);
  if (!file) fail("{}: expected {} or {}.gz, there is neither", folder.string(), name, name);
  return *file;
}

Dataset read_part(const Path& folder, const char* images_name, const char* labels_name) {
  const Path images_file = require_file(folder, images_name);
  const Path labels_file = require_file(folder, labels_name);
  Array images = read_idx(images_file);
  if (images.rank() != 3 || images.sizes()[1] != kSide || images.sizes()[2] != kSide) {
    fail("{}: expected images u8[N,28,28], got {}", images_file.string(), to_string(images.type()));
  }
  Array labels = read_idx(labels_file);
  if (labels.sizes() != std::vector{images.sizes()[0]}) {
    fail("{}: expected labels u8[{}], one for each image, got {}", labels_file.string(), images.sizes()[0],
         to_string(labels.type()));
  }
  const auto values = std::as_const(labels).data<std::uint8_t>();
  const auto wrong = std::find_if(values.begin(), values.end(), [](std::uint8_t label) { return label >= kClasses; });
  if (wrong != values.end()) {
    fail("{}: expected labels 0 to 9, got {} for image {}", labels_file.string(), *wrong, wrong - values.begin());
  }
  return {images, labels};
}

/// Returns the variable's value, unless it is unset or empty.
std::optional<Path> path_of_environment(const char* variable) {
  const char* const value = std::getenv(variable);
  if (value == nullptr || *value == '\0') return std::nullopt;
  return Path(value);
}

Path cache_folder() {
  const std::optional<Path> cache = path_of_environment("XDG_CACHE_HOME");
  if (cache && cache->is_absolute()) return *cache / "sluice";  // the XDG specification ignores relative ones
  const std::optional<Path> home = path_of_environment("HOME");
  if (!home)
    fail("mnist: there is no cache folder to look in: set HOME or XDG_CACHE_HOME, or name a folder with the data");
  return *home / ".cache" / "sluice";
}

}  // namespace

Mnist read_mnist(const Path& folder) {
  const Dataset training = read_part(folder, kTrainImages, kTrainLabels);
  if (training.size() <= kValidation) {
    fail("{}: expected more than {} training images (the first ones validate), got {}", folder.string(), kValidation,
         training.size());
  }
  Mnist mnist;
  mnist.parts = {{"train", training}, {"test", read_part(folder, kTestImages, kTestLabels)}};
  mnist.train = training.slice(kValidation, training.size());
  mnist.validation = training.slice(0, kValidation);
  mnist.test = mnist.split("test");
  mnist.source = folder.string();
  return mnist;
}

namespace {

/// Calls read_mnist for a folder that the caller did not name: errors say where it came from, or what helps.
Mnist read_found(const Path& folder, std::string_view whence, std::string_view advice) {
  try {
    return read_mnist(folder);
  } catch (const Error& error) {
    fail("{}{}{}", whence, error.what(), advice);
  }
}

}  // namespace

Mnist load_mnist(const std::optional<Path>& folder) {
  if (folder) return read_mnist(*folder);
  if (const std::optional<Path> named = path_of_environment("SLUICE_DATA_DIR"))
    return read_found(*named, "SLUICE_DATA_DIR: ", "");

  const Path cache = cache_folder();
  if (has_all_files(cache / "mnist")) return read_found(cache / "mnist", "", "; remove it and run scripts/get-mnist");

  const Path drawn = cache / kSyntheticFolder;
  if (!has_all_files(drawn)) write_synthetic_digits(drawn, kSyntheticSeed);
  Mnist mnist = read_found(drawn, "", "; remove it, and it is drawn anew");
  mnist.synthetic = true;
  print_to_stderr("Note: these are synthetic digits and not MNIST (from {}); scripts/get-mnist fetches it\n",
                  mnist.source);
  return mnist;
}

}  // namespace sluice
