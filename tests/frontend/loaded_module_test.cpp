// Saved models that are trained further.
#include <doctest/doctest.h>
#include <unistd.h>

#include <filesystem>

#include "sluice/frontend.h"
#include "tests/frontend/engine.h"
#include "tests/frontend/thrown.h"

using namespace sluice;

namespace {

struct SavedFolder {
  std::filesystem::path path = std::filesystem::temp_directory_path() / fmt::format("sluice_loaded_{}", getpid());
  ~SavedFolder() { std::filesystem::remove_all(path); }
};

const Array kRows = Array({{1.F, 2.F, 3.F}, {-1.F, 0.F, 2.F}});
const Array kLabels = Array({std::uint8_t{1}, std::uint8_t{0}});

template <typename Logits>
auto step_of(const Logits& logits, const Optimizer& optimizer, const VariableList& variables) {
  return function("step", {f32(batch, 3), u8(batch)}, [=, &optimizer](Tensor x, Tensor y) {
    const Tensor loss = reduce_mean(sparse_softmax_cross_entropy(logits(x), y));
    optimizer.minimize(loss, variables);
    return loss;
  });
}

}  // namespace

TEST_CASE("a loaded classifier trains further like the saved model") {
  const SavedFolder folder;
  set_seed(3);
  const MLP model(Dense(4, tanh), Dense(2));
  const SGD sgd({.learning_rate = 0.1});
  const ExportModule module(f32(batch, 3), [&](Tensor x) { return model(x); });
  save(module, folder.path);
  const LoadedModule loaded(folder.path);
  CHECK(loaded.trainable_variables().size() == 4);
  CHECK(loaded.variables()[0].name() == "dense_0/w");
  CHECK(hash_of(loaded) == hash_of(model));

  const auto step = step_of([&](Tensor x) { return model(x); }, sgd, model);
  const auto further = step_of([&](Tensor x) { return loaded.logits(x); }, sgd, loaded);
  for (int i = 0; i < 5; ++i) CHECK(step(kRows, kLabels) == further(kRows, kLabels));
  CHECK(hash_of(loaded) == hash_of(model));

  // Saved again, from its logits and from its results.
  const ExportModule again(f32(batch, 3), [&](Tensor x) { return loaded.logits(x); });
  CHECK(again.predict(kRows).probabilities == module.predict(kRows).probabilities);
  const auto both = function("both", {f32(batch, 3)}, [&](Tensor x) { return loaded.results({x}); });
  CHECK(both(kRows)[1] == module.predict(kRows).probabilities);
  // With a static size in place of B.
  const auto of_two = function("of_two", {f32(2, 3)}, [&](Tensor x) { return loaded.results({x}); });
  CHECK(of_two(kRows)[1] == module.predict(kRows).probabilities);
  CHECK(thrown([&] { function("f", {f32(batch, 4)}, [&](Tensor x) { return loaded.results({x})[0]; }).compile(); }) ==
        "@loaded_module_test.cpp @predict: input 0, \"images\", is f32[B,4], expected f32[B,3]");
  CHECK(thrown([&] {
          function("f", {f32(batch, 3)}, [&](Tensor x) { return loaded(x); }).compile();
        }).starts_with("@loaded_module_test.cpp @predict: has 2 results"));
  CHECK(thrown([&] {
          function("f", {f32(batch, 3)}, [&](Tensor x) { return loaded.results({x, x})[0]; }).compile();
        }) == "@loaded_module_test.cpp @predict: expected 1 inputs, got 2");

  const LoadedModule fresh(folder.path);
  save_weights(loaded, folder.path / "trained");
  load_weights(fresh, folder.path / "trained");
  CHECK(hash_of(fresh) == hash_of(loaded));
}

TEST_CASE("a loaded function with one result, the batch size, and non-trainable variables") {
  const SavedFolder folder;
  const Variable scale("scale", Array::scalar(2.F));
  const Variable shift("shift", Array::scalar(1.F), {.trainable = false});
  const auto f = function("f", {f32(batch, 3)}, [&](Tensor x) {
    return reduce_mean(reshape(x, {batch, 3}) * scale + shift) + cast(batch_size(), f32);
  });
  save(f, folder.path, {"y"});
  const LoadedModule loaded(folder.path);
  REQUIRE(loaded.variables().size() == 2);
  CHECK(loaded.trainable_variables().size() == 1);
  const auto g = function("g", {f32(batch, 3)}, [&](Tensor x) { return loaded(x); });
  CHECK(g(kRows) == f(kRows));
  const auto h = function("h", [&](Tensor x) { return loaded(x); });
  CHECK(h(kRows) == f(kRows));
  CHECK(thrown([&] {
          function("k", {f32(2, 3)}, [&](Tensor x) { return loaded.logits(x); }).compile();
        }).starts_with("@loaded_module_test.cpp @f: is not a classifier"));
}

TEST_CASE("the sizes of a loaded function are solved for its symbols") {
  const SavedFolder folder;
  const Dim t = length("T");
  // B is known only once the second input has determined T.
  const auto f = function("f", {f32(batch * t, 2), f32(t - 1)}, [&](Tensor x, Tensor y) {
    return reduce_sum(reshape(x, {batch, t, 2}), 1) + reduce_sum(y) + cast(batch_size(), f32);
  });
  save(f, folder.path, {"y"});
  const LoadedModule loaded(folder.path);
  const auto call = [&](Tensor x, Tensor y) { return loaded.results({x, y}); };
  const Array x = linspace(1, 12, 12).reshaped({6, 2});
  const Array y = linspace(1, 2, 2);
  CHECK(function("of_six", {f32(6, 2), f32(2)}, call)(x, y)[0] == f(x, y));
  CHECK(function("same", {f32(batch * t, 2), f32(t - 1)}, call)(x, y)[0] == f(x, y));
  const Dim u = length("U");
  CHECK(function("other", {f32(batch * u + batch, 2), f32(u)}, call)(x, y)[0] == f(x, y));
  CHECK(thrown([&] {
          function("g", {f32(6, 2), f32(3)}, call).compile();
        }) ==
        "@loaded_module_test.cpp @f: input 0, \"arg0\", is f32[6,2], expected f32[B*T,2] with T = 4 as in input 1");
  CHECK(thrown([&] {
          function("g", {f32(6, 2), i32(2)}, call).compile();
        }) == "@loaded_module_test.cpp @f: input 1, \"arg1\", is i32[2], expected f32[T-1]");
}
