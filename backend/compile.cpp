#include "backend/compile.h"

#include <algorithm>
#include <chrono>
#include <exception>
#include <functional>
#include <thread>
#include <vector>

#include "backend/jit.h"
#include "backend/shared_code.h"
#include "backend/target.h"
#include "backend/verify_plan.h"
#include "passes/pass.h"
#include "sluice/error.h"

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

/// Stops if the plan has a fault.
bool check_plan(const Plan& plan) {
  const std::optional<PlanFault> fault = verify_plan(plan);
  if (!fault) return true;
  const Location line = ir::user_location(plan.kernels[fault->kernel].origins);
  SLUICE_CHECK(false, "the plan of @{} is wrong: {} (made at {})", plan.name, fault->what, to_string(line));
}

/// What code generation takes for a kernel, roughly: most for a product, where the epilogue stands in the code of a
/// whole panel and of the rest.
std::size_t generation_cost(const KernelPlan& kernel) {
  if (kernel.kind != KernelKind::kMatmul) return 3;
  const auto& [columns, panel] = kernel.units.axes[0];
  const std::size_t panels = !columns.batch && columns.size > panel && columns.size % panel != 0 ? 2 : 1;
  const bool turned = find_op(*kernel.body, ir::Op::kMatmul)->attributes.flag(ir::Attr::kTransposeB);
  return panels * (4 + kernel.body->nodes().size()) + (turned ? 10 : 0);
}

/// Kernels of `plan` with one of each code, in at most so many parts that take about as long.
std::vector<std::vector<std::size_t>> in_parts(const Plan& plan, std::size_t most) {
  const std::vector<std::size_t> code = shared_code(plan);
  std::vector<std::size_t> order;
  for (std::size_t k = 0; k < code.size(); ++k) {
    if (code[k] == k) order.push_back(k);
  }
  const auto cost = [&](std::size_t k) { return generation_cost(plan.kernels[k]); };
  std::ranges::stable_sort(order, std::greater<>(), cost);
  std::vector<std::vector<std::size_t>> parts(std::clamp<std::size_t>(order.size(), 1, most));
  std::vector<std::size_t> costs(parts.size());
  for (const std::size_t k : order) {
    const auto least = static_cast<std::size_t>(std::ranges::min_element(costs) - costs.begin());
    parts[least].push_back(k);
    costs[least] += cost(k);
  }
  for (auto& part : parts) std::ranges::sort(part);
  return parts;
}

/// Generates code on all cores.
std::vector<ObjectCode> generate(const Plan& plan, const Target& target, const CompileOptions& options) {
  const auto kernels = in_parts(plan, std::max(1U, std::thread::hardware_concurrency()));
  const bool keep_text = options.on_text != nullptr;
  const KeepTexts keep{.llvm_ir = keep_text, .assembly = keep_text && options.assembly};
  std::vector<Generated> parts(kernels.size());
  std::vector<std::exception_ptr> errors(kernels.size());
  const auto make = [&](std::size_t part) {
    try {
      parts[part] = generate_kernels(plan, kernels[part], target, keep);
    } catch (...) {
      errors[part] = std::current_exception();
    }
  };
  {
    std::vector<std::jthread> others;
    for (std::size_t part = 1; part < kernels.size(); ++part) others.emplace_back(make, part);
    make(0);
  }
  for (const std::exception_ptr& error : errors) {
    if (error) std::rethrow_exception(error);
  }
  std::string llvm_ir;
  std::string assembly;
  std::vector<ObjectCode> objects;
  for (Generated& part : parts) {
    llvm_ir += part.llvm_ir;
    assembly += part.assembly;
    objects.push_back(std::move(part.object));
  }
  if (keep.llvm_ir) options.on_text("llvm", llvm_ir);
  if (keep.assembly) options.on_text("assembly", assembly);
  return objects;
}

/// The symbols of the code of all kernels.
std::vector<std::string> symbols_of(const Plan& plan) {
  std::vector<std::string> symbols;
  for (const std::size_t kernel : shared_code(plan)) symbols.push_back(kernel_symbol(kernel));
  return symbols;
}

/// Links `objects`. Throws Error unless they have the code of all kernels of `plan`.
std::unique_ptr<Jit> link(const Plan& plan, const std::vector<ObjectCode>& objects) {
  auto jit = std::make_unique<Jit>(objects);
  for (const std::string& symbol : symbols_of(plan)) jit->lookup(symbol);
  return jit;
}

/// The machine code of a plan: from the cache if it is there and LLVM takes it, else generated.
std::unique_ptr<Jit> load_or_generate(const ir::Graph& fused, const Plan& plan, const Target& target,
                                      const CompileOptions& options) {
  const bool uses_cache = options.cache && !options.on_text && !options.on_plan;
  const std::string key = uses_cache ? object_key(fused, target, options.plan) : "";
  const auto make = [&] {
    std::vector<ObjectCode> made = generate(plan, target, options);
    if (uses_cache) options.cache->store(key, made);
    return made;
  };
  bool found = false;
  const std::vector<ObjectCode> objects = timed(options, "code", [&] {
    auto loaded = uses_cache ? options.cache->load(key) : std::nullopt;
    found = loaded.has_value();
    return found ? std::move(*loaded) : make();
  });
  try {
    return timed(options, "link", [&] { return link(plan, objects); });
  } catch (const Error&) {
    if (!found) throw;  // else what the cache has was damaged before it was hashed
  }
  const std::vector<ObjectCode> anew = timed(options, "code", make);
  return timed(options, "link", [&] { return link(plan, anew); });
}

}  // namespace

Program::Program(Plan plan, std::unique_ptr<Jit> jit) : plan_(std::move(plan)), jit_(std::move(jit)) {
  const std::vector<std::string> symbols = symbols_of(plan_);
  for (std::size_t k = 0; k < plan_.kernels.size(); ++k) {
    const KernelFunction instead = plan_.kernels[k].instead;
    functions_.push_back(instead != nullptr ? instead : reinterpret_cast<KernelFunction>(jit_->lookup(symbols[k])));
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
  if (options.verify_plan) timed(options, "verify", [&] { return check_plan(plan); });
  if (options.on_text) options.on_text("plan", to_string(plan));
  // 3. Emit LLVM IR for every kernel, let LLVM make machine code of it, unless that was done before, and link it into
  // this process.
  std::unique_ptr<Jit> jit = load_or_generate(fused, plan, target, options);
  return std::make_shared<const Program>(std::move(plan), std::move(jit));
}

}  // namespace sluice::backend
