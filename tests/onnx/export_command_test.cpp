// `sluice export` as a user runs it.
#include <doctest/doctest.h>

#include "sluice/detail/trace.h"
#include "sluice/export.h"
#include "sluice/frontend.h"
#ifdef SLUICE_HAS_ONNX
#include "sluice/onnx.h"
#endif
#include "tests/tools/run_sluice.h"

using namespace sluice;
using namespace sluice::test;

namespace {

/// Runs `sluice export` in `folder`.
Outcome run_export(const TemporaryFolder& folder, const std::string& arguments) {
  return run_sluice("export " + arguments, fmt::format("cd '{}';", folder.path().string()));
}

}  // namespace

#ifdef SLUICE_HAS_ONNX

TEST_CASE("sluice export writes what save_onnx does") {
  const TemporaryFolder folder;
  const MLP model(Dense(5, relu), Dense(3));
  const ExportModule digits(u8(batch, 2, 2),
                            [&](const Tensor& images) {
                              return model(reshape(cast(images, f32), {batch, 4}));
                            },
                            {"a", "b", "c"});
  save(digits, folder.path() / "digits");
  save_onnx(digits, folder.path() / "expected.onnx");
  const Outcome outcome = run_export(folder, "digits --onnx digits.onnx");
  CHECK(outcome.status == 0);
  CHECK(outcome.out.empty());
  CHECK(outcome.err.empty());
  CHECK(text_of(folder.path() / "digits.onnx") == text_of(folder.path() / "expected.onnx"));

  const Outcome missing = run_export(folder, "none --onnx x.onnx");
  CHECK(missing.status == 1);
  CHECK(missing.err == "sluice: none: expected a folder with a saved model, there is none\n");
  const Outcome unwritable = run_export(folder, "digits --onnx none/x.onnx");
  CHECK(unwritable.status == 1);
  CHECK(unwritable.err == "sluice: none/x.onnx: cannot be written: No such file or directory\n");
  CHECK(run_export(folder, "digits").status == 2);
}

TEST_CASE("sluice export shows the line of an op that ONNX does not have") {
  const TemporaryFolder folder;
  const auto noise = function("noise", {i64().named("key")}, [](Tensor key) {
    return Trace::required("noise").add(ir::Op::kRandomNormal, {key, key},
                                        {{ir::Attr::kDType, DType::kF32}, {ir::Attr::kShape, Shape{2}}});
  });
  save(noise, folder.path() / "noise");
  const Outcome outcome = run_export(folder, "noise --onnx noise.onnx");
  CHECK(outcome.status == 1);
  CHECK(outcome.err ==
        "sluice: noise/model.ir:3:16: onnx: random_normal cannot be exported: no op of ONNX draws the numbers of a key "
        "and a counter: make the noise an input\n");
  CHECK_FALSE(std::filesystem::exists(folder.path() / "noise.onnx"));
}

#else

TEST_CASE("sluice export says so where it was built without ONNX") {
  const Outcome outcome = run_export(TemporaryFolder(), "digits --onnx digits.onnx");
  CHECK(outcome.status == 1);
  CHECK(outcome.err ==
        "sluice: export: this Sluice was built without ONNX, so it cannot write digits.onnx of digits; it needs "
        "Debian's libonnx-dev, libprotobuf-dev and protobuf-compiler when it is built\n");
}

#endif
