#include "tools/code/hot_code.h"

#include <algorithm>
#include <chrono>
#include <memory>
#include <optional>
#include <utility>

#include "backend/compile.h"
#include "ir/random_arrays.h"
#include "runtime/execution/jit_executable.h"
#include "tools/code/instructions.h"
#include "tools/code/sampler.h"

namespace sluice::tools {

namespace {

constexpr std::size_t kMostSamples = 1 << 22;

/// The machine code of a kernel in this process.
struct PlacedCode {
  std::size_t kernel;
  std::uintptr_t function;
  Instructions instructions;

  std::int64_t offset_of(std::uintptr_t address) const { return static_cast<std::int64_t>(address - function); }
  bool has(std::uintptr_t address) const {
    const std::int64_t offset = offset_of(address);
    return !instructions.offsets.empty() && offset >= instructions.offsets.front() && offset < instructions.end;
  }
  /// Returns the line of assembly whose instruction is at `address`: labels come before it.
  std::size_t line_of(std::uintptr_t address) const {
    const auto after = std::ranges::upper_bound(instructions.offsets, offset_of(address));
    return static_cast<std::size_t>(after - instructions.offsets.begin()) - 1;
  }
};

std::shared_ptr<const backend::Program> link(const backend::Plan& plan, const std::vector<KernelCode>& code) {
  std::vector<backend::ObjectCode> objects;
  for (const KernelCode& kernel : code) objects.push_back(kernel.object);
  auto jit = std::make_shared<backend::Jit>(objects);
  std::vector<backend::KernelFunction> functions;
  for (std::size_t k = 0; k < code.size(); ++k)
    functions.push_back(reinterpret_cast<backend::KernelFunction>(jit->lookup(backend::kernel_symbol(k))));
  return std::make_shared<const backend::Program>(plan, std::move(functions), std::move(jit));
}

/// Runs steps and returns the addresses of instructions that its threads were about to execute.
std::vector<std::uintptr_t> sample_steps(runtime::Executable& executable, const std::vector<Array>& inputs,
                                         std::size_t results, double seconds) {
  std::vector<Array> outputs(results);
  executable.run(inputs, outputs);  // pages are mapped and threads exist
  Sampler sampler(kMostSamples);
  const auto end = std::chrono::steady_clock::now() + std::chrono::duration<double>(seconds);
  do {
    executable.run(inputs, outputs);
  } while (std::chrono::steady_clock::now() < end);
  return sampler.stop();
}

}  // namespace

std::vector<HotCode> sample_kernels(const ir::Graph& traced, const backend::Plan& plan,
                                    const std::vector<KernelCode>& code, const Bindings& sizes, double seconds) {
  constexpr std::uint64_t kSeed = 1;
  const backend::Target target = backend::host_target();
  const std::shared_ptr<const backend::Program> program = link(plan, code);
  std::vector<HotCode> hot(code.size());
  std::vector<PlacedCode> placed;
  for (std::size_t k = 0; k < code.size(); ++k) {
    auto found = instructions_of(code[k].object, backend::kernel_symbol(k), code[k].assembly, target);
    if (!found) continue;
    placed.push_back({k, reinterpret_cast<std::uintptr_t>(program->functions()[k]), *std::move(found)});
    hot[k].of_line.resize(code[k].assembly.size());
  }
  const auto executable = runtime::make_jit_executable(
      traced, runtime::variables_for(traced, random_states(traced, kSeed)), program, runtime::ExecutableOptions{});
  for (const std::uintptr_t address :
       sample_steps(*executable, random_parameters(traced, sizes, kSeed), traced.results().size(), seconds)) {
    const auto owner = std::ranges::find_if(placed, [&](const PlacedCode& one) { return one.has(address); });
    if (owner == placed.end()) continue;
    ++hot[owner->kernel].samples;
    ++hot[owner->kernel].of_line[owner->line_of(address)];
  }
  return hot;
}

}  // namespace sluice::tools
