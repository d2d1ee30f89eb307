#include <memory>
#include <string>

#include "sluice/error.h"
#include "tools/commands.h"

#ifdef SLUICE_HAS_ONNX
#include "sluice/onnx_model.h"
#endif

namespace sluice::tools {

namespace {

struct ExportOptions {
  std::string model;
  std::string onnx;
};

void export_model(const ExportOptions& options) {
#ifdef SLUICE_HAS_ONNX
  write_onnx(options.onnx, read_saved_model(options.model));
#else
  fail(
      "export: this Sluice was built without ONNX, so it cannot write {} of {}; it needs Debian's libonnx-dev, "
      "libprotobuf-dev and protobuf-compiler when it is built",
      options.onnx, options.model);
#endif
}

}  // namespace

void add_export(CLI::App& program) {
  auto* const command = program.add_subcommand("export", "Write a saved model as a file for other runtimes");
  const auto options = std::make_shared<ExportOptions>();
  command->add_option("MODEL", options->model, "The folder of a saved model")->required();
  command->add_option("--onnx", options->onnx, "The file to write, in the format ONNX")->required();
  command->footer(
      "Examples:\n"
      "  sluice export digits --onnx digits.onnx\n"
      "Inputs, outputs and weights keep their names. The file serves all batch sizes.");
  command->callback([options] { export_model(*options); });
}

}  // namespace sluice::tools
