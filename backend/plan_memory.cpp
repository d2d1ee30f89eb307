#include <algorithm>
#include <functional>
#include <numeric>

#include "backend/plan.h"
#include "ir/error.h"

namespace sluice::backend {

namespace {

constexpr std::int64_t kAlignment = 64;

std::int64_t aligned(std::int64_t bytes) { return (bytes + kAlignment - 1) / kAlignment * kAlignment; }

/// The bytes of a temporary. One that grows with B gets a multiple of 64 for each of B, so that its offset c*B is
/// aligned for every B. A whole vector may be loaded at the last element of any buffer, so a static one has a tail of
/// as many readable bytes.
Dim bytes_of(const Buffer& buffer) {
  const Dim count = element_count(buffer.layout, buffer.type.shape);
  const auto bytes = count.size * static_cast<std::int64_t>(size_of(buffer.type.dtype));
  return count.batch ? Dim(aligned(bytes), true) : Dim(aligned(bytes + kAlignment));
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

bool alive_together(const Buffer& a, const Buffer& b) { return a.first_use <= b.last_use && b.first_use <= a.last_use; }

bool overlap(const Buffer& a, const Buffer& b) {
  return a.bytes.batch == b.bytes.batch && a.offset.size < b.offset.size + b.bytes.size &&
         b.offset.size < a.offset.size + a.bytes.size;
}

/// The lowest offset at which `buffer` meets none of `placed` that lives at the same time.
std::int64_t first_fit(const Buffer& buffer, const std::vector<const Buffer*>& placed) {
  std::vector<const Buffer*> neighbours;
  for (const Buffer* other : placed) {
    if (other->bytes.batch == buffer.bytes.batch && alive_together(buffer, *other)) neighbours.push_back(other);
  }
  std::ranges::sort(neighbours, {}, [](const Buffer* b) { return b->offset.size; });
  std::int64_t offset = 0;
  for (const Buffer* other : neighbours) {
    if (offset + buffer.bytes.size <= other->offset.size) break;
    offset = std::max(offset, other->offset.size + other->bytes.size);
  }
  return offset;
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
  std::vector<const Buffer*> placed;
  for (Buffer* buffer : order) {
    buffer->offset = Dim(first_fit(*buffer, placed), buffer->bytes.batch);
    std::int64_t& arena = buffer->bytes.batch ? plan.batch_bytes : plan.static_bytes;
    arena = std::max(arena, bytes_sum(buffer->offset.size, buffer->bytes.size));
    if (arena > kMostBytes) {
      fail("@{}: not enough memory: temporaries, {} among them, take more than {} bytes{}", plan.name,
           to_string(buffer->type), kMostBytes, buffer->bytes.batch ? " for each of B" : "");
    }
    placed.push_back(buffer);
  }
}

bool same_memory(const Buffer& a, const Buffer& b) {
  if (a.kind != b.kind) return false;
  return a.kind == BufferKind::kTemporary ? overlap(a, b) : a.index == b.index;
}

/// A kernel waits for the ones before it if it touches memory that one of them has written since the last barrier, or
/// writes what one reads.
void find_barriers(Plan& plan) {
  std::vector<int> read;
  std::vector<int> written;
  const auto meets = [&](int buffer, const std::vector<int>& others) {
    return std::ranges::any_of(others, [&](int other) {
      return same_memory(plan.buffers[static_cast<std::size_t>(buffer)], plan.buffers[static_cast<std::size_t>(other)]);
    });
  };
  for (KernelPlan& kernel : plan.kernels) {
    kernel.barrier_before =
        std::ranges::any_of(kernel.operands, [&](int b) { return meets(b, written); }) ||
        std::ranges::any_of(kernel.results, [&](int b) { return meets(b, written) || meets(b, read); });
    if (kernel.barrier_before) {
      read.clear();
      written.clear();
    }
    read.insert(read.end(), kernel.operands.begin(), kernel.operands.end());
    written.insert(written.end(), kernel.results.begin(), kernel.results.end());
  }
}

}  // namespace

void place_buffers(Plan& plan) {
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
  for (const KernelPlan& kernel : plan.kernels) scratch = std::max(scratch, kernel.scratch.bytes(batch_size));
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
