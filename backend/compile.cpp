#include "backend/compile.h"

#include <chrono>
#include <exception>
#include <numeric>
#include <thread>

#include "backend/jit.h"
#include "backend/target.h"
#include "passes/pass.h"

namespace sluice::backend {

namespace {

/// Calls `step` and tells on_time how long it took.
template <typename F>
auto timed(const CompileOptions& options, std::string_view name, F step) {
  const auto start = std::chrono::steady_clock::now();
  auto result = step();
  const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start;
  if (options.on_time) options.on_time(name, elapsed.count());
  return result;
}

/// What code generation takes for a kernel, roughly, in milliseconds: most for a product, whose tiles and epilogue
/// stand several times in its code.
std::size_t generation_cost(const KernelPlan& kernel) {
  if (kernel.kind != KernelKind::kMatmul) return 3;
  return 16 + 2 * kernel.body->nodes().size();
}

/// Generates code on two threads: each takes a run of kernels.
std::vector<ObjectCode> generate(const Plan& plan, const Target& target, const CompileOptions& options) {
  std::vector<std::size_t> costs;
  for (const KernelPlan& kernel : plan.kernels) costs.push_back(generation_cost(kernel));
  const std::size_t half = std::accumulate(costs.begin(), costs.end(), std::size_t{0}) / 2;
  std::size_t split = 0;
  for (std::size_t sum = 0; split < costs.size() && sum < half; ++split) sum += costs[split];

  const bool keep_text = options.on_text != nullptr;
  const KeepTexts keep{.llvm_ir = keep_text, .assembly = keep_text && options.assembly};
  std::vector<Generated> parts(2);
  std::exception_ptr error;
  std::thread other([&] {
    try {
      parts[1] = generate_kernels(plan, split, plan.kernels.size(), target, keep);
    } catch (...) {
      error = std::current_exception();
    }
  });
  try {
    parts[0] = generate_kernels(plan, 0, split, target, keep);
  } catch (...) {
    error = std::current_exception();
  }
  other.join();
  if (error) std::rethrow_exception(error);
  if (keep.llvm_ir) options.on_text("llvm", parts[0].llvm_ir + parts[1].llvm_ir);
  if (keep.assembly) options.on_text("assembly", parts[0].assembly + parts[1].assembly);
  return {std::move(parts[0].object), std::move(parts[1].object)};
}

std::vector<ObjectCode> load_or_generate(const ir::Graph& fused, const Plan& plan, const Target& target,
                                         const CompileOptions& options) {
  if (!options.cache || options.on_text || options.on_plan) return generate(plan, target, options);
  const std::string key = object_key(fused, target, options.plan);
  if (auto objects = options.cache->load(key)) return std::move(*objects);
  std::vector<ObjectCode> objects = generate(plan, target, options);
  options.cache->store(key, objects);
  return objects;
}

}  // namespace

Program::Program(Plan plan, std::unique_ptr<Jit> jit) : plan_(std::move(plan)), jit_(std::move(jit)) {
  for (std::size_t k = 0; k < plan_.kernels.size(); ++k) {
    const KernelFunction instead = plan_.kernels[k].instead;
    functions_.push_back(instead != nullptr ? instead
                                            : reinterpret_cast<KernelFunction>(jit_->lookup(kernel_symbol(k))));
  }
}

Program::~Program() = default;

std::shared_ptr<const Program> compile(const ir::Graph& traced, const CompileOptions& options) {
  // 1. Derive, simplify and fuse: the graph says which kernels there are.
  const ir::Graph fused = passes::run_passes(traced, passes::default_pipeline(),
                                             {.on_stage = options.on_stage, .on_time = options.on_time});
  return compile_kernels(fused, options);
}

std::shared_ptr<const Program> compile_kernels(const ir::Graph& fused, const CompileOptions& options) {
  // 2. Decide the order of kernels, what lies where, and who waits for whom.
  const Target target = host_target(options.target_features);
  Plan plan = timed(options, "plan", [&] { return make_plan(fused, target, options.plan); });
  if (options.on_plan) options.on_plan(plan);
  if (options.on_text) options.on_text("plan", to_string(plan));
  // 3. Emit LLVM IR for every kernel and let LLVM make machine code of it, unless that was done before.
  const std::vector<ObjectCode> objects =
      timed(options, "code", [&] { return load_or_generate(fused, plan, target, options); });
  // 4. Link it into this process.
  return timed(options, "link",
               [&] { return std::make_shared<const Program>(std::move(plan), std::make_unique<Jit>(objects)); });
}

}  // namespace sluice::backend
