#include "backend/compile.h"

#include <algorithm>
#include <chrono>
#include <exception>
#include <functional>
#include <iterator>
#include <numeric>
#include <thread>
#include <vector>

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

/// Returns roughly how long code generation takes for a kernel. Products take longest: their epilogue is emitted for
/// whole panels and again for the rest.
std::size_t generation_cost(const KernelPlan& kernel) {
  const ProductKernel* const product = kernel.product();
  if (product == nullptr) return 3;
  const auto& [columns, panel] = kernel.units.axes[0];
  const std::size_t panels = !columns.batch && columns.size > panel && columns.size % panel != 0 ? 2 : 1;
  const bool turned = kernel.body->node(product->matmul).attributes.flag(ir::Attr::kTransposeB);
  return panels * (4 + kernel.body->nodes().size()) + (turned ? 10 : 0);
}

/// Returns the kernel that each kernel has its code from: with debug information its own, since it has its own lines.
std::vector<std::size_t> code_of(const Plan& plan, const CompileOptions& options) {
  if (!options.debug_info) return shared_code(plan);
  std::vector<std::size_t> own(plan.kernels.size());
  std::iota(own.begin(), own.end(), std::size_t{0});
  return own;
}

/// Kernels of `plan` with one of each code, in at most so many parts that take about as long.
std::vector<std::vector<std::size_t>> in_parts(const Plan& plan, const CompileOptions& options, std::size_t most) {
  const std::vector<std::size_t> code = code_of(plan, options);
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
  const auto kernels = in_parts(plan, options, std::max(1U, std::thread::hardware_concurrency()));
  const bool keep_text = options.on_text != nullptr;
  const KeepTexts keep{.llvm_ir = keep_text, .assembly = keep_text && options.assembly};
  std::vector<Generated> parts(kernels.size());
  std::vector<std::exception_ptr> errors(kernels.size());
  const auto make = [&](std::size_t part) {
    try {
      parts[part] = generate_kernels(plan, kernels[part], target, keep, options.debug_info);
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
std::vector<std::string> symbols_of(const Plan& plan, const CompileOptions& options) {
  std::vector<std::string> symbols;
  for (const std::size_t kernel : code_of(plan, options)) symbols.push_back(kernel_symbol(kernel));
  return symbols;
}

/// Links `objects`. Throws Error unless they have the code of all kernels of `plan`.
std::shared_ptr<const Program> link(const Plan& plan, const CompileOptions& options,
                                    const std::vector<ObjectCode>& objects) {
  Jit::Visible visible{.to_debugger = options.debug_info, .dump = options.jit_dump};
  for (std::size_t k = 0; k < plan.kernels.size() && !visible.dump.empty(); ++k)
    visible.names[kernel_symbol(k)] = kernel_title(plan, k);
  auto jit = std::make_shared<Jit>(objects, visible);
  std::vector<KernelFunction> functions;
  for (const std::string& symbol : symbols_of(plan, options))
    functions.push_back(reinterpret_cast<KernelFunction>(jit->lookup(symbol)));
  std::vector<CodeLine> lines = jit->code_lines();
  return std::make_shared<const Program>(plan, std::move(functions), std::move(jit), std::move(lines));
}

/// Machine code of a plan: from the cache under `key` (empty: there is none) if it is there and LLVM takes it, else
/// generated.
std::shared_ptr<const Program> load_or_generate(const Plan& plan, const Target& target, const CompileOptions& options,
                                                const std::string& key) {
  const auto make = [&] {
    std::vector<ObjectCode> made = generate(plan, target, options);
    if (!key.empty()) options.cache->store(key, made);
    return made;
  };
  bool found = false;
  const std::vector<ObjectCode> objects = timed(options, "code", [&] {
    auto loaded = key.empty() ? std::nullopt : options.cache->load(key);
    found = loaded.has_value();
    return found ? std::move(*loaded) : make();
  });
  try {
    return timed(options, "link", [&] { return link(plan, options, objects); });
  } catch (const Error&) {
    if (!found) throw;  // else what the cache has was damaged before it was hashed
  }
  const std::vector<ObjectCode> anew = timed(options, "code", make);
  return timed(options, "link", [&] { return link(plan, options, anew); });
}

/// Verifies and shows the plan, then emits LLVM IR for every kernel, lets LLVM make machine code of it, unless that was
/// done before, and links it into this process.
std::shared_ptr<const Program> compile_checked(const Plan& plan, const Target& target, const CompileOptions& options,
                                               const std::string& key) {
  if (options.verify_plan) timed(options, "verify", [&] { return check_plan(plan); });
  if (options.on_text) options.on_text("plan", to_string(plan));
  return load_or_generate(plan, target, options, key);
}

/// Derives, simplifies and fuses: the graph says which kernels there are.
ir::Graph run_default_passes(const ir::Graph& traced, const CompileOptions& options) {
  return passes::run_passes(traced, passes::default_pipeline(),
                            {.on_stage = options.on_stage, .on_time = options.on_time});
}

/// Decides the order of kernels, what lies where, and who waits for whom.
Plan plan_kernels(const ir::Graph& fused, const Target& target, const CompileOptions& options) {
  return timed(options, "plan", [&] { return make_plan(fused, target, options.plan); });
}

}  // namespace

const CodeLine* Program::line_at(std::uintptr_t address) const {
  const auto after = std::ranges::upper_bound(lines_, address, {}, &CodeLine::address);
  if (after == lines_.begin()) return nullptr;
  const CodeLine& line = *std::prev(after);
  return line.node.empty() ? nullptr : &line;
}

std::shared_ptr<const Program> compile(const ir::Graph& traced, const CompileOptions& options) {
  return compile_kernels(run_default_passes(traced, options), options);
}

std::shared_ptr<const Program> compile_kernels(const ir::Graph& fused, const CompileOptions& options) {
  const Target target = host_target(options.target_features);
  const Plan plan = plan_kernels(fused, target, options);
  const bool uses_cache = options.cache && !options.on_text;
  return compile_checked(plan, target, options,
                         uses_cache ? object_key(fused, target, options.plan, options.debug_info) : "");
}

Plan plan_graph(const ir::Graph& traced, const CompileOptions& options) {
  return plan_kernels(run_default_passes(traced, options), host_target(options.target_features), options);
}

std::shared_ptr<const Program> compile_plan(const Plan& plan, const CompileOptions& options) {
  return compile_checked(plan, host_target(options.target_features), options, "");
}

}  // namespace sluice::backend
