#pragma once

#include <cstdint>
#include <map>
#include <optional>

namespace sluice::backend {

/// A set of integers, as half-open ranges that neither overlap nor touch.
class RangeSet {
 public:
  void add(std::int64_t begin, std::int64_t end);
  /// Returns the end of the first range that overlaps [begin, end).
  std::optional<std::int64_t> end_of_overlap(std::int64_t begin, std::int64_t end) const;
  bool overlaps(std::int64_t begin, std::int64_t end) const { return end_of_overlap(begin, end).has_value(); }

 private:
  std::map<std::int64_t, std::int64_t> ends_;  ///< by the start of a range
};

}  // namespace sluice::backend
