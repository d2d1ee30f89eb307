#include "backend/order.h"

#include <functional>
#include <queue>

#include "sluice/error.h"

namespace sluice::backend {

int Order::add() {
  successors_.emplace_back();
  return static_cast<int>(successors_.size() - 1);
}

void Order::before(int first, int second) { successors_[static_cast<std::size_t>(first)].push_back(second); }

bool Order::reaches(int first, int second) const {
  std::vector<bool> seen(successors_.size(), false);
  std::vector<int> pending{first};
  while (!pending.empty()) {
    const int kernel = pending.back();
    pending.pop_back();
    if (kernel == second) return true;
    if (seen[static_cast<std::size_t>(kernel)]) continue;
    seen[static_cast<std::size_t>(kernel)] = true;
    for (const int next : successors_[static_cast<std::size_t>(kernel)]) pending.push_back(next);
  }
  return false;
}

std::vector<int> Order::schedule() const {
  std::vector<int> waiting_for(successors_.size(), 0);
  for (const auto& nexts : successors_) {
    for (const int next : nexts) ++waiting_for[static_cast<std::size_t>(next)];
  }
  std::priority_queue<int, std::vector<int>, std::greater<>> ready;
  for (std::size_t i = 0; i < waiting_for.size(); ++i) {
    if (waiting_for[i] == 0) ready.push(static_cast<int>(i));
  }
  std::vector<int> sorted;
  while (!ready.empty()) {
    const int kernel = ready.top();
    ready.pop();
    sorted.push_back(kernel);
    for (const int next : successors_[static_cast<std::size_t>(kernel)]) {
      if (--waiting_for[static_cast<std::size_t>(next)] == 0) ready.push(next);
    }
  }
  SLUICE_CHECK(sorted.size() == successors_.size(), "kernels wait for each other");
  return sorted;
}

}  // namespace sluice::backend
