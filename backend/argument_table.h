#pragma once

#include <cstddef>
#include <vector>

#include "backend/plan.h"

namespace sluice::backend {

/// The arguments of a plan's kernels: for each kernel the addresses of its operands, then those of its results.
class ArgumentTable {
 public:
  explicit ArgumentTable(const Plan& plan);

  /// Sets the address of a buffer, for all kernels that use it.
  void set(std::size_t buffer, std::byte* address) {
    for (std::size_t i = first_use_[buffer]; i < first_use_[buffer + 1]; ++i) arguments_[uses_[i]] = address;
  }
  std::byte* const* of(std::size_t kernel) const { return arguments_.data() + first_argument_[kernel]; }

 private:
  std::vector<std::byte*> arguments_;
  std::vector<std::size_t> first_argument_;  ///< of each kernel
  std::vector<std::size_t> uses_;            ///< positions of buffers' addresses in `arguments_`, buffer by buffer
  std::vector<std::size_t> first_use_;       ///< of each buffer, and the end
};

}  // namespace sluice::backend
