// Updates of tables of which a step looks up some rows: the values, and that they cost what these rows cost.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "backend/plan.h"
#include "passes/pass.h"
#include "tests/frontend/derivatives.h"
#include "tests/frontend/engine.h"
#include "tests/frontend/floats.h"
#include "tests/frontend/misuse.h"

namespace sluice::sparse_updates_test {

using namespace sluice::test;
using F = std::vector<float>;
using I = std::vector<std::int64_t>;

Array ids_of(const I& ids) { return {ids, {static_cast<std::int64_t>(ids.size())}}; }

/// A loss with a different derivative for each row and element that is looked up.
Tensor loss_of(const Tensor& rows) { return reduce_sum(square(rows) * 0.5 + sin(rows)); }

/// Makes every gradient one of which nothing is known about its rows.
class OfAllRows : public Optimizer {
 public:
  explicit OfAllRows(const Optimizer& optimizer)
      : Optimizer("of_all_rows", optimizer.learning_rate()), optimizer_(&optimizer) {
    register_module(optimizer);
  }

 private:
  void update(const std::vector<Tensor>& gradients, const std::vector<Variable>& variables) const override {
    std::vector<Tensor> unknown;
    for (const Tensor& gradient : gradients) unknown.push_back(stop_gradient(gradient));
    optimizer_->apply(unknown, variables);
  }

  const Optimizer* optimizer_;
};

/// Returns the table after a step for each list of ids.
template <typename Method>
F trained(const Method& optimizer, const Array& initial, const std::vector<I>& steps) {
  const Variable table("table", initial);
  const auto step =
      function("step", {i64(batch)}, [&](Tensor ids) { optimizer.minimize(loss_of(gather(table, ids)), table); });
  for (const I& ids : steps) step(ids_of(ids));
  return floats(table.value());
}

backend::Plan plan_of(const ir::Graph& graph) {
  return backend::make_plan(passes::run_passes(graph, passes::default_pipeline()), backend::host_target());
}

/// Returns the text of the plan if a kernel writes all of a table of this many rows, or goes over it, or if it needs a
/// temporary of that size; nothing if no cost depends on the table's size.
std::string costs_all_rows(const ir::Graph& graph, std::int64_t rows) {
  const backend::Plan plan = plan_of(graph);
  const auto buffer = [&](int b) -> const backend::Buffer& { return plan.buffers[static_cast<std::size_t>(b)]; };
  const auto is_table = [&](const Type& type) { return type.shape.rank() > 0 && type.shape[0] == Dim(rows); };
  bool all = plan.static_bytes >= rows * 64;
  for (const backend::KernelPlan& kernel : plan.kernels) {
    for (const int result : kernel.results) {
      if (!is_table(buffer(result).type)) continue;
      const backend::Buffer& from = buffer(kernel.operands[0]);
      const bool in_place = kernel.kind() == backend::KernelKind::kScatter &&
                            buffer(result).kind == backend::BufferKind::kState && from.kind == buffer(result).kind &&
                            from.index == buffer(result).index;
      all = all || !in_place;
    }
  }
  return all ? to_string(plan) : "";
}

TEST_CASE("gradient descent: to the bit as of all rows if none is looked up twice, else but for rounding") {
  const SGD sgd({.learning_rate = 0.1});
  for (const std::int64_t width : {1, 3, 17, 64}) {
    const Array initial = pattern({30, width}, 2);
    CHECK(trained(sgd, initial, {{3, 1, 29}, {1}, {0, 5, 3, 29}}) ==
          trained(OfAllRows(sgd), initial, {{3, 1, 29}, {1}, {0, 5, 3, 29}}));
    const F rows = trained(sgd, initial, {{3, 3, 29, 3}, {1, 1}, {29, 5, 29}});
    const F all = trained(OfAllRows(sgd), initial, {{3, 3, 29, 3}, {1, 1}, {29, 5, 29}});
    for (std::size_t i = 0; i < rows.size(); ++i) CHECK(rows[i] == doctest::Approx(all[i]).epsilon(1e-6));
  }
  // By hand: the derivative of the sum is 1 for each occurrence.
  const Variable table("table", zeros({3, 1}));
  const auto step = function("step", [&](Tensor ids) { sgd.minimize(reduce_sum(gather(table, ids)), table); });
  step(ids_of({1, 1, 2}));
  CHECK(floats(table.value()) == F{0, -0.2F, -0.1F});
  step(ids_of({}));
  CHECK(floats(table.value()) == F{0, -0.2F, -0.1F});
}

TEST_CASE("several lookups of one table, of other shapes and index types, and a lookup of what was looked up") {
  const Array initial = pattern({9, 4}, 3);
  const auto run = [&](const auto& optimizer) {
    const Variable table("table", initial);
    const auto step = function("step", {i64(batch), i32(2, batch), u8()}, [&](Tensor a, Tensor b, Tensor c) {
      const Tensor twice = gather(gather(table, a), constant(Array(I{0, 0, 1}, {3})));
      const Tensor loss = loss_of(gather(table, b)) + reduce_sum(twice * gather(table, c)) + reduce_sum(tanh(twice));
      optimizer.minimize(loss, table);
    });
    for (int i = 0; i < 3; ++i)
      step(ids_of({8, 1, 8}), Array(std::vector<std::int32_t>{1, 2, 0, 1, 1, 7}, {2, 3}),
           Array::scalar<std::uint8_t>(2));
    return floats(table.value());
  };
  const SGD sgd({.learning_rate = 0.05});
  const F rows = run(sgd);
  const F all = run(OfAllRows(sgd));
  for (std::size_t i = 0; i < rows.size(); ++i) CHECK(rows[i] == doctest::Approx(all[i]).epsilon(1e-5));
}

TEST_CASE("derivatives through lookups: gradients, Hessian times a vector, before and after an assignment") {
  const Variable table("table", pattern({5, 2}, 1));
  check_derivatives(
      f32(4, 2), pattern({4, 2}), {table},
      [&](const Tensor& x) {
        const Tensor first = gather(table, constant(Array(I{1, 1, 4, 0})));
        return reduce_sum(square(first * x)) + reduce_sum(sin(gather(table, constant(Array(I{4, 2})))));
      },
      [](const Doubles& in) {
        constexpr std::size_t at[] = {1, 1, 4, 0};
        double sum = 0;
        for (std::size_t i = 0; i < 8; ++i) sum += std::pow(in[0][i] * in[1][at[i / 2] * 2 + i % 2], 2);
        for (const std::size_t i : std::vector<std::size_t>{4, 2})
          sum += std::sin(in[1][2 * i]) + std::sin(in[1][2 * i + 1]);
        return sum;
      });
  const Variable moved("moved", Array(F{1, 2, 3}));
  const auto slopes = function([&](Tensor ids) {
    const Tensor before = gather(moved, ids);
    moved.assign(moved * 10);
    return gradients(reduce_sum(before * gather(moved, ids + 1)), moved)[0];
  });
  CHECK(floats(slopes(Array(I{0, 1}))) == F{20, 31, 2});
}

/// LazyAdam's formula for one row, in double: PyTorch's SparseAdam.
struct Row {
  std::vector<double> w, m, v, most;
};

void check_lazy_adam(const AdamOptions& options, std::int64_t width) {
  constexpr std::size_t kRows = 12;
  const auto columns = static_cast<std::size_t>(width);
  const Variable table("table", pattern({kRows, width}, 1));
  const LazyAdam adam(options);
  const auto step = function("step", {i64(batch), i64(batch)}, [&](Tensor a, Tensor b) {
    adam.minimize(loss_of(gather(table, a)) + reduce_sum(gather(table, b) * 0.25), table);
  });
  const std::vector<std::pair<I, I>> batches{
      {{1, 1, 2}, {5, 1, 5}}, {{3, 7, 3}, {3, 0, 0}}, {{1, 2, 9}, {9, 9, 9}}, {{0, 0, 0}, {1, 2, 3}}, {{7, 7}, {7, 8}}};
  std::vector<Row> rows(kRows);
  for (std::size_t r = 0; r < kRows; ++r) {
    const auto values = floats(table.value());
    rows[r].w.assign(values.begin() + static_cast<std::ptrdiff_t>(r * columns),
                     values.begin() + static_cast<std::ptrdiff_t>((r + 1) * columns));
    rows[r].m = rows[r].v = rows[r].most = std::vector<double>(columns);
  }
  for (std::size_t t = 0; t < batches.size(); ++t) {
    const auto& [a, b] = batches[t];
    const F before = floats(table.value());
    step(ids_of(a), ids_of(b));
    std::map<std::int64_t, std::vector<double>> sums;
    for (const std::int64_t id : a) {
      auto& sum = sums.try_emplace(id, columns).first->second;
      for (std::size_t j = 0; j < columns; ++j) {
        const double w = rows[static_cast<std::size_t>(id)].w[j];
        sum[j] += w + std::cos(w);
      }
    }
    for (const std::int64_t id : b) {
      for (double& sum : sums.try_emplace(id, columns).first->second) sum += 0.25;
    }
    const double c1 = 1 - std::pow(options.beta_1, t + 1);
    const double c2 = 1 - std::pow(options.beta_2, t + 1);
    for (const auto& [id, g] : sums) {
      Row& row = rows[static_cast<std::size_t>(id)];
      for (std::size_t j = 0; j < columns; ++j) {
        row.m[j] += (1 - options.beta_1) * (g[j] - row.m[j]);
        row.v[j] += (1 - options.beta_2) * (g[j] * g[j] - row.v[j]);
        row.most[j] = std::max(row.most[j], row.v[j]);
        const double root = std::sqrt(options.amsgrad ? row.most[j] : row.v[j]);
        row.w[j] -= options.learning_rate * std::sqrt(c2) / c1 * row.m[j] / (root + options.epsilon);
      }
    }
    const F after = floats(table.value());
    for (std::size_t i = 0; i < after.size(); ++i) {
      const std::size_t r = i / columns;
      CAPTURE(t);
      CAPTURE(r);
      CHECK(after[i] == doctest::Approx(rows[r].w[i % columns]).epsilon(2e-5));
      if (!sums.contains(static_cast<std::int64_t>(r))) CHECK(after[i] == before[i]);
    }
  }
}

TEST_CASE("LazyAdam changes rows that are looked up, after adding up their occurrences") {
  for (const std::int64_t width : {1, 5, 64}) check_lazy_adam({.learning_rate = 0.1}, width);
  check_lazy_adam({.learning_rate = 0.05, .beta_1 = 0.8, .beta_2 = 0.9, .epsilon = 1e-3, .amsgrad = true}, 7);
}

TEST_CASE("LazyAdam's bias correction counts all steps") {
  const Variable table("table", zeros({3, 1}));
  const LazyAdam adam({.learning_rate = 0.1});
  const auto step = function("step", [&](Tensor ids) { adam.minimize(reduce_sum(gather(table, ids)), table); });
  step(ids_of({1, 1}));
  const auto value = [&](std::string_view name) {
    for (const NamedVariable& named : adam.named_variables()) {
      if (named.name.ends_with(name)) return floats(named.variable.value());
    }
    return F{};
  };
  CHECK(value("/m")[1] == doctest::Approx(0.2));
  CHECK(value("/v")[1] == doctest::Approx(0.004));
  CHECK(floats(table.value())[1] == doctest::Approx(-0.1).epsilon(1e-5));
  const F before = floats(table.value());
  step(ids_of({2}));
  const F after = floats(table.value());
  CHECK(after[0] == 0);
  CHECK(after[1] == before[1]);
  CHECK(after[2] == doctest::Approx(-0.074414).epsilon(1e-5));
  step(ids_of({}));
  CHECK(floats(table.value()) == after);
}

TEST_CASE("LazyAdam is Adam where each row is looked up, or the table is used in another way") {
  const Array initial = pattern({6, 3}, 4);
  const AdamOptions options{.learning_rate = 0.1};
  CHECK(trained(LazyAdam(options), initial, {{5, 4, 3, 2, 1, 0}, {0, 2, 4, 1, 3, 5}}) ==
        trained(Adam(options), initial, {{5, 4, 3, 2, 1, 0}, {0, 2, 4, 1, 3, 5}}));
  const auto tied = [&](const Optimizer& optimizer) {
    const Variable table("table", initial);
    const auto step = function("step", {i64(batch)}, [&](Tensor ids) {
      const Tensor logits = matmul(gather(table, ids), table, {.transpose_b = true});
      optimizer.minimize(reduce_mean(sparse_softmax_cross_entropy(logits, ids)), table);
    });
    for (int i = 0; i < 3; ++i) step(ids_of({1, 1, 4}));
    return floats(table.value());
  };
  CHECK(tied(LazyAdam(options)) == tied(Adam(options)));
  const SGD sgd({.learning_rate = 0.1});
  CHECK(tied(sgd) == tied(OfAllRows(sgd)));
  const Variable scalar("scalar", Array::scalar(1.F));
  const LazyAdam lazy(options);
  const auto step = function("step", [&](Tensor x) { lazy.minimize(x * scalar, scalar); });
  step(2.F);
  CHECK(scalar.value().item<float>() == doctest::Approx(0.9));
}

TEST_CASE("LazyAdam leaves rows alone whose gradients were clipped; the norm counts a row once") {
  const Variable table("table", zeros({4, 1}));
  const LazyAdam adam({.learning_rate = 0.1});
  const auto step = function("step", {i64(batch)}, [&](Tensor ids) {
    const ClippedGradients clipped = clip_by_global_norm(gradients(reduce_sum(gather(table, ids)), table), 1);
    adam.apply({clip_by_norm(clipped.gradients[0], 0.5)}, table);
    return clipped.global_norm;
  });
  CHECK(step(ids_of({0, 0})).item<float>() == 2);
  const F before = floats(table.value());
  CHECK(before[0] == doctest::Approx(-0.1).epsilon(1e-4));
  step(ids_of({2, 3}));
  const F after = floats(table.value());
  CHECK(after[0] == before[0]);
  CHECK(after[1] == 0);
  CHECK(after[2] < 0);
  CHECK(after[2] == after[3]);
}

TEST_CASE("rates of parts of a model, decay and freezing work with updates by rows") {
  const Array initial = pattern({6, 2}, 2);
  const auto run = [&](double rate, double decay, bool frozen) {
    const Embedding items(6, 2, [&](auto, auto) { return initial; });
    const Embedding users(3, 2, [&](auto, auto) { return pattern({3, 2}, 1); });
    const SGD sgd({.learning_rate = 0.1 * rate, .weight_decay = decay});
    const LazyAdam adam({.learning_rate = 0.2});
    const MultiOptimizer both({{sgd, items}, {adam, users}});
    items.set_trainable(!frozen);
    const auto step = function("step", {i64(batch), i64(batch)}, [&](Tensor item, Tensor user) {
      both.minimize(reduce_sum(items(item) * users(user)), {items, users});
    });
    step(ids_of({0, 5}), ids_of({2, 2}));
    return std::pair(floats(items.embeddings().value()), floats(users.embeddings().value()));
  };
  const F start = floats(initial);
  const F user = floats(pattern({3, 2}, 1));
  const auto [items, users] = run(0.5, 0, false);
  const auto [decayed, users_too] = run(0.5, 0.1, false);
  for (std::size_t i = 0; i < start.size(); ++i) {
    const bool touched = i / 2 == 0 || i / 2 == 5;
    const float step = touched ? 0.05F * user[4 + i % 2] : 0;
    CHECK(items[i] == doctest::Approx(start[i] - step));
    CHECK(decayed[i] == doctest::Approx(start[i] * 0.995F - step));
  }
  CHECK(std::equal(users.begin(), users.begin() + 4, user.begin()));
  CHECK(users[4] != user[4]);
  CHECK(users == users_too);
  CHECK(run(0.5, 0.1, true).first == start);
}

TEST_CASE("build makes the variables that the first step would make") {
  const auto names = [](const LazyAdam& adam) {
    std::set<std::string> result;
    for (const NamedVariable& named : adam.named_variables()) result.insert(named.name);
    return result;
  };
  const Variable table("table", pattern({4, 2}));
  const LazyAdam built;
  built.build(table);
  const LazyAdam used;
  function("step", {i64(batch)}, [&](Tensor ids) { used.minimize(loss_of(gather(table, ids)), table); })(ids_of({1}));
  CHECK(names(built) == names(used));
  CHECK(names(used).contains("table/position"));
}

TEST_CASE("updates run in place, and no kernel goes over the table; with one to three threads the same bits") {
  constexpr std::int64_t kRows = 5'000;
  Array initial = pattern({kRows, 64});
  const Array labels = pattern({128, 64}, 3);
  Array ids(DType::kI64, {128});
  for (std::size_t i = 0; i < 128; ++i) ids.data<std::int64_t>()[i] = static_cast<std::int64_t>(i * i * 31 % 97 * 51);
  const auto check = [&](const Optimizer& optimizer) {
    std::vector<Array> results;
    const int before = num_threads();
    const Variable table("table", initial);
    const Variable w("w", pattern({64, 64}, 7));
    const auto step = function("step", {i64(batch), f32(batch, 64)}, [&](Tensor in, Tensor y) {
      const Tensor error = tanh(matmul(gather(table, in), w)) - y;
      const Tensor loss = reduce_mean(square(error));
      optimizer.minimize(loss, {table, w});
      return loss;
    });
    CHECK(costs_all_rows(step.graph(), kRows).empty());
    const VariableList all{optimizer, table, w};
    std::vector<Array> start;
    for (const Variable& variable : all.all()) start.push_back(variable.value());
    for (const int threads : {1, 2, 3}) {
      set_num_threads(threads);
      for (std::size_t i = 0; i < start.size(); ++i) all.all()[i].assign(start[i]);
      for (int i = 0; i < 3; ++i) step(ids, labels);
      results.push_back(table.value());
    }
    set_num_threads(before);
    CHECK(results[0] != initial);
    CHECK(results[1] == results[0]);
    CHECK(results[2] == results[0]);
  };
  check(SGD({.learning_rate = 0.1}));
  check(LazyAdam({.learning_rate = 0.1}));
  check(LazyAdam({.learning_rate = 0.1, .amsgrad = true}));

  // Adam moves all rows, as does a step that returns the table's old value.
  const Variable table("table", initial);
  const Adam adam;
  const auto dense =
      function("dense", {i64(batch)}, [&](Tensor in) { adam.minimize(loss_of(gather(table, in)), table); });
  CHECK(!costs_all_rows(dense.graph(), kRows).empty());
  const SGD sgd;
  const auto old = function("old", {i64(batch)}, [&](Tensor in) {
    const Tensor value = table;
    sgd.minimize(loss_of(gather(table, in)), table);
    return value;
  });
  CHECK(!costs_all_rows(old.graph(), kRows).empty());
  CHECK(old(ids) == initial);
  CHECK(table.value() != initial);
}

}  // namespace sluice::sparse_updates_test
