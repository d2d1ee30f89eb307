#include <fmt/format.h>

#include "backend/plan.h"
#include "backend/shared_code.h"
#include "ir/counted.h"

namespace sluice::backend {

std::string to_string(const Plan& plan) {
  std::string out = fmt::format("plan @{}: {}, {} bytes of temporaries and {} for each of B\n", plan.name,
                                counted(plan.kernels.size(), "kernel"), plan.static_bytes, plan.batch_bytes);
  const std::vector<std::size_t> code = shared_code(plan);
  for (std::size_t i = 0; i < plan.kernels.size(); ++i) {
    const KernelPlan& kernel = plan.kernels[i];
    std::string units;
    for (const Units::Axis& axis : kernel.units.axes)
      units += fmt::format("{}{}/{}", units.empty() ? "" : " x ", to_string(axis.size), axis.block);
    out += fmt::format("{}  kernel {}: {} {} reads ", kernel.barrier_before ? "  barrier\n" : "", i,
                       to_string(kernel.kind), kernel.name);
    for (const int buffer : kernel.operands) out += fmt::format("b{} ", buffer);
    out += "writes ";
    for (const int buffer : kernel.results) out += fmt::format("b{} ", buffer);
    out += fmt::format("units {}", units.empty() ? "1" : units);
    if (kernel.kind == KernelKind::kMatmul) out += fmt::format(" tile {}x{}", kernel.tile.rows, kernel.tile.vectors);
    if (kernel.tile.depth_block > 0) out += fmt::format(" depth by {}", kernel.tile.depth_block);
    if (kernel.packs) out += " packs";
    if (kernel.masks) out += " masks";
    if (kernel.skips_zeros) out += " skips zeros";
    if (code[i] != i) out += fmt::format(" by the code of kernel {}", code[i]);
    out += '\n';
  }
  for (std::size_t i = 0; i < plan.buffers.size(); ++i) {
    const Buffer& buffer = plan.buffers[i];
    out += fmt::format("  b{}: {} {}", i, to_string(buffer.type), to_string(buffer.kind));
    if (buffer.kind != BufferKind::kTemporary) out += fmt::format(" {}", buffer.index);
    if (!buffer.layout.dense()) out += fmt::format(" in panels of {}, {}", buffer.layout.panel, buffer.layout.last);
    if (buffer.kind != BufferKind::kTemporary) {
      out += '\n';
      continue;
    }
    out += fmt::format(" at {}, {} bytes, kernels {} to {}\n", to_string(buffer.offset), to_string(buffer.bytes),
                       buffer.first_use, buffer.last_use);
  }
  return out;
}

}  // namespace sluice::backend
