// Measures single kernels and the runtime's own overhead, compared with the machine's peak. With
// --benchmark_enable_random_interleaving=true --benchmark_repetitions=N they take turns.
#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include <cstdlib>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "bench/keeping_zeros.h"
#include "bench/peak.h"
#include "bench/products.h"
#include "ir/random_arrays.h"
#include "runtime/execution/thread_team.h"
#include "sluice/cli.h"
#include "sluice/sluice.h"

namespace {

using namespace sluice;
using bench::Product;
using bench::ProductKind;

constexpr int kBatch = 128;
constexpr int kBarriers = 1000;

/// Work that is set up on its first turn, so that unselected benchmarks cost nothing.
using MakeWork = std::function<std::function<void()>()>;

void add(const std::string& name, const MakeWork& make) {
  const auto work = std::make_shared<std::function<void()>>();
  const auto run = [make, work](benchmark::State& state) {
    if (*work == nullptr) *work = make();
    (*work)();
    for ([[maybe_unused]] const auto iteration : state) (*work)();
  };
  benchmark::RegisterBenchmark(name.c_str(), run)->UseRealTime()->Unit(benchmark::kMicrosecond);
}

/// Adds a product with code that looks for zeros in the lhs, as by default, and one without.
void add_product(const std::string& name, ProductKind kind, int in, int out) {
  const MakeWork make = [=] { return Product(kind, kBatch, in, out).sluice(); };
  add(fmt::format("{}/{}-{}", name, in, out), make);
  add(fmt::format("{}_zeros_kept/{}-{}", name, in, out), [make] {
    return bench::keeping_zeros([&] {
      auto work = make();
      work();  // compiles
      return work;
    });
  });
}

/// Adds the lower bound of a weight gradient with Adam: the product's multiply-adds and one pass over w, m and v.
void add_update(int in, int out, runtime::ThreadTeam& team) {
  add(fmt::format("weight_gradient_adam/{}-{}", in, out),
      [=] { return Product(ProductKind::kWeightGradient, kBatch, in, out).sluice_with_adam(); });
  add(fmt::format("state_pass/{}-{}", in, out), [=, &team]() -> std::function<void()> {
    const auto matrix = [&](std::uint64_t seed) { return random_array({DType::kF32, Shape{in, out}}, 1, seed); };
    return [state = std::array{matrix(1), matrix(2), matrix(3)}, &team]() mutable {
      bench::pass_over({state[0].data<float>(), state[1].data<float>(), state[2].data<float>()}, team);
    };
  });
}

void add_runtime(runtime::ThreadTeam& team) {
  add("fork_join", [&team] { return [&team] { team.run([](int, int) {}); }; });
  add(fmt::format("barrier_x{}", kBarriers), [&team] {
    return [&team] {
      runtime::ThreadTeam::Lease lease = team.lease();
      lease.run([&](int, int) {
        for (int i = 0; i < kBarriers; ++i) lease.barrier();
      });
    };
  });
  add("decode", [] {
    return [f = function("decode", {u8(batch, 28, 28)},
                         [](Tensor images) {
                           return reshape(cast(images, f32), {batch, 784}) / 255;
                         }),
            images = random_array({DType::kU8, Shape{kBatch, 28, 28}}, 1, 1)] { f(images); };
  });
}

void run(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  int threads = runtime::hardware_threads();
  CLI::App app("Times single kernels. Options of Google Benchmark (--benchmark_...) work too.", "bench_kernels");
  app.add_option("--threads", threads, "Threads to compute with")->check(cli::count())->capture_default_str();
  cli::parse(app, argc, argv);
  runtime::set_default_threads(threads);
  runtime::ThreadTeam& team = runtime::default_team();
  benchmark::AddCustomContext("peak_gflops", fmt::format("{:.3f}", bench::peak_gflops(team)));
  benchmark::AddCustomContext("vectors", bench::vector_name());
  benchmark::AddCustomContext("round_trip_ns", fmt::format("{:.1f}", bench::round_trip_nanoseconds(team)));

  add_runtime(team);
  add_product("forward", ProductKind::kForward, 784, 700);
  add_product("forward", ProductKind::kForward, 700, 500);
  add_product("input_gradient", ProductKind::kInputGradient, 700, 500);
  add_product("weight_gradient", ProductKind::kWeightGradient, 784, 700);
  add_product("weight_gradient", ProductKind::kWeightGradient, 700, 500);
  add_update(784, 700, team);
  add_update(700, 500, team);
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
}

}  // namespace

int main(int argc, char** argv) {
  setenv("SLUICE_CACHE_DIR", "", 1);
  try {
    run(argc, argv);
  } catch (const Error& error) {
    fmt::print(stderr, "bench_kernels: {}\n", error.what());
    return EXIT_FAILURE;
  }
  return EXIT_SUCCESS;
}
