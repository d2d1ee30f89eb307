// The file of --trace: which events it has, and that they match the plan, the threads and the model's lines.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <thread>
#include <tuple>

#include "backend/compile.h"
#include "runtime/execution/kernel_cost.h"
#include "runtime/execution/thread_team.h"
#include "sluice/sluice.h"
#include "tests/support/temporary_folder.h"
#include "tests/train/toy.h"

using namespace sluice;
using Json = nlohmann::json;

namespace {

constexpr int kBatch = 16;

/// Sets $SLUICE_FLAGS during its lifetime.
class FlagsOfEnvironment {
 public:
  explicit FlagsOfEnvironment(const std::string& flags) { setenv("SLUICE_FLAGS", flags.c_str(), 1); }
  ~FlagsOfEnvironment() { unsetenv("SLUICE_FLAGS"); }
  FlagsOfEnvironment(const FlagsOfEnvironment&) = delete;
  FlagsOfEnvironment& operator=(const FlagsOfEnvironment&) = delete;
};

std::string trace_flag(const std::filesystem::path& file) {
  return fmt::format("--share-all-kernels --trace='{}'", file.string());
}

const int kFirstLine = __LINE__;
/// A perceptron 16-40-2 and its step.
struct Model {
  MLP model{Dense(40, relu), Dense(2)};
  Adam adam;
  Function<Tensor, 2> step = function("step", toy_batch(), [this](Tensor images, Tensor labels) {
    const Tensor logits = model(reshape(cast(images, f32), {batch, 16}) / 255);
    const Tensor loss = reduce_mean(sparse_softmax_cross_entropy(logits, labels));
    adam.apply(gradients(loss, model.variables()), model.variables());
    return loss;
  });

  void train(const Dataset& examples) {
    for (const Batch& b : examples.shuffled(1).batches(kBatch)) step(b.input(), b.target());
  }
};
const int kLastLine = __LINE__;

backend::Plan plan_of(const Model& model) { return backend::plan_graph(model.step.graph()); }

std::vector<Json> events_of(const std::filesystem::path& file, std::string_view category) {
  std::vector<Json> events;
  std::ifstream stream(file);
  const Json document = Json::parse(stream);
  for (const Json& event : document["traceEvents"]) {
    if (category.empty() || event.value("cat", "") == category) events.push_back(event);
  }
  return events;
}

double end_of(const Json& event) { return event["ts"].get<double>() + event["dur"].get<double>(); }

/// Checks that no two events of a thread overlap, and that each thread has a name.
void check_threads(const std::filesystem::path& file) {
  std::map<int, std::vector<Json>> tracks;
  std::set<int> named;
  for (const Json& event : events_of(file, "")) {
    if (event["ph"] == "M" && event["name"] == "thread_name") named.insert(event["tid"].get<int>());
    if (event["ph"] == "X") tracks[event["tid"]].push_back(event);
  }
  CHECK(tracks.size() >= 2);
  for (auto& [track, events] : tracks) {
    CHECK(named.contains(track));
    std::ranges::stable_sort(events, {}, [](const Json& event) { return event["ts"].get<double>(); });
    for (std::size_t i = 0; i < events.size(); ++i) {
      CHECK(events[i]["ts"] >= 0);
      CHECK(events[i]["dur"] >= 0);
      constexpr double kRounding = 1e-3;  // microseconds, of doubles
      if (i > 0) CHECK(end_of(events[i - 1]) <= events[i]["ts"].get<double>() + kRounding);
    }
  }
}

/// Checks that the steps `first` to `last` are present, where an epoch's last step has `ragged` examples.
void check_steps(const std::filesystem::path& file, const backend::Plan& plan, int first, int last,
                 const std::map<int, std::int64_t>& ragged) {
  const int threads = runtime::default_team().size();
  const auto batch_of = [&](int step) { return ragged.contains(step) ? ragged.at(step) : kBatch; };
  const auto count = static_cast<std::size_t>(last - first + 1);

  std::vector<int> steps;
  for (const Json& event : events_of(file, "step")) {
    CHECK(event["name"] == "step");
    steps.push_back(event["args"]["step"]);
    CHECK(event["args"]["B"] == batch_of(steps.back()));
  }
  REQUIRE(steps.size() == count);
  for (std::size_t i = 0; i < count; ++i) CHECK(steps[i] == first + static_cast<int>(i));

  std::map<std::tuple<int, std::string, int>, int> seen;  // by step, kernel, thread
  std::map<std::string, const backend::KernelPlan*> kernels;
  for (const backend::KernelPlan& kernel : plan.kernels) kernels[kernel.name] = &kernel;
  REQUIRE(kernels.size() == plan.kernels.size());
  for (const Json& event : events_of(file, "kernel")) {
    const Json& args = event["args"];
    const std::string name = event["name"];
    const int step = args["step"];
    const int thread = event["tid"];
    REQUIRE(kernels.contains(name));
    const backend::KernelPlan& kernel = *kernels[name];
    ++seen[{step, name, thread}];
    const std::int64_t b = batch_of(step);
    CHECK(args["units"] ==
          kernel.units.share_begin(thread + 1, threads, b) - kernel.units.share_begin(thread, threads, b));
    CHECK(args["kernel_units"] == kernel.units.count(b));
    CHECK(args["kernel_flops"] == runtime::cost_of(plan, kernel, b).flops);
    CHECK(args["kernel_bytes"] == runtime::cost_of(plan, kernel, b).bytes);
    CHECK(args["ops"] == runtime::ops_of(*kernel.body));
    CHECK(args["lines"] == runtime::lines_of_kernel(kernel));
  }
  for (int step = first; step <= last; ++step) {
    for (const auto& [name, kernel] : kernels) {
      for (int thread = 0; thread < threads; ++thread) {
        const std::int64_t b = batch_of(step);
        const std::int64_t begin = kernel->units.share_begin(thread, threads, b);
        const bool has_units = begin < kernel->units.share_begin(thread + 1, threads, b);
        CHECK(seen[{step, name, thread}] == (has_units ? 1 : 0));
      }
    }
  }

  const auto loads = events_of(file, "data");
  REQUIRE(loads.size() == count);
  for (std::size_t i = 0; i < count; ++i) {
    CHECK(loads[i]["name"] == "load batch");
    CHECK(loads[i]["args"]["examples"] == batch_of(first + static_cast<int>(i)));
  }
  const auto team = events_of(file, "team");
  CHECK(static_cast<std::size_t>(std::ranges::count(team, "fork", [](const Json& e) { return e["name"]; })) ==
        count * static_cast<std::size_t>(threads));
}

/// Returns the line numbers in "file:1-2, 5; gradient of file:7", and checks that no other file occurs.
std::set<int> lines_in(const std::string& text) {
  std::set<int> lines;
  for (std::size_t at = text.find(".cpp:"); at != std::string::npos; at = text.find(".cpp:", at + 1)) {
    const std::size_t end = std::min(text.find(';', at), text.size());
    const std::string own = "step_trace_test";
    CHECK(text.substr(0, at).ends_with(own));
    std::size_t digit = at + 5;
    while ((digit = text.find_first_of("0123456789", digit)) < end) {
      std::size_t length = 0;
      lines.insert(std::stoi(text.substr(digit), &length));
      digit += length;
    }
  }
  return lines;
}

}  // namespace

TEST_CASE("the second to sixth steps are traced, each kernel on each thread that has units of it") {
  runtime::set_default_threads(2);
  const TemporaryFolder folder;
  const std::filesystem::path file = folder.path() / "trace.json";
  const Dataset examples = toy_examples(kBatch * 7);  // one step more than the last traced one
  set_seed(1);
  Model plain;
  plain.train(examples);
  set_seed(1);
  Model model;
  {
    const FlagsOfEnvironment flags(trace_flag(file));
    model.step.compile();
  }
  CHECK_FALSE(std::filesystem::exists(file));
  model.train(examples);
  REQUIRE(std::filesystem::exists(file));
  CHECK(hash_of(model.model.variables()) == hash_of(plain.model.variables()));
  check_steps(file, plan_of(model), 2, 6, {});
  check_threads(file);

  std::set<int> lines;
  for (const Json& event : events_of(file, "kernel")) {
    const std::set<int> own = lines_in(event["args"]["lines"]);
    CHECK_FALSE(own.empty());
    lines.insert(own.begin(), own.end());
  }
  CHECK(*lines.begin() > kFirstLine);
  CHECK(*lines.rbegin() < kLastLine);
  CHECK(lines.size() >= 3);
}

TEST_CASE("--trace-steps selects others; ragged batches and idle threads are recorded correctly") {
  const TemporaryFolder folder;
  for (const int threads : {1, 3}) {
    CAPTURE(threads);
    runtime::set_default_threads(threads);
    const std::filesystem::path file = folder.path() / fmt::format("{}.json", threads);
    const Dataset examples = toy_examples(kBatch * 2 + 3);
    std::optional<Model> model(std::in_place);
    {
      const FlagsOfEnvironment flags(trace_flag(file) + " --trace-steps=1-100");
      model->step.compile();
    }
    const backend::Plan plan = plan_of(*model);
    model->train(examples);
    CHECK_FALSE(std::filesystem::exists(file));
    model.reset();  // the recorded steps are written at the end
    check_steps(file, plan, 1, 3, {{3, 3}});
    check_threads(file);
  }
  runtime::set_default_threads(2);
}

TEST_CASE("functions of several threads share a file, on separate tracks") {
  const TemporaryFolder folder;
  const std::filesystem::path file = folder.path() / "trace.json";
  const FlagsOfEnvironment flags(trace_flag(file) + " --trace-steps=1-5");
  const auto train = [] {
    Model model;
    model.train(toy_examples(kBatch * 5));
  };
  std::thread other(train);
  train();
  other.join();
  CHECK(events_of(file, "step").size() == 10);
  CHECK(events_of(file, "data").size() == 10);
  check_threads(file);
}

TEST_CASE("a file that cannot be written is an error before the first step, or before the one after the last") {
  const TemporaryFolder folder;
  const std::filesystem::path inner = folder.path() / "inner";
  const Dataset examples = toy_examples(kBatch);
  Model model;
  const FlagsOfEnvironment flags(trace_flag(inner / "trace.json") + " --trace-steps=1-2");
  const std::string message = (inner / "trace.json").string() + ": cannot be written: No such file or directory";
  CHECK_THROWS_WITH_AS(model.step.compile(), message.c_str(), Error);
  std::filesystem::create_directory(inner);
  for (int i = 0; i < 2; ++i) model.train(examples);
  std::filesystem::remove_all(inner);
  const std::uint64_t before = hash_of(model.model.variables());
  CHECK_THROWS_WITH_AS(model.train(examples), message.c_str(), Error);
  CHECK(hash_of(model.model.variables()) == before);
  model.train(examples);  // without a trace
  CHECK(hash_of(model.model.variables()) != before);
}

TEST_CASE("the interpreter has nothing to trace") {
  const TemporaryFolder folder;
  const FlagsOfEnvironment flags(trace_flag(folder.path() / "trace.json"));
  set_default_engine(Engine::kReference);
  const auto f = function("f", {f32(batch)}, [](Tensor x) { return x + 1; });
  CHECK_THROWS_WITH_AS(f.compile(), "@f: the reference engine has no kernels to trace", Error);
  set_default_engine(Engine::kJit);
}
