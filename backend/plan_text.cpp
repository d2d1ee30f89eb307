#include <fmt/format.h>

#include <array>

#include "backend/plan.h"
#include "backend/shared_code.h"
#include "ir/counted.h"

namespace sluice::backend {

namespace {

std::string text_of(const ProductKernel& product) {
  std::string out = fmt::format(" tile {}x{} {} rhs {}", product.tile.rows, product.tile.vectors,
                                to_string(product.schedule), to_string(product.panels));
  if (product.tile.depth_block > 0) out += fmt::format(" depth by {}", product.tile.depth_block);
  if (product.skips_zeros) out += " skips zeros";
  if (product.packs_windows) out += " lhs windows";
  const ProductScratch& scratch = product.scratch;
  out += fmt::format(" scratch {}", to_string(scratch.end));
  const auto part = [&](std::string_view name, const Bytes& begin, const Bytes& end) {
    if (begin != end) out += fmt::format(", {} at {}", name, to_string(begin));
  };
  part("panel", scratch.panel, scratch.next_panel);
  part("next panel", scratch.next_panel, scratch.sums);
  part("sums", scratch.sums, scratch.lists);
  part("lists", scratch.lists, scratch.windows);
  if (scratch.list_bytes > 0) out += fmt::format(" of {}", scratch.list_bytes);
  part("windows", scratch.windows, scratch.end);
  return out;
}

std::string text_of(const AttentionKernel& attention) {
  const auto& [tile, scratch] = attention;
  return fmt::format(" tile {}x{} scratch {}, values at {}, weights at {}, slopes at {}, sums at {}, offsets at {}",
                     tile.rows, 2, to_string(scratch.end), to_string(scratch.values), to_string(scratch.weights),
                     to_string(scratch.slopes), to_string(scratch.sums), to_string(scratch.offsets));
}

/// How a kernel goes through windows, if it does: "by positions inner 1: 1 to 27, 2: 1 to 27".
std::string windows_text(const KernelPlan& kernel) {
  const auto* const loop = std::get_if<LoopKernel>(&kernel.how);
  const auto* const reduce = std::get_if<ReduceKernel>(&kernel.how);
  std::string out;
  if (loop != nullptr && loop->by_positions) out = " by positions";
  if (reduce != nullptr && reduce->sweep != Sweep::kByOutputs) out = fmt::format(" {}", to_string(reduce->sweep));
  if (out.empty()) return out;
  std::string_view separator = " inner ";
  for (const InnerRange& range : loop != nullptr ? loop->inner : reduce->inner) {
    out += fmt::format("{}{}: {} to {}", separator, range.axis, range.begin, to_string(range.end));
    separator = ", ";
  }
  return out;
}

}  // namespace

std::string to_string(const Units& units) {
  std::string text;
  for (const Units::Axis& axis : units.axes)
    text += fmt::format("{}{}/{}", text.empty() ? "" : " x ", to_string(axis.size), axis.block);
  return text.empty() ? "1" : text;
}

std::string to_string(const Plan& plan) {
  std::string out = fmt::format("plan @{}: {}, {} bytes of temporaries and {}\n", plan.name,
                                counted(plan.kernels.size(), "kernel"), plan.static_bytes, growing_bytes(plan));
  const std::vector<std::size_t> code = shared_code(plan);
  for (std::size_t i = 0; i < plan.kernels.size(); ++i) {
    const KernelPlan& kernel = plan.kernels[i];
    out += fmt::format("{}  kernel {}: {} {} reads ", kernel.barrier_before ? "  barrier\n" : "", i,
                       to_string(kernel.kind()), kernel.name);
    for (const int buffer : kernel.operands) out += fmt::format("b{} ", buffer);
    out += "writes ";
    for (const int buffer : kernel.results) out += fmt::format("b{} ", buffer);
    out += fmt::format("units {}", to_string(kernel.units));
    if (const auto* const loop = std::get_if<LoopKernel>(&kernel.how); loop != nullptr && loop->flat) out += " flat";
    if (const auto* const attention = std::get_if<AttentionKernel>(&kernel.how)) out += text_of(*attention);
    out += windows_text(kernel);
    if (kernel.product() != nullptr) out += text_of(*kernel.product());
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

std::string_view to_string(ProductSchedule schedule) {
  constexpr std::array<std::string_view, 3> kSchedules{"through scratch", "in registers", "overlapped"};
  return kSchedules[static_cast<std::size_t>(schedule)];
}

std::string_view to_string(RhsPanels panels) {
  constexpr std::array<std::string_view, 6> kPanels{"in place",     "masked",   "packed",
                                                    "packed ahead", "computed", "windows"};
  return kPanels[static_cast<std::size_t>(panels)];
}

std::string_view to_string(Sweep sweep) {
  constexpr std::array<std::string_view, 3> kSweeps{"by outputs", "by positions", "by cells"};
  return kSweeps[static_cast<std::size_t>(sweep)];
}

std::string_view to_string(BufferKind kind) {
  constexpr std::array<std::string_view, 5> kKinds{"parameter", "state", "result", "constant", "temporary"};
  return kKinds[static_cast<std::size_t>(kind)];
}

}  // namespace sluice::backend
