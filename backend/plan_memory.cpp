#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <set>
#include <utility>

#include "backend/arena.h"
#include "backend/plan.h"
#include "backend/range_set.h"
#include "sluice/error.h"

namespace sluice::backend {

namespace {

constexpr std::int64_t kAlignment = 64;

std::int64_t aligned(std::int64_t bytes) { return (bytes + kAlignment - 1) / kAlignment * kAlignment; }

/// The bytes of a temporary, with its tail. A static one has a tail for any vector.
Dim bytes_of(const Buffer& buffer) {
  const Dim count = element_count(buffer.layout, buffer.type.shape);
  const auto bytes = count.size * static_cast<std::int64_t>(size_of(buffer.type.dtype));
  return count.batch ? Dim(bytes + buffer.tail, count.batch) : Dim(aligned(bytes + kAlignment));
}

/// The tile's vectors read a second factor that lies row by row past its last column: in its last row, past its end.
void find_tails(Plan& plan) {
  for (const KernelPlan& kernel : plan.kernels) {
    const ProductKernel* const product = kernel.product();
    if (product == nullptr || product->panels != RhsPanels::kInPlace) continue;
    Buffer& buffer = plan.buffers[static_cast<std::size_t>(kernel.operands[product->rhs])];
    if (!buffer.layout.dense()) continue;
    const Type& type = kernel.body->node(product->matmul).types[0];
    const std::int64_t columns = type.shape[type.shape.rank() - 1].size;
    const std::int64_t past = (kernel.units.step - columns % kernel.units.step) % kernel.units.step;
    buffer.tail = std::max(buffer.tail, past * static_cast<std::int64_t>(size_of(type.dtype)));
  }
}

void find_lifetimes(Plan& plan) {
  for (Buffer& buffer : plan.buffers) {
    buffer.first_use = static_cast<int>(plan.kernels.size());
    buffer.last_use = -1;
  }
  for (std::size_t k = 0; k < plan.kernels.size(); ++k) {
    const auto touch = [&](int index) {
      Buffer& buffer = plan.buffers[static_cast<std::size_t>(index)];
      buffer.first_use = std::min(buffer.first_use, static_cast<int>(k));
      buffer.last_use = std::max(buffer.last_use, static_cast<int>(k));
    };
    for (const int buffer : plan.kernels[k].operands) touch(buffer);
    for (const int buffer : plan.kernels[k].results) touch(buffer);
  }
}

/// The number of the arena for what grows as `buffer` does; how many there are if it is the first.
std::size_t arena_of(const Plan& plan, const Buffer& buffer) {
  const auto alike = [&](const GrowingArena& arena) { return arena.bytes.batch == buffer.bytes.batch; };
  return static_cast<std::size_t>(std::ranges::find_if(plan.arenas, alike) - plan.arenas.begin());
}

/// Makes the arenas that grow. What grows with one symbol, often B, which may be small, has whole cache lines for each
/// of it; else the smallest value decides.
void make_arenas(Plan& plan, const std::vector<Buffer*>& buffers) {
  for (const Buffer* buffer : buffers) {
    const Growth growth = buffer->bytes.batch;
    if (!growth) continue;
    const std::size_t number = arena_of(plan, *buffer);
    if (number == plan.arenas.size()) plan.arenas.push_back({Dim(0, growth), kLine});
    if (growth.is_product() && growth.terms()[0].symbols.size() == 1) continue;
    std::int64_t& granule = plan.arenas[number].granule;
    while (granule > std::max<std::int64_t>(buffer->bytes.size, 1)) granule /= 2;
  }
}

/// Largest first, each at the lowest free place: the usual heuristic for offsets that are fixed beforehand.
void find_offsets(Plan& plan) {
  std::vector<Buffer*> order;
  for (Buffer& buffer : plan.buffers) {
    if (buffer.kind != BufferKind::kTemporary || buffer.last_use < 0) continue;
    buffer.bytes = bytes_of(buffer);
    order.push_back(&buffer);
  }
  make_arenas(plan, order);
  for (Buffer* buffer : order) {
    if (!buffer->bytes.batch) continue;
    const std::int64_t granule = plan.arenas[arena_of(plan, *buffer)].granule;
    buffer->bytes.size = (buffer->bytes.size + granule - 1) / granule * granule;
  }
  std::ranges::stable_sort(order, std::greater<>(), [](const Buffer* buffer) { return buffer->bytes.size; });
  Arena static_arena(plan.kernels.size());
  std::vector<Arena> growing(plan.arenas.size(), Arena(plan.kernels.size()));
  for (Buffer* buffer : order) {
    const std::size_t number = buffer->bytes.batch ? arena_of(plan, *buffer) : 0;
    Arena& arena = buffer->bytes.batch ? growing[number] : static_arena;
    buffer->offset = Dim(arena.reserve({buffer->first_use, buffer->last_use}, buffer->bytes.size), buffer->bytes.batch);
    std::int64_t& bytes = buffer->bytes.batch ? plan.arenas[number].bytes.size : plan.static_bytes;
    bytes = std::max(bytes, bytes_sum(buffer->offset.size, buffer->bytes.size));
    if (bytes > kMostBytes) {
      fail("@{}: not enough memory: temporaries, {} among them, take more than {} bytes{}", plan.name,
           to_string(buffer->type), kMostBytes,
           buffer->bytes.batch ? fmt::format(" for each of {}", to_string(Dim(1, buffer->bytes.batch))) : "");
    }
  }
}

/// Memory that kernels have touched.
class Touched {
 public:
  void add(const Buffer& buffer) {
    if (buffer.kind != BufferKind::kTemporary) {
      others_.insert({buffer.kind, buffer.index});
    } else {
      arena_of(buffer).add(buffer.offset.size, buffer.offset.size + buffer.bytes.size);
    }
  }

  bool meets(const Buffer& buffer) {
    if (buffer.kind != BufferKind::kTemporary) return others_.contains({buffer.kind, buffer.index});
    return arena_of(buffer).overlaps(buffer.offset.size, buffer.offset.size + buffer.bytes.size);
  }

  void clear() { *this = {}; }

 private:
  RangeSet& arena_of(const Buffer& buffer) {
    const auto alike = [&](const auto& arena) { return arena.first == buffer.bytes.batch; };
    const auto found = std::ranges::find_if(arenas_, alike);
    return found != arenas_.end() ? found->second : arenas_.emplace_back(buffer.bytes.batch, RangeSet()).second;
  }

  std::set<std::pair<BufferKind, std::size_t>> others_;
  std::vector<std::pair<Growth, RangeSet>> arenas_;
};

/// A kernel waits for the ones before it if it touches memory that one of them has written since the last barrier, or
/// writes what one reads.
void find_barriers(Plan& plan) {
  Touched read;
  Touched written;
  const auto at = [&](int index) -> const Buffer& { return plan.buffers[static_cast<std::size_t>(index)]; };
  for (KernelPlan& kernel : plan.kernels) {
    kernel.barrier_before =
        std::ranges::any_of(kernel.operands, [&](int b) { return written.meets(at(b)); }) ||
        std::ranges::any_of(kernel.results, [&](int b) { return written.meets(at(b)) || read.meets(at(b)); });
    if (kernel.barrier_before) {
      read.clear();
      written.clear();
    }
    for (const int b : kernel.operands) read.add(at(b));
    for (const int b : kernel.results) written.add(at(b));
  }
}

}  // namespace

void place_buffers(Plan& plan) {
  find_tails(plan);
  find_lifetimes(plan);
  find_offsets(plan);
  find_barriers(plan);
}

std::int64_t GrowingArena::at(std::int64_t size, const Bindings& bindings) const {
  const std::int64_t unit = bytes_product(granule, std::max<std::int64_t>(bytes.batch.at(bindings), 0));
  return bytes_product(size / granule, aligned(unit));
}

Memory memory_of(const Plan& plan, const Bindings& bindings, int threads) {
  if (const Type* const type = plan.largest.too_large(bindings)) {
    fail("@{}: not enough memory with {}: {} has more than {} elements", plan.name, to_string(bindings),
         to_string(*type), kMostElements);
  }
  std::int64_t scratch = 0;
  for (const KernelPlan& kernel : plan.kernels) scratch = std::max(scratch, kernel.scratch().at(bindings));
  std::int64_t growing = 0;
  for (const GrowingArena& arena : plan.arenas) growing = bytes_sum(growing, arena.at(arena.bytes.size, bindings));
  // A vector beyond the end may be read, and no two threads share a cache line.
  const Memory memory{plan.static_bytes, growing, aligned(scratch + kAlignment), threads};
  const std::int64_t all_scratch = bytes_product(memory.scratch_stride, threads);
  if (memory.growing_arena > kMostBytes || all_scratch > kMostBytes) {
    fail("@{}: not enough memory with {}: {} bytes of temporaries, {} of scratch for each of {} threads", plan.name,
         to_string(bindings), growing_bytes(plan), memory.scratch_stride, threads);
  }
  return memory;
}

std::int64_t growing_offset(const Plan& plan, const Buffer& buffer, const Bindings& bindings) {
  std::int64_t before = 0;
  for (const GrowingArena& arena : plan.arenas) {
    if (arena.bytes.batch == buffer.bytes.batch) return before + arena.at(buffer.offset.size, bindings);
    before += arena.at(arena.bytes.size, bindings);
  }
  SLUICE_UNREACHABLE("no arena grows with {}", to_string(buffer.bytes));
}

void set_sizes(std::vector<std::int64_t>& sizes, const Plan& plan, const Bindings& bindings) {
  sizes.clear();
  for (const Symbol symbol : plan.symbols) sizes.push_back(bindings.find(symbol).value_or(1));
}

std::string growing_bytes(const Plan& plan) {
  Dim bytes = 0;
  for (const GrowingArena& arena : plan.arenas) bytes = bytes + arena.bytes;
  return to_string(bytes);
}

}  // namespace sluice::backend
