#pragma once

#include <vector>

namespace sluice::backend {

/// Which kernels must run before which: a growing acyclic relation.
class Order {
 public:
  /// A new kernel, without constraints. Gives its number.
  int add();
  /// `first` runs before `second`. The caller has made sure that `second` does not reach `first`.
  void before(int first, int second);
  /// Whether `first` must run before `second`, directly or through others.
  bool reaches(int first, int second) const;
  /// All kernels in an order that keeps the constraints; of those that may run next, the one that was added first.
  std::vector<int> schedule() const;

 private:
  std::vector<std::vector<int>> successors_;
};

}  // namespace sluice::backend
