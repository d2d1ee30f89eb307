#pragma once

#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "sluice/callback.h"

namespace sluice {

/// Writes what TensorBoard shows as curves: FOLDER/steps has loss, metrics and learning rate of each step
/// ("batch_loss"), FOLDER/train and FOLDER/validation those of each epoch ("epoch_loss"). Every training adds files of
/// its own; from its first step on they take the place of what earlier ones in the same folder wrote, so the curves of
/// one that was resumed have no point twice. Throws Error, now or in the training, if they cannot be written.
Callback tensorboard(const std::filesystem::path& folder);

namespace detail {

/// A file of events: records as in TFRecord files, each an Event of tensorflow/core/util/event.proto.
class EventFile {
 public:
  /// A new file in `folder`, which is made if it is not there. Throws Error.
  explicit EventFile(const std::filesystem::path& folder);

  /// One event with all values, as floats. Throws Error if it cannot be written.
  void write(std::int64_t step, std::span<const std::pair<std::string, double>> values);
  /// Says that a training begins: TensorBoard drops what it has read of this folder from `step` on. Throws Error as
  /// write does.
  void write_start(std::int64_t step);
  /// Gives what was written to the system, for TensorBoard to see. Throws Error as write does.
  void flush();

 private:
  void write_record(std::string_view payload);

  std::string path_;
  std::unique_ptr<std::FILE, int (*)(std::FILE*)> file_{nullptr, std::fclose};
};

/// CRC-32C (Castagnoli), as of iSCSI.
std::uint32_t crc32c(std::string_view bytes);

}  // namespace detail

}  // namespace sluice
