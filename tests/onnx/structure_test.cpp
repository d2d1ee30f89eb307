// The contents of a file of ONNX, and the models that are refused.
#include <doctest/doctest.h>
#include <onnx/onnx_pb.h>
#include <sys/mman.h>

#include <fstream>

#include "ir/random_arrays.h"
#include "runtime/onnx/convert.h"
#include "runtime/onnx/rules.h"
#include "sluice/detail/trace.h"
#include "sluice/ir/text.h"
#include "sluice/onnx.h"
#include "sluice/sluice.h"
#include "tests/frontend/misuse.h"
#include "tests/support/file_size_limit.h"
#include "tests/support/refusal.h"
#include "tests/support/run_program.h"

using namespace sluice;
using namespace sluice::test;

namespace {

onnx::ModelProto read_onnx(const std::filesystem::path& file) {
  onnx::ModelProto model;
  std::ifstream stream(file, std::ios::binary);
  REQUIRE(model.ParseFromIstream(&stream));
  return model;
}

/// Returns "x float [B,784]".
std::string text_of_info(const onnx::ValueInfoProto& info) {
  std::string text = fmt::format("{} {} [", info.name(),
                                 onnx::TensorProto::DataType_Name(
                                     static_cast<onnx::TensorProto::DataType>(info.type().tensor_type().elem_type())));
  for (const auto& dim : info.type().tensor_type().shape().dim()) {
    if (!text.ends_with('[')) text += ",";
    text += dim.has_dim_param() ? dim.dim_param() : fmt::format("{}", dim.dim_value());
  }
  return text + "]";
}

/// Returns the model that a graph's text describes, with random weights and results y0, y1, ...
SavedModel model_of_text(const std::string& text) {
  SavedModel model;
  model.graph = ir::parse("sluice-ir 1\n" + text);
  model.weights = random_states(model.graph, 1);
  for (std::size_t i = 0; i < model.graph.results().size(); ++i) model.output_names.push_back(fmt::format("y{}", i));
  return model;
}

std::vector<std::string> op_types_of(const std::string& text) {
  std::vector<std::string> types;
  const onnx::ModelProto model = onnx_model::convert(model_of_text(text));
  for (const onnx::NodeProto& node : model.graph().node()) types.push_back(node.op_type());
  return types;
}

using Types = std::vector<std::string>;

}  // namespace

TEST_CASE("a file has the names, sizes and weights of the function") {
  const TemporaryFolder folder;
  const auto file = folder.path() / "model.onnx";
  const MLP model(Dense(3, relu), Dense(2));
  const auto f =
      function("two heads", {f32(batch, 4).named("x"), i32(batch, length("T")).named("text")},
               [&](Tensor x, Tensor text) { return outputs(model(x), reshape(text + 1, {batch * length("T")})); });
  save_onnx(f, file, {"logits", "flat"});
  const onnx::ModelProto proto = read_onnx(file);
  CHECK(proto.ir_version() == 8);
  REQUIRE(proto.opset_import_size() == 1);
  CHECK(proto.opset_import(0).domain().empty());
  CHECK(proto.opset_import(0).version() == 17);
  CHECK(proto.producer_name() == "sluice");
  CHECK_FALSE(proto.producer_version().empty());
  CHECK(proto.metadata_props_size() == 0);
  const onnx::GraphProto& graph = proto.graph();
  CHECK(graph.name() == "two heads");
  REQUIRE(graph.input_size() == 2);
  CHECK(text_of_info(graph.input(0)) == "x FLOAT [B,4]");
  CHECK(text_of_info(graph.input(1)) == "text INT32 [B,T]");
  REQUIRE(graph.output_size() == 2);
  CHECK(text_of_info(graph.output(0)) == "logits FLOAT [B,2]");
  CHECK(text_of_info(graph.output(1)) == "flat INT32 [B*T]");
  for (const Variable& variable : model.variables()) {
    CAPTURE(variable.name());
    const auto& list = graph.initializer();
    const auto found =
        std::find_if(list.begin(), list.end(), [&](const auto& w) { return w.name() == variable.name(); });
    REQUIRE(found != list.end());
    const Array value = variable.value();
    CHECK(std::vector<std::int64_t>(found->dims().begin(), found->dims().end()) == value.sizes());
    CHECK(found->raw_data() == std::string(reinterpret_cast<const char*>(value.bytes()), value.byte_count()));
  }

  save_onnx(f, folder.path() / "default.onnx");
  CHECK(read_onnx(folder.path() / "default.onnx").graph().output(1).name() == "output_1");
  save_onnx(f, folder.path() / "again.onnx", {"logits", "flat"});
  CHECK(text_of(folder.path() / "again.onnx") == text_of(file));
}

TEST_CASE("a classifier has outputs and metadata of its classes") {
  const TemporaryFolder folder;
  const auto file = folder.path() / "classifier.onnx";
  const Dense model(3);
  const ExportModule module(u8(batch, 2, 2),
                            [&](const Tensor& images) {
                              return model(reshape(cast(images, f32), {batch, 4}));
                            },
                            {"cat", "dog", "Maus"});
  save_onnx(module, file);
  const onnx::ModelProto proto = read_onnx(file);
  CHECK(text_of_info(proto.graph().input(0)) == "images UINT8 [B,2,2]");
  REQUIRE(proto.graph().output_size() == 2);
  CHECK(text_of_info(proto.graph().output(0)) == "class INT64 [B]");
  CHECK(text_of_info(proto.graph().output(1)) == "probabilities FLOAT [B,3]");
  REQUIRE(proto.metadata_props_size() == 1);
  CHECK(proto.metadata_props(0).key() == "class_names");
  CHECK(proto.metadata_props(0).value() == "cat\ndog\nMaus");
}

TEST_CASE("broadcasts, reshapes and unread nodes cost no nodes") {
  CHECK(op_types_of("graph @bias(%x: f32[B,3], %b: f32[3]) {\n  %0: f32[B,3] = broadcast %b {shape=[B,3]}\n"
                    "  %1: f32[B,3] = add %x, %0\n  return %1\n}\n") == Types{"Add"});
  CHECK(op_types_of("graph @both(%x: f32[3], %b: f32[]) {\n  %0: f32[2,3] = broadcast %x {shape=[2,3]}\n"
                    "  %1: f32[2,3] = broadcast %b {shape=[2,3]}\n  %2: f32[2,3] = mul %0, %1\n  return %2\n}\n") ==
        Types{"Expand", "Mul"});
  CHECK(op_types_of("graph @there_and_back(%x: f32[B,2,3]) {\n  %0: f32[B,6] = reshape %x {shape=[B,6]}\n"
                    "  %1: f32[2*B,3] = reshape %0 {shape=[2*B,3]}\n  %2: f32[2*B,3] = relu %1\n  return %2\n}\n") ==
        Types{"Reshape", "Relu"});
  CHECK(op_types_of("graph @same(%x: f32[B]) {\n  return %x, %x\n}\n") == Types{"Identity", "Identity"});
}

TEST_CASE("sizes are computed from those of the inputs") {
  // T is known from T + 1, U then from T * U; the shape of the result needs both.
  const Types types = op_types_of(
      "graph @sizes(%x: f32[T+1], %y: f32[2*T*U]) {\n  %0: i64[] = batch_size {size=3*U+T}\n"
      "  return %0\n}\n");
  CHECK(std::ranges::count(types, "Shape") == 2);
  CHECK(std::ranges::count(types, "Div") == 1);
}

TEST_CASE("every row says what it is, and refused ops name the model's line") {
  for (const onnx_model::Row& row : onnx_model::rows()) {
    CHECK_FALSE(row.nodes.empty());
    if (row.write == nullptr) CHECK_FALSE(row.note.empty());
  }
  const TemporaryFolder folder;
  const auto drawn = function("drawn", {f32(batch, 2), i64()}, [](Tensor x, Tensor key) {
    const ir::Attributes pair{{ir::Attr::kDType, DType::kF32}, {ir::Attr::kShape, Shape{2}}};
    const Scope scope(std::source_location::current());  // draws
    return x + Trace::required("noise").add(ir::Op::kRandomUniform, {key, key}, pair);
  });
  CHECK(thrown_in_full([&] { save_onnx(drawn, folder.path() / "drawn.onnx"); }) ==
        "<const Scope scope(std::source_location::current());  // draws>: onnx: "
        "random_uniform cannot be exported: no op of ONNX draws the numbers of a key and a counter: make the noise an "
        "input");
  CHECK_FALSE(std::filesystem::exists(folder.path() / "drawn.onnx"));
}

TEST_CASE("docs/onnx.md has the table of ops") {
  std::string table = "| op | ONNX | remarks |\n|---|---|---|\n";
  for (const onnx_model::Row& row : onnx_model::rows())
    table += fmt::format("| `{}` | {} | {} |\n", info(row.op).name, row.nodes, row.note);
  const std::string page = text_of(SLUICE_ONNX_MD);
  CHECK_MESSAGE(contains(page, table), "expected in docs/onnx.md:\n", table);
}

TEST_CASE("misuse") {
  const TemporaryFolder folder;
  const auto file = folder.path() / "model.onnx";
  const Variable calls("calls", Array::scalar(0.F));
  const auto counting = function("counting", {f32(batch)}, [&](Tensor x) {
    calls.assign_add(1);  // counts
    return x;
  });
  CHECK(thrown_in_full([&] { save_onnx(counting, file); }) ==
        "<calls.assign_add(1);  // counts>: onnx: @counting updates \"calls\"; a model in ONNX changes no variable");
  const auto noisy = function("noisy", {f32(batch)}, [&](Tensor x) { return x + random_normal({batch}); });
  CHECK(contains(thrown_in_full([&] { save_onnx(noisy, file); }), "save: @noisy draws random numbers at <const auto"));
  const auto same = function("same", {f32(batch).named("x")}, [](Tensor x) { return x + 1; });
  const auto silent = function("silent", {f32(batch).named("x")}, [](Tensor) {});
  CHECK(refusal([&] { save_onnx(silent, file); }) ==
        "onnx: @silent returns nothing, and a model in ONNX has an output");
  CHECK(refusal([&] { save_onnx(same, file, {"x"}); }) ==
        "onnx: @same has two values named \"x\", input and output; an ONNX graph names each value differently");
  const Variable x("x", Array::scalar(2.F));
  const auto scaled = function("scaled", {f32(batch).named("x")}, [&](Tensor of) { return x * of; });
  CHECK(refusal([&] { save_onnx(scaled, file); }) ==
        "onnx: @scaled has two values named \"x\", input and variable; an ONNX graph names each value differently");
  CHECK(refusal([&] { save_onnx(same, file, {""}); }) == "onnx: @same has an empty name, of its output");
  CHECK(refusal([&] {
          save_onnx(same, file, {"y", "z"});
        }) == "onnx: expected a name for each of the 1 results of @same, got 2");
  CHECK_FALSE(std::filesystem::exists(file));
}

TEST_CASE("weights that do not fit in a file are refused before they are copied") {
  constexpr std::size_t kBytes = std::size_t{4} * 600'000'000;
  void* const memory = mmap(nullptr, kBytes, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  REQUIRE(memory != MAP_FAILED);
  ir::Builder b("large");
  b.set_results({b.state("w", "w", {DType::kF32, {600'000'000}})});
  const std::shared_ptr<void> owner(memory, [](void* pages) { munmap(pages, kBytes); });
  const SavedModel model{std::move(b).finish(), {Array::borrow(DType::kF32, {600'000'000}, owner)}, {"y"}};
  CHECK(refusal([&] { write_onnx("large.onnx", model); }) ==
        "onnx: @large takes 2400000000 bytes, and a file of ONNX has at most 2147483647");
}

TEST_CASE("long axes of constants do not lengthen the file") {
  const TemporaryFolder folder;
  const auto f =
      function("long", {f64(batch, 5000, 2).named("x"), i64(batch).named("label")}, [](Tensor x, Tensor label) {
        const Tensor smooth = conv1d(x, full({3, 2, 1}, 0.5, DType::kF64));
        return outputs(smooth, one_hot(label, 5000, DType::kF32) * cast(iota({5000}, 0, DType::kI64), f32));
      });
  save_onnx(f, folder.path() / "long.onnx");
  CHECK(std::filesystem::file_size(folder.path() / "long.onnx") < 4000);
}

TEST_CASE("a file that cannot be written stays as it was") {
  const TemporaryFolder folder;
  const auto f = function("f", {f32(batch).named("x")}, [](Tensor x) { return x + 1; });
  const std::string missing = (folder.path() / "no folder" / "f.onnx").string();
  CHECK(refusal([&] { save_onnx(f, missing); }) == missing + ": cannot be written: No such file or directory");
  CHECK(refusal([&] { save_onnx(f, folder.path()); }) ==
        folder.path().string() + ": cannot be written: Is a directory");
  const auto file = folder.path() / "f.onnx";
  save_onnx(f, file);
  const std::string before = text_of(file);
  std::string full;
  {
    const FileSizeLimit limit(16);
    full = refusal([&] { save_onnx(f, file); });
  }
  CHECK(full == file.string() + ": cannot be written: File too large");
  CHECK(text_of(file) == before);
}
