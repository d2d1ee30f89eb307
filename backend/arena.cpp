#include "backend/arena.h"

#include <algorithm>
#include <bit>

namespace sluice::backend {

Arena::Arena(std::size_t kernels)
    : leaves_(std::bit_ceil(std::max<std::size_t>(1, kernels))), covers_(2 * leaves_), below_(2 * leaves_) {}

template <typename Visit>
void Arena::for_cover(Lifetime lifetime, Visit visit) const {
  std::size_t begin = leaves_ + static_cast<std::size_t>(lifetime.first);
  std::size_t end = leaves_ + static_cast<std::size_t>(lifetime.last) + 1;
  for (; begin < end; begin /= 2, end /= 2) {
    if (begin % 2 == 1) visit(begin++);
    if (end % 2 == 1) visit(--end);
  }
}

std::int64_t Arena::reserve(Lifetime lifetime, std::int64_t bytes) {
  std::vector<const RangeSet*> in_use;
  for_cover(lifetime, [&](std::size_t node) {
    in_use.push_back(&below_[node]);
    for (std::size_t above = node; above > 0; above /= 2) in_use.push_back(&covers_[above]);
  });
  std::int64_t offset = 0;
  for (bool moved = true; moved;) {
    moved = false;
    for (const RangeSet* blocks : in_use) {
      while (const auto end = blocks->end_of_overlap(offset, offset + bytes)) {
        offset = *end;
        moved = true;
      }
    }
  }
  for_cover(lifetime, [&](std::size_t node) {
    covers_[node].add(offset, offset + bytes);
    for (std::size_t above = node / 2; above > 0; above /= 2) below_[above].add(offset, offset + bytes);
  });
  return offset;
}

}  // namespace sluice::backend
