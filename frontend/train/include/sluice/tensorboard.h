#pragma once

#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "sluice/array.h"
#include "sluice/callback.h"
#include "sluice/ir/graph.h"

namespace sluice {

class Trainer;

/// Writes curves for TensorBoard: FOLDER/steps has loss, metrics and learning rate of each step ("batch_loss"),
/// FOLDER/train and FOLDER/validation those of each epoch ("epoch_loss"). Every training run adds its own files; from
/// its first step on they supersede what earlier runs wrote in the same folder, so the curves of a resumed run have no
/// duplicate points. Throws Error, now or during training, if they cannot be written.
Callback tensorboard(const std::filesystem::path& folder);
/// The same, and in FOLDER/train the graph of the trainer's step and, for each epoch, histograms of all float variables
/// of its model, without elements that are not finite. The trainer must exist as long as the callback.
Callback tensorboard(const std::filesystem::path& folder, const Trainer& trainer);

namespace detail {

/// An event file: records as in TFRecord files, each an Event of tensorflow/core/util/event.proto.
class EventFile {
 public:
  /// Creates a file in `folder`, which is created if necessary. Throws Error.
  explicit EventFile(const std::filesystem::path& folder);

  /// Writes one event with all values, as floats. Throws Error if it cannot be written.
  void write(std::int64_t step, std::span<const std::pair<std::string, double>> values);
  /// Writes one event with a histogram of each array; omits those without finite elements. Throws Error as write does.
  void write_histograms(std::int64_t step, std::span<const std::pair<std::string, Array>> arrays);
  /// Writes the graph, of which TensorBoard shows the last one of a folder. Throws Error as write does.
  void write_graph(const ir::Graph& graph);
  /// Marks the start of a training run: TensorBoard drops what it has read from this folder from `step` on. Throws
  /// Error as write does.
  void write_start(std::int64_t step);
  /// Flushes to the system, so that TensorBoard sees what was written. Throws Error as write does.
  void flush();

 private:
  void write_record(std::string_view payload);

  std::string path_;
  std::unique_ptr<std::FILE, int (*)(std::FILE*)> file_{nullptr, std::fclose};
};

/// Returns the CRC-32C (Castagnoli), as in iSCSI.
std::uint32_t crc32c(std::string_view bytes);

}  // namespace detail

}  // namespace sluice
