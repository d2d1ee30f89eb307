// Functions of arrays, which bench/peers/torch_tasks.py has too: N elements, or rows of N.
#include "bench/tasks.h"
#include "ir/random_arrays.h"
#include "sluice/sluice.h"

namespace sluice::bench {

namespace {

Array random(const Shape& shape, std::uint64_t seed) { return random_array({DType::kF32, shape}, 1, seed); }

template <Tensor (*kFunction)(const Tensor&)>
Task of_array(const std::vector<int>& s, int rows) {
  const auto f = function("f", {f32(rows, s[0])}, [](Tensor x) { return kFunction(x); });
  return {[f, x = random({rows, s[0]}, 1)] { return f(x), 0.0; }};
}

Tensor exp_of(const Tensor& x) { return exp(x); }
Tensor log_of(const Tensor& x) { return log(x * x + 1); }
Tensor sin_of(const Tensor& x) { return sin(x); }
Tensor tanh_of(const Tensor& x) { return tanh(x); }
Tensor erf_of(const Tensor& x) { return erf(x); }
Tensor gelu_of(const Tensor& x) { return gelu(x); }
Tensor sigmoid_of(const Tensor& x) { return sigmoid(x); }
Tensor sum_of(const Tensor& x) { return reduce_sum(x, {1}); }
Tensor max_of(const Tensor& x) { return reduce_max(x, {1}); }
Tensor softmax_of(const Tensor& x) { return softmax(x); }
Tensor cumsum_of(const Tensor& x) { return cumsum(x, 1); }
Tensor sort_of(const Tensor& x) { return sort(x); }
/// Ten elementwise operations.
Tensor chain_of(const Tensor& x) {
  return tanh(square(x * 0.5 + 1) - x) * exp(0 - abs(x)) + maximum(x, 0.1) / (square(x) + 1);
}

Task top_k_of(const std::vector<int>& s, int rows) {
  const auto f = function("top_k", {f32(rows, s[0])}, [k = s[1]](Tensor x) {
    const TopK top = top_k(x, k);
    return outputs(top.values, top.indices);
  });
  return {[f, x = random({rows, s[0]}, 1)] { return f(x), 0.0; }};
}

Array random_indices(int count, int below) {
  Array indices(DType::kI64, {count});
  RandomStream stream(3);
  for (std::int64_t& i : indices.data<std::int64_t>())
    i = static_cast<std::int64_t>(stream.below(static_cast<std::uint32_t>(below)));
  return indices;
}

Task gather_of(const std::vector<int>& s, int count) {
  const auto f = function("gather", {f32(s[0], s[1]), i64(count).range(0, s[0])},
                          [](Tensor table, Tensor indices) { return gather(table, indices); });
  return {[f, table = random({s[0], s[1]}, 1), i = random_indices(count, s[0])] { return f(table, i), 0.0; }};
}

/// In place: the table is a variable.
Task scatter_add_of(const std::vector<int>& s, int count) {
  const Variable table("table", random({s[0], s[1]}, 1));
  const auto f =
      function("scatter_add", {i64(count).range(0, s[0]), f32(count, s[1])},
               [table](Tensor indices, Tensor rows) mutable { table.assign(scatter_add(table, indices, rows)); });
  return {[f, i = random_indices(count, s[0]), rows = random({count, s[1]}, 2)] { return f(i, rows), 0.0; }};
}

constexpr TaskKind kFunctions[] = {
    {"exp", "N", of_array<exp_of>},         {"log", "N", of_array<log_of>},
    {"sin", "N", of_array<sin_of>},         {"tanh", "N", of_array<tanh_of>},
    {"erf", "N", of_array<erf_of>},         {"gelu", "N", of_array<gelu_of>},
    {"sigmoid", "N", of_array<sigmoid_of>}, {"chain", "N", of_array<chain_of>},
    {"sum", "N", of_array<sum_of>},         {"max", "N", of_array<max_of>},
    {"softmax", "N", of_array<softmax_of>}, {"cumsum", "N", of_array<cumsum_of>},
    {"sort", "N", of_array<sort_of>},       {"top_k", "N-k", top_k_of},
    {"gather", "N-width", gather_of},       {"scatter_add", "N-width", scatter_add_of},
};

}  // namespace

std::span<const TaskKind> function_tasks() { return kFunctions; }

}  // namespace sluice::bench
