#include "sluice/onnx.h"

namespace sluice {

void save_onnx(const AnyFunction& function, const std::filesystem::path& path, std::vector<std::string> output_names,
               std::source_location where) {
  write_onnx(path, model_to_save(function, std::move(output_names), where));
}

void save_onnx(const ExportModule& module, const std::filesystem::path& path, std::source_location where) {
  write_onnx(path, model_to_save(module, where));
}

}  // namespace sluice
