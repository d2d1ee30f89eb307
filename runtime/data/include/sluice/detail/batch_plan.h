#pragma once

#include <cstdint>
#include <memory>
#include <vector>

namespace sluice {

struct Examples;
using Order = std::shared_ptr<const std::vector<std::uint32_t>>;

namespace detail {

class ExampleSource;
class Prefetcher;
struct BatchBuffer;

/// The batches of one pass over a source. Any thread can prepare any of them from this alone.
struct BatchPlan {
  std::shared_ptr<const ExampleSource> source;
  Order order;             ///< null: the source's own
  std::uint64_t seed = 0;  ///< of the random numbers that functions draw
  std::int64_t examples = 1;
  std::int64_t count = 0;

  /// Returns the number of examples in batch `index`.
  std::int64_t size_of(std::int64_t index) const;
  /// Prepares batch `index` in `to`, in the buffers that `to` has if nobody else holds them.
  void fill(std::int64_t index, BatchBuffer& to) const;
};

}  // namespace detail
}  // namespace sluice
