#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "sluice/module.h"

// Weights that another framework has written to a safetensors file, under its own names and in its own layouts.
namespace sluice {

/// Where the value of a variable lies in a file, and how.
class WeightSource {
 public:
  /// The array `name`, whose axes are permuted as by transpose(): {1, 0} for the weight of PyTorch's Linear, {2, 3, 1,
  /// 0} for that of its Conv2d; empty: they stay.
  WeightSource(std::string name, std::vector<std::int64_t> permutation = {});  // NOLINT: most sources are just names

  /// Part `i` of `n` equal ones along an axis, after the permutation: query, key and value often lie in one array.
  WeightSource part(std::int64_t i, std::int64_t n, std::int64_t axis) const;

  const std::string& name() const { return name_; }
  /// Returns its value for a variable of `type` from the array of that name: permuted, a part of it, and with axes
  /// split or joined, as from [32,32] to [32,4,8]. Throws Error, saying what it is, if that yields another type.
  Array value(const Array& array, const Type& type) const;

 private:
  std::string name_;
  std::vector<std::int64_t> permutation_;
  std::int64_t part_ = 0;
  std::int64_t parts_ = 1;
  std::int64_t axis_ = 0;
};

/// What to do with arrays of a file that no variable takes.
enum class UnusedArrays : std::uint8_t { kRefuse, kIgnore };

/// Sets the variables from a file that other software has written. `sources` says where a variable lies that has
/// another name or layout there, by its name in VariableList::named; the others are under their own names, as they are.
/// Throws Error, listing everything that is missing, unused or of another type; then nothing has changed. Also throws
/// if `sources` names a variable that does not exist.
void load_weights(const VariableList& variables, const std::filesystem::path& file,
                  const std::map<std::string, WeightSource>& sources, UnusedArrays unused = UnusedArrays::kRefuse);

}  // namespace sluice
