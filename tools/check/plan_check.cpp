#include "tools/check/plan_check.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

namespace sluice::tools {

namespace {

using backend::Buffer;
using backend::BufferKind;
using backend::KernelPlan;
using backend::Plan;

class PlanChecker {
 public:
  explicit PlanChecker(const Plan& plan) : plan_(plan), writer_(plan.buffers.size(), -1) {}

  std::optional<PlanFault> run() {
    for (std::size_t k = 0; k < plan_.kernels.size(); ++k) {
      const KernelPlan& kernel = plan_.kernels[k];
      if (kernel.barrier_before) since_barrier_ = k;
      for (const auto& check :
           {&PlanChecker::reads_what_was_made, &PlanChecker::waits, &PlanChecker::overwrites_safely}) {
        if (const std::string what = (this->*check)(k); !what.empty())
          return PlanFault{k, fmt::format("kernel {} {}", kernel.name, what)};
      }
      for (const int b : kernel.results) writer_[static_cast<std::size_t>(b)] = static_cast<int>(k);
    }
    return std::nullopt;
  }

 private:
  const Buffer& buffer(int b) const { return plan_.buffers[static_cast<std::size_t>(b)]; }
  const std::string& name(int kernel) const { return plan_.kernels[static_cast<std::size_t>(kernel)].name; }

  bool same_memory(int x, int y) const {
    const Buffer& a = buffer(x);
    const Buffer& b = buffer(y);
    if (a.kind != b.kind) return false;
    if (a.kind != BufferKind::kTemporary) return a.index == b.index;
    if (a.offset.batch != b.offset.batch) return false;
    return a.offset.size < b.offset.size + b.bytes.size && b.offset.size < a.offset.size + a.bytes.size;
  }

  /// Every operand was written by its maker, or came from outside, and nothing was written over it since.
  std::string reads_what_was_made(std::size_t k) {
    for (const int b : plan_.kernels[k].operands) {
      const int made = writer_[static_cast<std::size_t>(b)];
      if (made < 0 && (buffer(b).kind == BufferKind::kTemporary || buffer(b).kind == BufferKind::kResult))
        return fmt::format("reads buffer {} before any kernel has written it", b);
      for (std::size_t other = 0; other < writer_.size(); ++other) {
        if (static_cast<int>(other) == b || writer_[other] <= made || !same_memory(static_cast<int>(other), b))
          continue;
        return fmt::format("reads buffer {} after kernel {} has overwritten it with buffer {}", b, name(writer_[other]),
                           other);
      }
    }
    return "";
  }

  bool any_shared(const std::vector<int>& x, const std::vector<int>& y) const {
    return std::ranges::any_of(x,
                               [&](int a) { return std::ranges::any_of(y, [&](int b) { return same_memory(a, b); }); });
  }

  /// No kernel since the last barrier touches what this one writes, or has written what it reads.
  std::string waits(std::size_t k) {
    const KernelPlan& kernel = plan_.kernels[k];
    for (std::size_t other = since_barrier_; other < k; ++other) {
      const KernelPlan& before = plan_.kernels[other];
      if (any_shared(before.results, kernel.operands) || any_shared(before.results, kernel.results) ||
          any_shared(before.operands, kernel.results))
        return fmt::format("does not wait for kernel {}, which touches the same memory", before.name);
    }
    return "";
  }

  /// What it writes in place it reads only at the element that it writes.
  std::string overwrites_safely(std::size_t k) {
    const KernelPlan& kernel = plan_.kernels[k];
    for (std::size_t p = 0; p < kernel.operands.size(); ++p) {
      for (const int result : kernel.results) {
        if (same_memory(kernel.operands[p], result) && !backend::reads_same_element(*kernel.body, p))
          return fmt::format("overwrites its operand {} while it reads other elements of it", p);
      }
    }
    return "";
  }

  const Plan& plan_;
  std::vector<int> writer_;  // for each buffer the last kernel that wrote it, or -1
  std::size_t since_barrier_ = 0;
};

}  // namespace

std::optional<PlanFault> check_plan(const Plan& plan) { return PlanChecker(plan).run(); }

}  // namespace sluice::tools
