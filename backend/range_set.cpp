#include "backend/range_set.h"

#include <algorithm>
#include <iterator>

namespace sluice::backend {

void RangeSet::add(std::int64_t begin, std::int64_t end) {
  auto range = ends_.upper_bound(begin);
  if (range != ends_.begin() && std::prev(range)->second >= begin) --range;
  while (range != ends_.end() && range->first <= end) {
    begin = std::min(begin, range->first);
    end = std::max(end, range->second);
    range = ends_.erase(range);
  }
  ends_[begin] = end;
}

std::optional<std::int64_t> RangeSet::end_of_overlap(std::int64_t begin, std::int64_t end) const {
  auto range = ends_.upper_bound(begin);
  if (range != ends_.begin() && std::prev(range)->second > begin) --range;
  if (range == ends_.end() || range->first >= end) return std::nullopt;
  return range->second;
}

}  // namespace sluice::backend
