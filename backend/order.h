#pragma once

#include <vector>

namespace sluice::backend {

/// Which kernels must run before which: a growing acyclic relation.
class Order {
 public:
  /// Adds a kernel without constraints and returns its number.
  int add();
  /// Requires `first` to run before `second`. The caller ensures that `second` does not reach `first`.
  void before(int first, int second);
  /// Returns whether `first` must run before `second`, directly or through others.
  bool reaches(int first, int second) const;
  /// Returns all kernels in an order that satisfies the constraints; among those that may run next, the one added
  /// first.
  std::vector<int> schedule() const;

 private:
  std::vector<std::vector<int>> successors_;
};

}  // namespace sluice::backend
