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

/// The bytes of a temporary, with its tail. One that grows with B gets a multiple of 64 for each of B, so that its
/// offset c*B is aligned for every B. A static one has a tail for any vector.
Dim bytes_of(const Buffer& buffer) {
  const Dim count = element_count(buffer.layout, buffer.type.shape);
  const auto bytes = count.size * static_cast<std::int64_t>(size_of(buffer.type.dtype));
  return count.batch ? Dim(aligned(bytes + buffer.tail), true) : Dim(aligned(bytes + kAlignment));
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

/// Largest first, each at the lowest free place: the usual heuristic for offsets that are fixed beforehand.
void find_offsets(Plan& plan) {
  std::vector<Buffer*> order;
  for (Buffer& buffer : plan.buffers) {
    if (buffer.kind != BufferKind::kTemporary || buffer.last_use < 0) continue;
    buffer.bytes = bytes_of(buffer);
    order.push_back(&buffer);
  }
  std::ranges::stable_sort(order, std::greater<>(), [](const Buffer* buffer) { return buffer->bytes.size; });
  Arena static_arena(plan.kernels.size());
  Arena batch_arena(plan.kernels.size());
  for (Buffer* buffer : order) {
    Arena& arena = buffer->bytes.batch ? batch_arena : static_arena;
    buffer->offset = Dim(arena.reserve({buffer->first_use, buffer->last_use}, buffer->bytes.size), buffer->bytes.batch);
    std::int64_t& bytes = buffer->bytes.batch ? plan.batch_bytes : plan.static_bytes;
    bytes = std::max(bytes, bytes_sum(buffer->offset.size, buffer->bytes.size));
    if (bytes > kMostBytes) {
      fail("@{}: not enough memory: temporaries, {} among them, take more than {} bytes{}", plan.name,
           to_string(buffer->type), kMostBytes, buffer->bytes.batch ? " for each of B" : "");
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
  RangeSet& arena_of(const Buffer& buffer) { return buffer.bytes.batch ? batch_arena_ : static_arena_; }

  std::set<std::pair<BufferKind, std::size_t>> others_;
  RangeSet static_arena_;
  RangeSet batch_arena_;
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

Memory memory_of(const Plan& plan, std::int64_t batch_size, int threads) {
  if (!plan.largest.fits(batch_size)) {
    fail("@{}: not enough memory with B = {}: {} has more than {} elements", plan.name, batch_size,
         to_string(plan.largest.type), kMostElements);
  }
  std::int64_t scratch = 0;
  for (const KernelPlan& kernel : plan.kernels) scratch = std::max(scratch, kernel.scratch().at(batch_size));
  // A vector beyond the end may be read, and no two threads share a cache line.
  const Memory memory{plan.static_bytes, bytes_product(plan.batch_bytes, batch_size), aligned(scratch + kAlignment),
                      threads};
  const std::int64_t all_scratch = bytes_product(memory.scratch_stride, threads);
  if (memory.batch_arena > kMostBytes || all_scratch > kMostBytes) {
    fail(
        "@{}: not enough memory with B = {}: {} bytes of temporaries for each of B, {} of scratch for each of {} "
        "threads",
        plan.name, batch_size, plan.batch_bytes, memory.scratch_stride, threads);
  }
  return memory;
}

}  // namespace sluice::backend
