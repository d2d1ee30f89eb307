// Training of whole models: each of 20 steps against the interpreter, and the same bits for any number of threads.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <array>
#include <map>
#include <optional>

#include "passes/check.h"
#include "runtime/execution/thread_team.h"
#include "tests/models/model.h"

namespace sluice::models {

namespace {

constexpr int kSteps = 20;
constexpr std::array<std::int64_t, 5> kWidths{17, 48, 49, 100, 300};
constexpr std::array<std::int64_t, 4> kRows{1, 3, 8, 64};
constexpr std::array<int, 3> kThreads{1, 2, 3};
/// A relu whose argument is 0 up to rounding leaves everything that depends on it undecided. This happens in few steps,
/// so each result and state is compared in most.
constexpr int kMostUndecided = 5;

/// A model as one compiled function, with what the interpreter needs to do the same.
class Compiled {
 public:
  explicit Compiled(const Model& model)
      : core_("step", model.signature, model.signature.size(), model.step, std::source_location::current()) {
    core_.compile();
    without_gradients_ = passes::find_pass("differentiate").run(core_.graph());
    initial_ = states();
  }

  std::vector<Array> states() {
    std::vector<Array> values;
    for (const auto& variable : core_.variables()) values.push_back(variable->value());
    return values;
  }

  void reset() {
    for (std::size_t i = 0; i < initial_.size(); ++i) core_.variables()[i]->assign(initial_[i]);
  }

  /// Runs one step and returns its results, then the new states.
  std::vector<Array> step(const std::vector<Array>& inputs) {
    std::vector<detail::HostArgument> arguments(inputs.begin(), inputs.end());
    std::vector<Array> all;
    for (const Array& result : core_.call(arguments).results) all.push_back(result.clone());
    for (Array& state : states()) all.push_back(std::move(state));
    return all;
  }

  const ir::Graph& without_gradients() const { return *without_gradients_; }

 private:
  detail::FunctionCore core_;
  std::optional<ir::Graph> without_gradients_;
  std::vector<Array> initial_;
};

/// Returns the inputs of step `step`, which depend only on the graph.
passes::Sample inputs_of(const ir::Graph& graph, int step, std::int64_t rows) {
  passes::Sample sample = passes::make_sample(graph, rows, static_cast<std::uint64_t>(step) + 1);
  sample.states.clear();
  return sample;
}

/// Runs kSteps steps with each number of threads. Batches of symbolic size cycle through `rows`. In every step the
/// interpreter starts from the compiled code's states, so that differences do not accumulate. The tolerance of an
/// element comes from passes::expect: from the interpreter in double, and from its own results with the rounding of
/// every op perturbed.
void compare(MakeModel make, std::int64_t width, Dim dim, std::span<const std::int64_t> rows) {
  set_seed(width);
  Compiled model(make(width, dim));
  const ir::Graph& graph = model.without_gradients();
  std::vector<std::vector<Array>> with_one_thread;
  std::map<std::string, int> undecided;  ///< in how many steps, by the name of a result or state
  for (const int threads : kThreads) {
    runtime::set_default_threads(threads);
    model.reset();
    for (int step = 0; step < kSteps; ++step) {
      INFO("step ", step, " with ", threads, " threads");
      passes::Sample sample = inputs_of(graph, step, rows[static_cast<std::size_t>(step) % rows.size()]);
      if (threads == 1) sample.states = model.states();
      const std::vector<Array> got = model.step(sample.inputs);
      if (threads > 1) {
        REQUIRE(got == with_one_thread[static_cast<std::size_t>(step)]);
        continue;
      }
      const std::vector<passes::Expected> expected = passes::expect(graph, sample);
      REQUIRE(passes::confirmed_difference(graph, sample, expected, got) == "");
      for (const passes::Expected& one : expected) {
        if (!passes::inconclusive({&one, 1}, {}).empty()) ++undecided[one.name];
      }
      with_one_thread.push_back(got);
    }
  }
  for (const auto& [name, steps] : undecided) CHECK_MESSAGE(steps <= kMostUndecided, name);
}

void compare_all(MakeModel make) {
  for (std::size_t i = 0; i < kWidths.size(); ++i) {
    const std::int64_t width = kWidths[i];
    const std::int64_t rows = kRows[(i + 2) % kRows.size()];
    INFO("width ", width);
    {
      INFO("batches of ", rows);
      compare(make, width, rows, std::array{rows});
    }
    {
      INFO("batches of any size");
      compare(make, width, batch, kRows);
    }
  }
}

}  // namespace

TEST_CASE("a GAN with two optimizers") { compare_all(gan); }
TEST_CASE("an autoencoder with tied weights") { compare_all(tied_autoencoder); }
TEST_CASE("a siamese net") { compare_all(siamese); }
TEST_CASE("an unrolled LSTM with clipped gradients") { compare_all(clipped_lstm); }
TEST_CASE("two micro-batches in a step") { compare_all(two_micro_batches); }
TEST_CASE("a variational autoencoder") { compare_all(vae); }
TEST_CASE("a perceptron with two heads") { compare_all(two_heads); }
TEST_CASE("a physics-informed net") { compare_all(physics_informed); }
TEST_CASE("option pricing in f64") { compare_all(option_pricing); }

}  // namespace sluice::models
