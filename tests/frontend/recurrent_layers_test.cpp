// LSTM, GRU and SimpleRNN: values and derivatives against the formulas, variables, masks, states and errors.
#include "sluice/recurrent_layers.h"

#include <doctest/doctest.h>

#include <cmath>

#include "tests/frontend/derivatives.h"
#include "tests/frontend/engine.h"
#include "tests/frontend/misuse.h"
#include "tests/frontend/run.h"

namespace sluice::recurrent_layers_test {

using namespace sluice::test;
using D = std::vector<double>;

constexpr std::int64_t kFeatures = 3;
constexpr std::int64_t kSteps = 4;

void fill(const RecurrentLayer& layer) {
  double salt = 0;
  for (const Variable& variable : layer.variables()) {
    Array value = pattern(variable.value().sizes(), ++salt);
    for (float& element : value.data<float>()) element *= 0.4F;
    variable.assign(value);
  }
}

double sigmoid_of(double x) { return 1 / (1 + std::exp(-x)); }

struct Host {
  std::string kind;
  std::size_t units;
  bool backwards = false;
  std::vector<std::vector<bool>> mask = {};  ///< of each row, of each step

  /// The outputs of all steps, [rows,steps,units], with the variables kernel, recurrent_kernel and bias.
  D operator()(const D& x, const D& kernel, const D& recurrent, const D& bias) const {
    const std::size_t gates = kind == "lstm" ? 4 : kind == "gru" ? 3 : 1;
    const std::size_t width = gates * units;
    const std::size_t rows = x.size() / (kSteps * kFeatures);
    D all;
    for (std::size_t row = 0; row < rows; ++row) {
      D h(units);
      D c(units);
      for (std::size_t i = 0; i < kSteps; ++i) {
        const std::size_t step = backwards ? kSteps - 1 - i : i;
        D a(width);
        D b(width);
        for (std::size_t j = 0; j < width; ++j) {
          a[j] = bias[j];
          if (kind == "gru") b[j] = bias[width + j];
          for (std::size_t f = 0; f < kFeatures; ++f)
            a[j] += x[(row * kSteps + step) * kFeatures + f] * kernel[f * width + j];
          for (std::size_t u = 0; u < units; ++u) b[j] += h[u] * recurrent[u * width + j];
        }
        D next = h;
        D next_c = c;
        for (std::size_t u = 0; u < units; ++u) {
          const auto gate = [&](std::size_t g) { return a[g * units + u] + b[g * units + u]; };
          if (kind == "lstm") {
            next_c[u] = sigmoid_of(gate(1)) * c[u] + sigmoid_of(gate(0)) * std::tanh(gate(2));
            next[u] = sigmoid_of(gate(3)) * std::tanh(next_c[u]);
          } else if (kind == "gru") {
            const double z = sigmoid_of(gate(0));
            const double candidate = std::tanh(a[2 * units + u] + sigmoid_of(gate(1)) * b[2 * units + u]);
            next[u] = z * h[u] + (1 - z) * candidate;
          } else {
            next[u] = std::tanh(gate(0));
          }
        }
        if (mask.empty() || mask[row][step]) {
          h = next;
          c = next_c;
        }
        all.insert(all.end(), h.begin(), h.end());
      }
    }
    return all;
  }
};

Array inputs(std::int64_t rows) { return pattern({rows, kSteps, kFeatures}); }

D host_of(const Host& host, const RecurrentLayer& layer, const Array& x) {
  const std::vector<Variable> v = layer.variables();
  return host(doubles(x), doubles(v[0].value()), doubles(v[1].value()), doubles(v[2].value()));
}

/// Calls `check` with each kind of layer.
template <typename Check>
void for_each_kind(const RecurrentOptions& options, std::int64_t units, Check check) {
  check("lstm", LSTM(units, options));
  check("gru", GRU(units, options));
  check("simple_rnn", SimpleRNN(units, options));
}

TEST_CASE("values, for all steps and the last one, in both directions") {
  for (const bool backwards : {false, true}) {
    for (const std::int64_t units : {1, 5, 17}) {
      for_each_kind({.return_sequences = true, .go_backwards = backwards}, units, [&](const char* kind, auto layer) {
        CAPTURE(kind);
        const auto f = function("f", {f32(batch, kSteps, kFeatures)}, [&](Tensor x) { return layer(x); });
        f(inputs(1));
        fill(layer);
        for (const std::int64_t rows : {1, 3, 64}) {
          const Array x = inputs(rows);
          const D expected = host_of({kind, static_cast<std::size_t>(units), backwards}, layer, x);
          CHECK(f(x).sizes() == std::vector<std::int64_t>{rows, kSteps, units});
          CHECK(difference(f(x), expected) < 1e-5);
        }
      });
    }
  }
  for_each_kind({}, 4, [&](const char* kind, auto layer) {
    CAPTURE(kind);
    const auto f = function("f", {f32(batch, kSteps, kFeatures)}, [&](Tensor x) { return layer(x); });
    f(inputs(1));
    fill(layer);
    const D all = host_of({kind, 4}, layer, inputs(1));
    CHECK(difference(f(inputs(1)), D(all.end() - 4, all.end())) < 1e-5);
  });
}

TEST_CASE("derivatives, first and second") {
  for_each_kind({.return_sequences = true}, 2, [&](const char* kind, auto layer) {
    CAPTURE(kind);
    run([&](Tensor x) { return layer(x); }, inputs(2));
    fill(layer);
    const Host host{kind, 2};
    check_derivatives(
        f32(batch, kSteps, kFeatures), inputs(2), layer.variables(),
        [&](const Tensor& x) { return reduce_sum(square(layer(x))); },
        [&](const Doubles& at) {
          double sum = 0;
          for (const double y : host(at[0], at[1], at[2], at[3])) sum += y * y;
          return sum;
        });
  });
}

TEST_CASE("a masked step keeps the state") {
  const std::vector<std::vector<bool>> mask{{true, false, true, true}, {false, false, true, false}};
  Array of_steps(DType::kBool, {2, kSteps});
  for (std::int64_t row = 0; row < 2; ++row) {
    for (std::int64_t i = 0; i < kSteps; ++i)
      of_steps.at<bool>(row, i) = mask[static_cast<std::size_t>(row)][static_cast<std::size_t>(i)];
  }
  for_each_kind({.return_sequences = true}, 3, [&](const char* kind, auto layer) {
    CAPTURE(kind);
    const auto f = function("f", {f32(batch, kSteps, kFeatures), bool_(batch, kSteps)},
                            [&](Tensor x, Tensor m) { return layer(x, {.mask = m}); });
    f(inputs(2), of_steps);
    fill(layer);
    CHECK(difference(f(inputs(2), of_steps), host_of({kind, 3, false, mask}, layer, inputs(2))) < 1e-5);
  });
}

TEST_CASE("the second half of a sequence goes on from the state after the first") {
  for_each_kind({.return_sequences = true}, 3, [&](const char* kind, auto layer) {
    if (std::string_view(kind) == "lstm") return;  // its cell is not returned
    CAPTURE(kind);
    const auto f = function("f", {f32(batch, kSteps, kFeatures)}, [&](Tensor x) {
      const Tensor first = layer(slice(x, {0, 0, 0}, {-1, 2, -1}));
      const Tensor h = reshape(slice(first, {0, 1, 0}, {-1, 1, -1}), {batch, 3});
      return outputs(layer(x), concat({first, layer(slice(x, {0, 2, 0}, {-1, 2, -1}), {.h = h})}, 1));
    });
    f(inputs(1));
    fill(layer);
    const auto [whole, halves] = f(inputs(3));
    CHECK(difference(whole, doubles(halves)) < 1e-6);
  });
}

TEST_CASE("variables, as Keras's") {
  LSTM lstm(5);
  GRU gru(5);
  SimpleRNN simple(5, {.use_bias = false});
  run([&](Tensor x) { return lstm(x) + gru(x) + simple(x); }, inputs(2));
  const auto sizes = [](const RecurrentLayer& layer) {
    std::vector<std::string> all;
    for (const auto& [name, variable] : layer.named_variables())
      all.push_back(fmt::format("{} {}", name, to_string(variable.type())));
    return all;
  };
  CHECK(sizes(lstm) == std::vector<std::string>{"kernel f32[3,20]", "recurrent_kernel f32[5,20]", "bias f32[20]"});
  CHECK(sizes(gru) == std::vector<std::string>{"kernel f32[3,15]", "recurrent_kernel f32[5,15]", "bias f32[2,15]"});
  CHECK(sizes(simple) == std::vector<std::string>{"kernel f32[3,5]", "recurrent_kernel f32[5,5]"});
  const Array bias = lstm.variables()[2].value();
  for (std::int64_t i = 0; i < 20; ++i) CHECK(bias(i) == (i >= 5 && i < 10 ? 1 : 0));
  // Orthonormal rows, as there are fewer of them than columns.
  const Array recurrent = lstm.variables()[1].value();
  for (std::int64_t i = 0; i < 5; ++i) {
    for (std::int64_t j = 0; j < 5; ++j) {
      double product = 0;
      for (std::int64_t k = 0; k < 20; ++k) product += recurrent(i, k) * recurrent(j, k);
      CHECK(product == doctest::Approx(i == j ? 1 : 0).epsilon(1e-6));
    }
  }
  const Array columns = orthogonal(7, 2);
  double between = 0;
  for (std::int64_t i = 0; i < 7; ++i) between += columns(i, 0) * columns(i, 1);
  CHECK(std::abs(between) < 1e-6);
}

TEST_CASE("what is refused") {
  CHECK(traced({f32(2, 3)}, [](Tensor x) { return LSTM(4)(x); }) ==
        here("lstm: expected f32[batch,steps,features] with numbers for steps and features, since steps are unrolled, "
             "got f32[2,3]"));
  CHECK(traced({f32(2, length("T"), 3)}, [](Tensor x) {
          return GRU(4)(x);
        }).starts_with(here("gru: expected f32[batch,steps,features] with numbers for steps")));
  CHECK(traced({f32(2, 4, 3), f32(2, 5)}, [](Tensor x, Tensor h) { return GRU(4)(x, {.h = h}); }) ==
        here("gru: expected a state f32[2,4], got f32[2,5]"));
  CHECK(traced({f32(2, 4, 3), f32(2, 4)}, [](Tensor x, Tensor c) { return GRU(4)(x, {.c = c}); }) ==
        here("gru: only an LSTM has a cell"));
  CHECK(traced({f32(2, 4, 3), bool_(2, 3)}, [](Tensor x, Tensor m) { return LSTM(4)(x, {.mask = m}); }) ==
        here("lstm: expected a mask bool[2,4], got bool[2,3]"));
}

}  // namespace sluice::recurrent_layers_test
