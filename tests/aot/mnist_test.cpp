// The examples of examples/aot, built by their Makefile, and what the guide's exported step costs.
#include "sluice/mnist.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <functional>
#include <map>
#include <numeric>
#include <sstream>

#include "ir/random_arrays.h"
#include "sluice/idx.h"
#include "sluice/runtime/executable.h"
#include "sluice/safetensors.h"
#include "sluice/sluice.h"
#include "sluice/synthetic_digits.h"
#include "tests/aot/exported.h"
#include "tests/support/skip.h"

using namespace sluice;
using namespace sluice::test;

namespace {

/// The guide's model, as in examples/aot/export_models.cpp.
struct Guide {
  Guide() { set_seed(42); }

  MLP model{Dense(700, relu), Dense(500, relu), Dense(10)};
  Adam adam{{.learning_rate = 1e-3, .epsilon_place = AdamEpsilon::kPyTorch}};
  Function<std::array<Tensor, 2>, 2> step =
      function("train_step", {u8(batch, 28, 28), u8(batch).range(0, 10)}, [this](Tensor images, Tensor labels) {
        const Tensor logits = model(reshape(cast(images, f32), {batch, 784}) / 255);
        const Tensor loss = reduce_mean(sparse_softmax_cross_entropy(logits, labels));
        adam.minimize(loss, model);
        return outputs(loss, reduce_mean(cast(argmax(logits, 1) == cast(labels, i64), f32)));
      });
};

Outcome in_folder(const std::filesystem::path& folder, const std::string& command) {
  return run_program("sh", fmt::format("-c \"cd '{}' && {}\"", folder.string(), command));
}

double seconds_of(const std::function<void()>& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

/// Runs a program and returns the two numbers that it writes. Its second argument is when it was started.
std::array<double, 2> started(const Exported& exported, const std::string& program, const std::string& mode,
                              const std::string& weights) {
  const std::string out = exported.path(".out");
  std::timespec time{};
  clock_gettime(CLOCK_MONOTONIC, &time);
  const std::string seconds = fmt::format("{}.{:09}", time.tv_sec, time.tv_nsec);
  std::vector<std::string> words{program, mode, seconds};
  if (!weights.empty()) words.push_back(weights);
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 1, out.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
  pid_t process = 0;
  REQUIRE(posix_spawn(&process, program.c_str(), &actions, nullptr, arguments.data(), environ) == 0);
  posix_spawn_file_actions_destroy(&actions);
  int status = 0;
  REQUIRE(waitpid(process, &status, 0) == process);
  REQUIRE(status == 0);
  std::array<double, 2> numbers{};
  std::istringstream(text_of(out)) >> numbers[0] >> numbers[1];
  return numbers;
}

double median(std::vector<double> values) {
  std::ranges::nth_element(values, values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2));
  return values[values.size() / 2];
}

}  // namespace

TEST_CASE("the C program trains MNIST's perceptron to the last bit as the JIT does") {
  const bool real = std::getenv("SLUICE_DATA_DIR") != nullptr;
  const Dataset data = real ? load_mnist().train : synthetic_digits(1, 0, 1000);
  const std::int64_t count = data.size();
  const Array images = data.input().reshaped({count, 28, 28});
  const Array labels = data.target().reshaped({count});
  for (const int threads : {1, 2}) {
    CAPTURE(threads);
    const TemporaryFolder folder;
    write_idx(folder.path() / "train-images-idx3-ubyte", images);
    write_idx(folder.path() / "train-labels-idx1-ubyte", labels);
    REQUIRE(run_program(EXPORT_MODELS, "'" + folder.path().string() + "'").status == 0);
    const Outcome made = in_folder(
        folder.path(), fmt::format("make -s -f '{0}/Makefile' VPATH='{0}' EXPORTS=. CFLAGS='-std=c99 -O2 -Wall -Wextra "
                                   "-pedantic -Werror -D_POSIX_C_SOURCE=200809L -I. -I{0}' train",
                                   AOT_EXAMPLES));
    INFO(made.err);
    REQUIRE(made.status == 0);
    CHECK(made.err.empty());
    const Outcome trained = in_folder(folder.path(), fmt::format("./train . 1 {}", threads));
    REQUIRE(trained.status == 0);
    MESSAGE(trained.out);
    CHECK(std::filesystem::file_size(folder.path() / "step.o") <= 300 * 1024);

    const Guide guide;
    set_num_threads(threads);
    for (std::int64_t at = 0; at < count; at += 128) {
      const std::int64_t size = std::min<std::int64_t>(128, count - at);
      Array some(DType::kU8, {size, 28, 28});
      Array some_labels(DType::kU8, {size});
      std::memcpy(some.bytes(), images.bytes() + at * 784, some.byte_count());
      std::memcpy(some_labels.bytes(), labels.bytes() + at, some_labels.byte_count());
      guide.step(some, some_labels);
    }
    const SafeTensors file = read_safetensors(folder.path() / "trained.safetensors");
    for (const auto& variable : guide.step.variables()) {
      CAPTURE(variable->name());
      REQUIRE(file.arrays.contains(variable->name()));
      CHECK(file.arrays.find(variable->name())->second == variable->value());
    }
  }
}

// build/bin/test_aot_mnist -tc="measure*" --no-skip
TEST_CASE("measure the time from a program's start to its first step" * doctest::skip()) {
  const Guide guide;
  for (const bool embeds : {false, true}) {
    const Exported exported(guide.step, {.embed_weights = embeds, .sources = true}, "step");
    const std::string program = exported.path(".start");
    cc(
        fmt::format("-std=c99 -O2 -D_POSIX_C_SOURCE=200809L '-I{0}' -o '{1}' '{2}' '{3}' '{0}/sluice_memory.c' "
                    "'{0}/sluice_weights.c' -lm",
                    exported.folder().string(), program, AOT_START, exported.path(".o")));
    std::map<std::string, std::array<std::vector<double>, 2>> taken;
    for (int turn = 0; turn < 40; ++turn) {
      for (const std::string mode : {"plain", "zeroed"}) {
        const auto numbers = started(exported, program, mode, embeds ? "" : exported.path(".safetensors"));
        for (std::size_t i = 0; i < 2; ++i) taken[mode][i].push_back(numbers[i]);
      }
    }
    for (auto& [mode, times] : taken)
      MESSAGE("weights in the ", std::string(embeds ? "object" : "file"), ", ", mode, " memory: ", median(times[0]),
              " ms from main to the first step, ", median(times[1]), " from the start of the process; least ",
              *std::ranges::min_element(times[0]), " and ", *std::ranges::min_element(times[1]));
  }
}

TEST_CASE("measure the guide's step against the JIT, in turns" * doctest::skip()) {
  const Guide guide;
  const Exported exported(guide.step, {});
  constexpr std::int64_t kBatch = 128;
  const Array images = random_array({DType::kU8, {kBatch, 28, 28}}, 1, 1, ir::Range{0, 256});
  const Array labels = random_array({DType::kU8, {kBatch}}, 1, 2, ir::Range{0, 10});
  MESSAGE("object: ", std::filesystem::file_size(exported.path(".o")), " bytes");
  for (const int threads : {1, 2}) {
    const Threads pool(threads);
    set_num_threads(threads);
    Context context(exported, pool.team(), kBatch);
    float loss = 0;
    float accuracy = 0;
    std::vector<double> of_object;
    std::vector<double> of_jit;
    const auto some_steps = [](const auto& step) {
      constexpr int kSteps = 20;
      return seconds_of([&] {
               for (int i = 0; i < kSteps; ++i) step();
             }) /
             kSteps;
    };
    for (int turn = 0; turn < 60; ++turn) {
      of_object.push_back(some_steps([&] { context.run(kBatch, images.bytes(), labels.bytes(), &loss, &accuracy); }));
      of_jit.push_back(some_steps([&] { guide.step(images, labels); }));
    }
    MESSAGE(threads, " threads: ", 1e6 * median(of_object), " microseconds a step, the JIT ", 1e6 * median(of_jit),
            "; least ", 1e6 * *std::ranges::min_element(of_object), " and ", 1e6 * *std::ranges::min_element(of_jit));
  }
}

// build/bin/test_aot_mnist -tc="measure*" --no-skip
TEST_CASE("measure one image from the object against the JIT's kernels, in turns" * doctest::skip()) {
  const Guide guide;
  const auto predict = function("predict", {u8(batch, 28, 28)}, [&](Tensor images) {
    const Tensor logits = guide.model(reshape(cast(images, f32), {batch, 784}) / 255);
    return outputs(argmax(logits, 1), softmax(logits));
  });
  const std::vector<Array> images{random_array({DType::kU8, {1, 28, 28}}, 1, 1, ir::Range{0, 256})};
  guide.step(images[0], Array(DType::kU8, {1}));  // the model has variables now
  set_num_threads(1);
  const Exported exported(predict, {.embed_weights = true});
  Context context(exported, nullptr, std::int64_t{1});
  const auto executable = runtime::Executable::create(predict.graph_to_save(), predict.variables());
  std::vector<Array> results(2);
  std::int64_t digit = 0;
  std::array<float, 10> probabilities{};
  constexpr int kCalls = 200;
  std::vector<double> of_object;
  std::vector<double> of_jit;
  std::vector<double> of_kernels;
  const auto a_call = [](const auto& call) {
    call();  // its weights are then in the cache
    return seconds_of([&] {
             for (int i = 0; i < kCalls; ++i) call();
           }) /
           kCalls;
  };
  const auto object = [&] { context.run(std::int64_t{1}, images[0].bytes(), &digit, probabilities.data()); };
  const std::array<std::function<void()>, 3> contestants{
      [&] { of_object.push_back(a_call(object)); },
      [&] { of_jit.push_back(a_call([&] { executable->run(images, results); })); },
      [&] {
        double kernels = 0;
        a_call([&] {
          const std::vector<double> seconds = executable->profile(images, results);
          kernels += std::reduce(seconds.begin(), seconds.end());
        });
        of_kernels.push_back(kernels / (kCalls + 1));
      }};
  for (std::size_t turn = 0; turn < 120; ++turn) {
    for (std::size_t i = 0; i < 3; ++i) contestants[(turn + i) % 3]();
  }
  const auto ratio = [&](const std::vector<double>& others) {
    std::vector<double> ratios;
    for (std::size_t i = 0; i < others.size(); ++i) ratios.push_back(of_object[i] / others[i]);
    return median(ratios);
  };
  const auto text = [](const std::vector<double>& seconds) {
    return fmt::format("{:.2f} microseconds, least {:.2f}", 1e6 * median(seconds),
                       1e6 * *std::ranges::min_element(seconds));
  };
  MESSAGE("one image: the object ", text(of_object), "; the JIT's kernels ", text(of_kernels), "; its call ",
          text(of_jit), "; the object's to the kernels' by turn, median ", ratio(of_kernels), ", to the call's ",
          ratio(of_jit));
}

// build/bin/test_aot_mnist -tc="measure*" --no-skip
TEST_CASE("measure a call of a small function" * doctest::skip()) {
  const auto small = function("small", {f32(batch, 4)}, [](Tensor x) { return x * 2; });
  const Exported exported_small(small, {});
  Context context(exported_small, nullptr, std::int64_t{1});
  std::array<float, 4> x{};
  std::array<float, 4> y{};
  constexpr int kCalls = 1000000;
  const double seconds = seconds_of([&] {
    const auto run = exported_small.symbol<int (*)(sluice_context*, std::int64_t, const float*, float*)>("run");
    for (int i = 0; i < kCalls; ++i) run(&context.context, 1, x.data(), y.data());
  });
  MESSAGE("a call of a small function: ", 1e9 * seconds / kCalls, " ns");
}
