#include "tools/memory_report.h"

#include <fmt/format.h>

#include <map>
#include <set>
#include <string>
#include <utility>

#include "ir/counted.h"
#include "runtime/execution/kernel_cost.h"
#include "sluice/printable.h"

namespace sluice::tools {

namespace {

using backend::Buffer;
using backend::BufferKind;
using backend::Plan;

/// Returns the maximum number of live bytes, and the kernel where it is reached.
std::pair<std::int64_t, std::size_t> most_alive(const Plan& plan, const Bindings& bindings) {
  std::pair<std::int64_t, std::size_t> most{0, 0};
  for (std::size_t k = 0; k < plan.kernels.size(); ++k) {
    std::int64_t alive = 0;
    for (const Buffer& buffer : plan.buffers) {
      const bool lives = buffer.first_use <= static_cast<int>(k) && static_cast<int>(k) <= buffer.last_use;
      if (buffer.kind == BufferKind::kTemporary && lives) alive += buffer.bytes.at(bindings);
    }
    if (alive > most.first) most = {alive, k};
  }
  return most;
}

std::string name_of(const ir::Graph& graph, const Buffer& buffer) {
  if (buffer.kind == BufferKind::kParameter) return printable(graph.parameters()[buffer.index].name);
  if (buffer.kind == BufferKind::kState) return printable(graph.states()[buffer.index].variable);
  return buffer.kind == BufferKind::kTemporary ? "" : std::to_string(buffer.index);
}

/// Prints the buffers and returns their bytes by kind, counting each memory once.
std::map<BufferKind, std::int64_t> print_buffers(const ir::Graph& graph, const Plan& plan, const Bindings& bindings) {
  std::map<BufferKind, std::int64_t> sums;
  std::set<std::pair<BufferKind, std::size_t>> seen;
  print_text("{:<6} {:<10} {:<26} {:<20} {:>10} {:>10}  {}\n", "buffer", "kind", "name", "type", "offset", "bytes",
             "kernels");
  for (std::size_t b = 0; b < plan.buffers.size(); ++b) {
    const Buffer& buffer = plan.buffers[b];
    const bool temporary = buffer.kind == BufferKind::kTemporary;
    const bool used = buffer.last_use >= 0;
    if (temporary && !used) continue;
    const std::int64_t bytes = temporary ? buffer.bytes.at(bindings) : runtime::bytes_of(buffer, bindings);
    const bool first = temporary || seen.insert({buffer.kind, buffer.index}).second;
    if (first) sums[buffer.kind] += bytes;
    print_text("{:<6} {:<10} {:<26} {:<20} {:>10} {:>10}  {}{}\n", fmt::format("b{}", b), to_string(buffer.kind),
               name_of(graph, buffer), to_string(buffer.type), temporary ? to_string(buffer.offset) : "-", bytes,
               used ? fmt::format("{}-{}", buffer.first_use, buffer.last_use) : "none", first ? "" : " (in place)");
  }
  return sums;
}

}  // namespace

void print_memory(const ir::Graph& graph, const Plan& plan, const Bindings& bindings, int threads) {
  print_text("\nmemory: the bytes of each buffer with {}, and the first and last kernel that touches it\n\n", bindings);
  std::map<BufferKind, std::int64_t> sums = print_buffers(graph, plan, bindings);
  const backend::Memory memory = backend::memory_of(plan, bindings, threads);
  const std::int64_t outside =
      sums[BufferKind::kParameter] + sums[BufferKind::kState] + sums[BufferKind::kResult] + sums[BufferKind::kConstant];
  print_text("\n{:>14}  parameters\n", sums[BufferKind::kParameter]);
  print_text("{:>14}  states\n", sums[BufferKind::kState]);
  print_text("{:>14}  results\n", sums[BufferKind::kResult]);
  print_text("{:>14}  constants\n", sums[BufferKind::kConstant]);
  print_text("{:>14}  temporaries of static size\n", memory.static_arena);
  print_text("{:>14}  temporaries that grow: {}\n", memory.growing_arena, growing_bytes(plan));
  print_text("{:>14}  scratch: {} for each of {}\n", memory.scratch(), memory.scratch_stride,
             counted(threads, "thread"));
  print_text("{:>14}  peak\n", outside + memory.total());
  const auto [alive, where] = most_alive(plan, bindings);
  print_text("\nThe temporaries take {} bytes in all; at most {} live at once, in kernel {}, and share {}.\n",
             sums[BufferKind::kTemporary], alive, where, memory.static_arena + memory.growing_arena);
}

}  // namespace sluice::tools
