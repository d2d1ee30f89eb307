#include "sluice/runtime/variable_locks.h"

#include <algorithm>
#include <functional>
#include <ranges>

namespace sluice::runtime {

VariableLocks::VariableLocks(const ir::Graph& graph, const Variables& variables) {
  for (std::size_t i = 0; i < variables.size(); ++i) {
    const bool writes = graph.states()[i].update.has_value();
    const auto same = std::ranges::find(entries_, variables[i].get(), &Entry::variable);
    if (same == entries_.end()) {
      entries_.push_back({variables[i].get(), writes});
    } else {
      same->writes |= writes;
    }
  }
  std::ranges::sort(entries_, std::less<>(), &Entry::variable);
}

void VariableLocks::lock() const {
  for (const Entry& entry : entries_) {
    ReadWriteLock& lock = entry.variable->lock();
    entry.writes ? lock.lock() : lock.lock_shared();
  }
}

void VariableLocks::unlock() const {
  for (const Entry& entry : std::views::reverse(entries_)) {
    ReadWriteLock& lock = entry.variable->lock();
    entry.writes ? lock.unlock() : lock.unlock_shared();
  }
}

}  // namespace sluice::runtime
