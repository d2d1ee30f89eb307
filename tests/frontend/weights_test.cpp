// Weights in files, from one model to another, and checkpoints of a user's own loop.
#include <doctest/doctest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "sluice/frontend.h"
#include "sluice/safetensors.h"
#include "tests/frontend/engine.h"
#include "tests/frontend/thrown.h"

using namespace sluice;

namespace {

using F = std::vector<float>;
using Names = std::vector<std::string>;

/// A folder for this test program, removed at its end.
struct Folder {
  std::filesystem::path path = std::filesystem::temp_directory_path() / fmt::format("sluice_weights_{}", getpid());
  Folder() { std::filesystem::create_directories(path); }
  ~Folder() { std::filesystem::remove_all(path); }
  std::filesystem::path operator/(const char* name) const { return path / name; }
};

std::string message_of(const std::function<void()>& f) {
  try {
    f();
  } catch (const Error& error) {
    return error.message();
  }
  return "";
}

Names names_of(const VariableList& variables) {
  Names names;
  for (const NamedVariable& named : variables.named()) names.push_back(named.name);
  return names;
}

MLP perceptron() { return MLP(Dense(4, tanh), Dense(2)); }

/// A block with two layers and its own weight.
class Shortcut : public Module {
 public:
  Shortcut() : Module("residual"), first_(3, relu), second_(3) {
    register_module(first_);
    register_module(second_);
  }

  Tensor operator()(const Arg& x) const {
    const Variable gate = lazy_variable("gate", [] { return Array::scalar(0.5F); });
    return x + gate * second_(first_(x));
  }

 private:
  Dense first_;
  Dense second_;
};

/// A training step whose first argument is a batch of three columns.
template <typename Model>
auto step_of(const Model& model, const Optimizer& optimizer) {
  return function("step", {f32(batch, 3), u8(batch)}, [&](Tensor x, Tensor y) {
    const Tensor noise = random_normal(x.shape(), 0, 0.1);
    const Tensor loss = reduce_mean(sparse_softmax_cross_entropy(model(x + noise), y));
    optimizer.minimize(loss, model);
    return loss;
  });
}

const Array kRows = Array({{1.F, 2.F, 3.F}, {-1.F, 0.F, 2.F}, {0.5F, 0.5F, -4.F}});
const Array kLabels = Array({std::uint8_t{0}, std::uint8_t{1}, std::uint8_t{1}});

}  // namespace

TEST_CASE("build makes a model's variables before its first call, named by its structure alone") {
  for (int i = 0; i < 2; ++i) {  // whatever the process has created before
    MLP model(Dense(3), Shortcut(), Dense(3), Shortcut(), Dropout(0.5), Dense(1));
    model.build(f32(batch, 3));
    CHECK(names_of(model) == Names{"dense_0/w", "dense_0/b", "residual_0/dense_0/w", "residual_0/dense_0/b",
                                   "residual_0/dense_1/w", "residual_0/dense_1/b", "residual_0/gate", "dense_1/w",
                                   "dense_1/b", "residual_1/dense_0/w", "residual_1/dense_0/b", "residual_1/dense_1/w",
                                   "residual_1/dense_1/b", "residual_1/gate", "dense_2/w", "dense_2/b"});
    for (const NamedVariable& named : model.named_variables()) CHECK(named.variable.name() == named.name);
    CHECK(model.variables()[0].type() == Type{DType::kF32, {3, 3}});
  }
  MLP encoder = perceptron();
  MLP decoder = perceptron();
  encoder.set_name("encoder");
  build(encoder, f32(batch, 3));
  build(decoder, {f32(batch, 2)});
  CHECK(encoder.variables()[0].name() == "encoder/dense_0/w");
  CHECK(names_of(encoder) == Names{"dense_0/w", "dense_0/b", "dense_1/w", "dense_1/b"});
  CHECK(names_of({encoder, decoder})[4] == "sequential_1/dense_0/w");
  CHECK(names_of({encoder, decoder})[0] == "encoder/dense_0/w");
  CHECK(variables_of(encoder, decoder, encoder).size() == 8);
  CHECK(thrown([&] {
          build(decoder, {f32(batch, 2), f32(batch, 2)});
        }) == "@weights_test.cpp build: the model is not called with 2 tensors");
  CHECK(thrown([&] { build(Dense(2), u8(batch, 2)); }).starts_with("@weights_test.cpp dense: expected f32"));
}

TEST_CASE("weights of a module and of its optimizer go through files") {
  const Folder folder;
  set_seed(5);
  const MLP model = perceptron();
  const Adam adam;
  const auto step = step_of(model, adam);
  for (int i = 0; i < 3; ++i) step(kRows, kLabels);
  save_weights(model, folder / "model");
  save_weights(adam, folder / "adam");
  CHECK(read_safetensors(folder / "adam").arrays.contains("dense_1/w/m"));

  set_seed(6);
  const MLP other = perceptron();
  const Adam other_adam;
  other.build(f32(batch, 3));
  other_adam.build(other);
  CHECK_FALSE(hash_of(other) == hash_of(model));
  const auto before = other.variables()[1].value();
  CHECK(hash_of(other) != hash_of(model));
  load_weights(other, folder / "model");
  load_weights(other_adam, folder / "adam");
  CHECK(hash_of(other) == hash_of(model));
  CHECK(hash_of(other_adam) == hash_of(adam));

  const auto go_on = step_of(other, other_adam);
  set_seed(7);
  step(kRows, kLabels);
  set_seed(7);
  go_on(kRows, kLabels);
  CHECK(hash_of(other) == hash_of(model));
}

TEST_CASE("a file that does not fit lists all differences, and changes nothing") {
  const Folder folder;
  const MLP small(Dense(2), Dense(2));
  MLP large(Dense(2), Dense(3), Dense(2));
  small.build(f32(batch, 3));
  large.build(f32(batch, 3));
  save_weights(small, folder / "small");
  save_weights(large, folder / "large");
  const std::uint64_t hash = hash_of(small);
  const std::string file = (folder / "large").string();
  CHECK(message_of([&] { load_weights(small, file); }) ==
        file +
            ": does not fit the variables, none of which has changed:\n"
            "  \"dense_1/w\" is f32[2,3] in the file, expected f32[2,2]\n"
            "  \"dense_1/b\" is f32[3] in the file, expected f32[2]\n"
            "  \"dense_2/b\" f32[2] is in the file alone\n"
            "  \"dense_2/w\" f32[3,2] is in the file alone\n"
            "  (layers make their variables at the first call, optimizers at the first step: build(model, input) and "
            "optimizer.build(model) make them before)");
  CHECK(hash_of(small) == hash);
  CHECK(message_of([&] {
          load_weights(large, folder / "small");
        }).find("\"dense_2/w\" f32[3,2] is missing in the file") != std::string::npos);
  SafeTensors integers = read_safetensors(folder / "small");
  integers.arrays["dense_0/b"] = Array({1, 2});
  write_safetensors(folder / "integers", integers);
  CHECK(message_of([&] {
          load_weights(small, folder / "integers");
        }).ends_with("\"dense_0/b\" is i32[2] in the file, expected f32[2]"));
  CHECK(hash_of(small) == hash);
  CHECK(message_of([&] {
          save_weights(MLP(Dense(2)), folder / "none");
        }).starts_with("save_weights: there are no variables; layers make their variables at the first call"));
  CHECK(message_of([&] { load_weights(small, folder / "missing"); }).find("cannot be read") != std::string::npos);
  CHECK(thrown([&] {
          function("f", {}, [&] { load_weights(small, folder / "small"); }).compile();
        }).find("load_weights: called while f is traced") != std::string::npos);
}

TEST_CASE("a user's loop resumes from a checkpoint bit for bit") {
  const Folder folder;
  const auto train = [&](std::int64_t until, const std::filesystem::path& file, std::int64_t seed) {
    set_seed(seed);
    const MLP model = perceptron();
    const Adam adam;
    const auto step = step_of(model, adam);
    step.compile();
    const Checkpoint checkpoint(file, {{"model", model}, {"adam", adam}});
    std::int64_t number = checkpoint.restore().value_or(0);
    const std::int64_t began = number;
    while (number < until) {
      step(kRows, kLabels);
      checkpoint.save(++number);
    }
    return std::pair(began, hash_of({model, adam}));
  };
  const auto whole = train(6, folder / "whole/checkpoint", 1);
  CHECK(train(2, folder / "parts", 1).first == 0);
  const auto rest = train(6, folder / "parts", 99);
  CHECK(rest.first == 2);
  CHECK(rest.second == whole.second);

  const MLP model = perceptron();
  model.build(f32(batch, 3));
  const std::uint64_t hash = hash_of(model);
  const Checkpoint without(folder / "parts", {{"model", model}});
  CHECK(message_of([&] { without.restore(); }).find("\"adam/beta_1_power\" f64[] is in the file alone") !=
        std::string::npos);
  CHECK(hash_of(model) == hash);
  save_weights(model, folder / "weights");
  CHECK(message_of([&] {
          Checkpoint(folder / "weights", {{"model", model}}).restore();
        }).find("is not a loop's checkpoint") != std::string::npos);
  std::ofstream(folder / "parts", std::ios::in | std::ios::binary).seekp(-1, std::ios::end).put('x');
  CHECK(message_of([&] { without.restore(); }).find("is damaged") != std::string::npos);
  CHECK(message_of([&] {
          Checkpoint("x", {{"a", model}, {"a", model}});
        }).starts_with("checkpoint: expected distinct names of parts"));
  CHECK_FALSE(Checkpoint(folder / "nothing", {{"model", model}}).restore().has_value());
}

TEST_CASE("weights are copied, fully or in part, inside and outside functions") {
  const MLP online = perceptron();
  const MLP target = perceptron();
  online.build(f32(batch, 3));
  CHECK(message_of([&] { copy_weights(online, target); }).find("\"dense_0/w\" f32[3,4] is in the first alone") !=
        std::string::npos);
  target.build(f32(batch, 3));
  copy_weights(online, target);
  CHECK(hash_of(target) == hash_of(online));
  CHECK_FALSE(target.variables()[0].is(online.variables()[0]));

  online.variables()[3].assign(Array({8.F, -4.F}));
  target.variables()[3].assign(Array({0.F, 4.F}));
  copy_weights(online, target, 0.25);
  CHECK(target.variables()[3].value() == Array({2.F, 2.F}));
  const auto soft = function("soft", {}, [&] { copy_weights(online, target, 0.5); });
  soft();
  CHECK(target.variables()[3].value() == Array({5.F, -1.F}));
  CHECK(hash_of(VariableList(target.variables()[0])) == hash_of(VariableList(online.variables()[0])));
  function("hard", {}, [&] { copy_weights(online, target); })();
  CHECK(hash_of(target) == hash_of(online));

  MLP wide(Dense(5), Dense(2));
  wide.build(f32(batch, 3));
  CHECK(message_of([&] { copy_weights(online, wide); }) ==
        "copy_weights: the two do not have the same variables:\n"
        "  \"dense_0/w\" is f32[3,4] in the first and f32[3,5] in the second\n"
        "  \"dense_0/b\" is f32[4] in the first and f32[5] in the second\n"
        "  \"dense_1/w\" is f32[4,2] in the first and f32[5,2] in the second");
  CHECK(thrown([&] { copy_weights(online, target, 0); }) ==
        "@weights_test.cpp copy_weights: expected a rate above 0 and at most 1, got 0");
}

TEST_CASE("a clone does the same and shares nothing") {
  MLP model(Dense(3, relu), Shortcut(),
            [scale = Variable("scale", Array::scalar(2.F))](Tensor x) { return x * scale; });
  model.build(f32(batch, 3));
  const MLP copy = clone(model);
  const auto f = function("f", {f32(batch, 3)}, [&](Tensor x) { return outputs(model(x), copy(x)); });
  const auto [of_model, of_copy] = f(kRows);
  CHECK(of_model == of_copy);
  CHECK(names_of(copy) == names_of(model));
  CHECK(f.graph().states().size() == 2 * model.variables().size() + 2);  // the lambda's are not registered
  for (const Variable& variable : model.variables()) variable.assign(0.0);
  const auto [of_zeros, as_before] = f(kRows);
  CHECK(of_zeros == zeros({3, 3}));
  CHECK(as_before == of_copy);

  // Variables that do not exist yet are created separately for each.
  const MLP young = perceptron();
  const MLP twin = clone(young);
  young.build(f32(batch, 3));
  CHECK(twin.variables().empty());
  MLP grown = young;
  grown.add(Dense(1));
  CHECK(function("g", {f32(batch, 3)}, [&](Tensor x) { return young(x); })(kRows).type() == Type{DType::kF32, {3, 1}});

  // The clone of an optimizer has its own moments for the same weights.
  const Adam adam;
  adam.build(young);
  const Adam other = clone(adam);
  CHECK(names_of(other) == names_of(adam));
  adam.variables()[3].assign(1.0);
  CHECK(hash_of(other) != hash_of(adam));
  const std::size_t count = other.variables().size();
  other.build(young);
  CHECK(other.variables().size() == count);
}
