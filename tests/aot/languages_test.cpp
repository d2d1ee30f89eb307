// The object and its header in C, C++ and Python, with files of weights, a static library, and what they link.
#include <cstring>

#include "ir/random_arrays.h"
#include "sluice/idx.h"
#include "sluice/ir/text.h"
#include "sluice/safetensors.h"
#include "sluice/sluice.h"
#include "tests/aot/exported.h"
#include "tests/support/skip.h"

using namespace sluice;
using namespace sluice::test;

namespace {

/// A step with weights, an optimizer's state and a counter.
struct Regression {
  Regression() { set_seed(6); }

  MLP model{Dense(40, relu), Dense(1)};
  Adam adam;
  Function<Tensor, 2> step =
      function("step", {f32(batch, 9).named("x"), f32(batch).named("y")}, [this](Tensor x, Tensor y) {
        const Tensor loss = reduce_mean(square(reshape(model(x), {batch}) - y));
        adam.minimize(loss, model);
        return loss;
      });
};

constexpr const char* kProgram = R"(
#include <stdio.h>
#include "step.h"
#include "sluice_weights.h"

#if defined(__GNUC__)
__attribute__((aligned(STEP_ALIGNMENT)))
#endif
static unsigned char memory[STEP_MEMORY_BYTES(1)];

int main(void) {
  sluice_context context;
  float x[4 * 9];
  float y[4];
  float loss = 0;
  int i;
  if (step_memory_bytes(1) < 0 || step_memory_bytes(1) > (int64_t)sizeof memory) return 2;
  if (step_memory_bytes(7) > STEP_MEMORY_BYTES(7)) return 3;
  if (step_init(&context, memory, sizeof memory, NULL) != SLUICE_OK) return 4;
  if (sluice_load_weights("step.safetensors", &context, step_variables()) != SLUICE_OK) return 5;
  for (i = 0; i < 36; ++i) x[i] = (float)(i % 7) / 7;
  for (i = 0; i < 4; ++i) y[i] = (float)i;
  for (i = 0; i < 20; ++i) {
    if (step_run(&context, 4, x, y, &loss) != SLUICE_OK) return 6;
  }
  if (step_run(&context, 5, x, y, &loss) != SLUICE_WRONG_SIZE) return 7;
  if (sluice_save_weights("trained.safetensors", &context, step_variables()) != SLUICE_OK) return 8;
  printf("%a %d\n", loss, (int)STEP_VARIABLES);
  return 0;
}
)";

}  // namespace

TEST_CASE("a program in C99 trains with the object alone, in static memory, as the JIT does") {
  Regression regression;
  const TemporaryFolder folder;
  export_object(regression.step, folder.path() / "step", {.max_batch = 4, .static_library = true, .sources = true});
  write_text(folder.path() / "main.c", kProgram);
  const std::string in = fmt::format("cd '{}' && ", folder.path().string());
  const auto shell = [&](const std::string& command) {
    return run_program("sh", fmt::format("-c \"{}{}\"", in, command));
  };
  const auto quiet = [&](const std::string& command) {
    const Outcome outcome = shell(command);
    INFO(command, "\n", outcome.err);
    CHECK(outcome.status == 0);
    CHECK(outcome.err.empty());
  };
  quiet("cc -std=c99 -Wall -Wextra -pedantic -Werror -o main main.c sluice_memory.c sluice_weights.c step.o -lm");
  quiet(
      "cc -std=c99 -Wall -Wextra -pedantic -Werror -o by_library main.c sluice_memory.c sluice_weights.c -L. "
      "-l:libstep.a -lm");
  quiet("c++ -x c++ -std=c++11 -Wall -Wextra -pedantic -Werror -fsyntax-only main.c");

  const Outcome outcome = shell("./main");
  REQUIRE(outcome.status == 0);
  Array x(DType::kF32, {4, 9});
  for (int i = 0; i < 36; ++i) x.data<float>()[static_cast<std::size_t>(i)] = static_cast<float>(i % 7) / 7;
  const Array y{0.0F, 1.0F, 2.0F, 3.0F};
  float loss = 0;
  for (int i = 0; i < 20; ++i) loss = regression.step(x, y).item<float>();
  char expected[64];
  std::snprintf(expected, sizeof expected, "%a %d\n", static_cast<double>(loss),
                static_cast<int>(regression.step.variables().size()));
  CHECK(outcome.out == expected);
  const SafeTensors trained = read_safetensors(folder.path() / "trained.safetensors");
  for (const auto& variable : regression.step.variables()) {
    CAPTURE(variable->name());
    REQUIRE(trained.arrays.contains(variable->name()));
    CHECK(trained.arrays.find(variable->name())->second == variable->value());
  }

  const Outcome again = shell("./by_library");
  CHECK(again.out == expected);  // the file of weights is as it was
  for (const std::string& line : lines_of(shell("ldd main").out)) {
    CAPTURE(line);
    CHECK((contains(line, "libc.so") || contains(line, "libm.so") || contains(line, "ld-linux") ||
           contains(line, "linux-vdso")));
  }
  for (const std::string& line : lines_of(shell("nm -u step.o").out)) {
    CAPTURE(line);
    CHECK((contains(line, "mem") || line.ends_with("f") || line.ends_with("pow")));
  }
  // No writable data.
  CHECK_FALSE(contains(shell("nm step.o | grep ' [dDbBC] '").out, " "));
  CHECK(contains(text_of(folder.path() / "step.md"), "| `x` | input | f32[B,9] |"));
}

TEST_CASE("weights from files: a damaged one changes nothing") {
  Regression regression;
  const Exported exported(regression.step, {});
  Context context(exported, nullptr, std::int64_t{4});
  const std::string file = exported.path(".saved");
  REQUIRE(sluice_save_weights(file.c_str(), &context.context, exported.variables()) == SLUICE_OK);
  const std::string good = text_of(file);
  const Array before = context.get(0);
  const auto load = [&](const std::string& text) {
    write_text(file, text);
    return sluice_load_weights(file.c_str(), &context.context, exported.variables());
  };
  CHECK(load(good) == SLUICE_OK);
  for (std::size_t length = 0; length < good.size(); length += length < 400 ? 1 : 997)
    CHECK(load(good.substr(0, length)) != SLUICE_OK);
  std::string other = good;
  other.replace(other.find("F32"), 3, "I32");
  CHECK(load(other) == SLUICE_FILE_WRONG_TYPE);
  for (std::size_t at = 8; at < 300; ++at) {  // whatever the damage is, nothing crashes
    std::string damaged = good;
    damaged[at] = static_cast<char>(damaged[at] ^ 0x15);
    static_cast<void>(load(damaged));
  }
  CHECK(sluice_load_weights("/nowhere/file", &context.context, exported.variables()) == SLUICE_FILE_UNREADABLE);
  CHECK(sluice_load_weights(nullptr, &context.context, exported.variables()) == SLUICE_FILE_UNREADABLE);
  CHECK(sluice_save_weights("/nowhere/file", &context.context, exported.variables()) == SLUICE_FILE_UNWRITABLE);
  sluice_context none{};
  CHECK(load(good) == SLUICE_OK);
  CHECK(sluice_load_weights(file.c_str(), &none, exported.variables()) == SLUICE_NOT_INITIALIZED);
  CHECK(sluice_save_weights(file.c_str(), &none, exported.variables()) == SLUICE_NOT_INITIALIZED);
  CHECK(text_of(file) == good);
  CHECK(context.get(0) == before);
}

TEST_CASE("Python calls the object by ctypes") {
  const Outcome found = run_program("python3", "-c 'import numpy'");
  if (found.status != 0) return skip("there is no Python with NumPy");
  Regression regression;
  const Exported exported(regression.step, {.embed_weights = true}, "step");
  CHECK_FALSE(std::filesystem::exists(exported.path(".safetensors")));
  const Outcome outcome = run_program("python3", fmt::format("'{}' '{}'", AOT_PYTHON, exported.path(".so")));
  INFO(outcome.err);
  REQUIRE(outcome.status == 0);
  Array x(DType::kF32, {4, 9});
  for (int i = 0; i < 36; ++i) x.data<float>()[static_cast<std::size_t>(i)] = static_cast<float>(i) / 36;
  const Array y{0.0F, 1.0F, 2.0F, 3.0F};
  float loss = 0;
  for (int i = 0; i < 5; ++i) loss = regression.step(x, y).item<float>();
  CHECK(outcome.out == fmt::format("{:.9g}\n", loss));
}

TEST_CASE("sluice compile makes a C program of a saved model, and an object of a training step as text") {
  set_seed(7);
  MLP model(Conv2D(4, 3, {.activation = relu}), MaxPool2D(2), Flatten(), Dense(10));
  const ExportModule digits(u8(batch, 28, 28, 1).named("images").range(0, 256),
                            [&](Tensor images) { return model(cast(images, f32) / 255); });
  const Array pictures = random_array({DType::kU8, {20, 28, 28, 1}}, 1, 1, ir::Range{0, 256});
  const Array classes = digits.predict(pictures).classes;
  const TemporaryFolder folder;
  save(digits, folder.path() / "model");
  const std::string path = folder.path().string();
  const Outcome compiled =
      run_program(SLUICE_PROGRAM,
                  fmt::format("compile '{0}/model' -o '{0}/digits' --embed-weights --max-batch 1 --cpu x86-64 --cpu "
                              "x86-64-v3 --cpu x86-64-v4 --cpu native",
                              path));
  INFO(compiled.err);
  REQUIRE(compiled.status == 0);
  CHECK(contains(compiled.out, "digits.o: "));
  CHECK_FALSE(std::filesystem::exists(folder.path() / "digits.safetensors"));
  write_idx(folder.path() / "t10k-images-idx3-ubyte", pictures.reshaped({20, 28, 28}));
  Array labels(DType::kU8, {20});
  for (std::int64_t i = 0; i < 20; ++i) labels.at<std::uint8_t>(i) = static_cast<std::uint8_t>(classes(i));
  write_idx(folder.path() / "t10k-labels-idx1-ubyte", labels);
  cc(
      fmt::format("-std=c99 -Wall -Wextra -pedantic -Werror -D_POSIX_C_SOURCE=200809L '-I{0}' -o '{0}/predict' "
                  "'{1}/predict.c' '{0}/digits.o' -lm",
                  path, AOT_EXAMPLES));
  const Outcome predicted = run_program(path + "/predict", "'" + path + "'");
  CHECK(predicted.status == 0);
  CHECK(predicted.out.starts_with("20 of 20 right, "));

  const Regression regression;
  regression.step.compile();
  write_text(folder.path() / "step.ir", ir::print(regression.step.graph()));
  const Outcome step = run_program(SLUICE_PROGRAM, fmt::format("compile '{0}/step.ir' -o '{0}/step' --sources", path));
  INFO(step.err);
  CHECK(step.status == 0);
  CHECK(std::filesystem::exists(folder.path() / "sluice_threads.c"));
  const Outcome wrong = run_program(SLUICE_PROGRAM, fmt::format("compile '{0}/step.ir' -o '{0}/s' --cpu z80", path));
  CHECK(wrong.status == 1);
  CHECK(contains(wrong.err, "there is no CPU 'z80'"));
}
