#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "sluice/saved_model.h"
#include "tests/support/temporary_folder.h"

namespace sluice::test {

/// Models and inputs for ONNX Runtime, which runs them all in one process of Python.
class OnnxRuntime {
 public:
  static bool is_there();
  static constexpr const char* kMissing = "there is no ONNX Runtime; scripts/setup --readers installs it";

  /// The file of a model, to be written before run().
  std::filesystem::path file_of(const std::string& model) const { return folder_.path() / (model + ".onnx"); }
  /// Adds a run of `model`, whose results run() returns under "model|run|output".
  void add(const std::string& model, const std::string& run, const ir::Graph& graph, const std::vector<Array>& inputs);

  struct Answer {
    std::map<std::string, Array, std::less<>> outputs;
    std::map<std::string, std::string> failed;  ///< the message by model
  };
  Answer run() const;

 private:
  TemporaryFolder folder_;
  std::map<std::string, Array, std::less<>> inputs_;
};

/// Returns whether floats agree to 1e-5, relative to what is expected if that is larger than 1, or to `scale`; other
/// dtypes agree if they are equal. NaN and infinities are equal to themselves. `any_nan`: where NaN is expected, every
/// number does.
std::string difference_to_1e_5(const Array& computed, const Array& expected, bool by_largest, bool any_nan = false);

}  // namespace sluice::test
