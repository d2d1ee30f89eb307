#include "backend/verify_plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <utility>
#include <vector>

#include "backend/verify_kernel.h"

namespace sluice::backend {

namespace {

/// A stretch of memory. Each arena is a space, in bytes (of those that grow, for each of what the arena grows with: all
/// offsets and sizes there are multiples of one unit, so stretches overlap for one B if they do for all). So is each
/// kind of other buffer, in which buffers of one index are one place.
struct Region {
  int space = 0;
  std::int64_t begin = 0;
  std::int64_t end = 0;

  bool empty() const { return begin >= end; }
  bool operator==(const Region&) const = default;
};

/// The arena of a temporary: 0 is the static one; -1: there is none for what it grows with.
int arena_of(const Plan& plan, const Buffer& buffer) {
  if (!buffer.bytes.batch) return 0;
  const auto alike = [&](const GrowingArena& arena) { return arena.bytes.batch == buffer.bytes.batch; };
  const auto found = std::ranges::find_if(plan.arenas, alike);
  return found == plan.arenas.end() ? -1 : static_cast<int>(found - plan.arenas.begin()) + 1;
}

Region region_of(const Plan& plan, const Buffer& buffer) {
  constexpr int kArenas = 100;
  if (buffer.kind == BufferKind::kTemporary)
    return {kArenas + arena_of(plan, buffer), buffer.offset.size, buffer.offset.size + buffer.bytes.size};
  const auto index = static_cast<std::int64_t>(buffer.index);
  return {static_cast<int>(buffer.kind), index, index + 1};
}

bool overlap(const Region& a, const Region& b) {
  return a.space == b.space && std::max(a.begin, b.begin) < std::min(a.end, b.end);
}

/// Facts about stretches of memory that do not overlap.
template <typename T>
class MemoryMap {
 public:
  struct Stretch {
    Region region;
    T known;
  };

  /// The first stretch that overlaps `region` and that `matches`.
  template <typename Matches>
  const Stretch* find(const Region& region, Matches matches) const {
    for (auto at = first_of(region); at != map_.end() && overlaps_or_before(at->second.region, region); ++at) {
      if (overlap(at->second.region, region) && matches(at->second)) return &at->second;
    }
    return nullptr;
  }
  const Stretch* find(const Region& region) const {
    return find(region, [](const Stretch&) { return true; });
  }

  /// Replaces everything that overlaps `region` by `known`.
  void put(const Region& region, T known) {
    if (region.empty()) return;
    for (auto at = first_of(region); at != map_.end() && overlaps_or_before(at->second.region, region);)
      at = overlap(at->second.region, region) ? map_.erase(at) : std::next(at);
    map_.emplace(std::pair(region.space, region.begin), Stretch{region, std::move(known)});
  }

  void clear() { map_.clear(); }

 private:
  using Map = std::map<std::pair<int, std::int64_t>, Stretch>;

  typename Map::const_iterator first_of(const Region& region) const {
    auto at = map_.upper_bound({region.space, region.begin});
    return at == map_.begin() ? at : std::prev(at);  // the one before may reach into it
  }
  static bool overlaps_or_before(const Region& at, const Region& region) {
    return std::pair(at.space, at.begin) < std::pair(region.space, region.end);
  }

  Map map_;
};

/// For each node of a kernel's body whether a kernel reads it at other elements than the one that it writes: along
/// chains of elementwise ops from a result on, it does not.
std::vector<bool> read_elsewhere(const ir::Graph& body) {
  std::vector<bool> elsewhere(body.nodes().size(), false);
  for (std::size_t i = body.nodes().size(); i-- > 0;) {
    const ir::Node& node = body.nodes()[i];
    const bool pointwise = ir::info(node.op).has(ir::kElementwise);
    for (std::size_t operand = 0; operand < node.operands.size(); ++operand) {
      // A unit of a scatter or scatter_add owns columns of the table, in which it changes one row after the other; one
      // of a recurrence reads an element before it writes there.
      const bool scatters = node.op == ir::Op::kScatterAdd || node.op == ir::Op::kScatter;
      const bool recurs = node.op == ir::Op::kCumsum || node.op == ir::Op::kLinearRecurrence;
      const bool own = pointwise || (scatters && operand == 0) || recurs;
      if (!own || elsewhere[i]) elsewhere[node.operands[operand].node] = true;
    }
  }
  return elsewhere;
}

class PlanVerifier {
 public:
  explicit PlanVerifier(const Plan& plan)
      : plan_(plan),
        writer_(plan.buffers.size(), -1),
        first_(plan.buffers.size(), -1),
        last_(plan.buffers.size(), -1) {}

  std::optional<PlanFault> run() {
    note_uses();
    for (std::size_t k = 0; k < plan_.kernels.size(); ++k) {
      if (std::string what = fault_of(k); !what.empty())
        return PlanFault{k, fmt::format("kernel {} {}", plan_.kernels[k].name, what)};
    }
    return std::nullopt;
  }

 private:
  const Buffer& buffer(int b) const { return plan_.buffers[static_cast<std::size_t>(b)]; }
  const std::string& name(std::size_t kernel) const { return plan_.kernels[kernel].name; }

  void note_uses() {
    for (std::size_t k = 0; k < plan_.kernels.size(); ++k) {
      for (const auto* buffers : {&plan_.kernels[k].operands, &plan_.kernels[k].results}) {
        for (const int b : *buffers) {
          if (b < 0 || static_cast<std::size_t>(b) >= plan_.buffers.size()) continue;  // fault_of says so
          const auto at = static_cast<std::size_t>(b);
          if (first_[at] < 0) first_[at] = static_cast<int>(k);
          last_[at] = static_cast<int>(k);
          if (buffers == &plan_.kernels[k].results) writer_[at] = static_cast<int>(k);
        }
      }
    }
  }

  std::string fault_of(std::size_t k) {
    const KernelPlan& kernel = plan_.kernels[k];
    if (kernel.barrier_before) {
      read_.clear();
      written_.clear();
    }
    using Check = std::string (PlanVerifier::*)(std::size_t) const;
    for (const Check check : {Check(&PlanVerifier::has_buffers), Check(&PlanVerifier::reads_what_was_made),
                              Check(&PlanVerifier::waits), Check(&PlanVerifier::overwrites_safely)}) {
      if (std::string what = (this->*check)(k); !what.empty()) return what;
    }
    for (const int b : kernel.operands) read_.put(region_of(plan_, buffer(b)), k);
    for (const int b : kernel.results) {
      written_.put(region_of(plan_, buffer(b)), k);
      contents_.put(region_of(plan_, buffer(b)), b);
    }
    return verify_kernel(plan_, kernel);
  }

  /// Its buffers exist, lie in their arenas, live as long as they are used, and have layouts that they may have.
  std::string has_buffers(std::size_t k) const {
    const KernelPlan& kernel = plan_.kernels[k];
    if (kernel.operands.size() != kernel.body->parameters().size() ||
        kernel.results.size() != kernel.body->results().size())
      return "has other operands or results than its body";
    for (const auto* buffers : {&kernel.operands, &kernel.results}) {
      for (const int b : *buffers) {
        if (b < 0 || static_cast<std::size_t>(b) >= plan_.buffers.size())
          return fmt::format("touches buffer {} of {}", b, plan_.buffers.size());
        if (std::string what = wrong_in(b); !what.empty()) return fmt::format("touches buffer {}, {}", b, what);
      }
    }
    for (const int b : kernel.results) {
      if (writer_[static_cast<std::size_t>(b)] != static_cast<int>(k))
        return fmt::format("writes buffer {}, as does kernel {}", b,
                           name(static_cast<std::size_t>(writer_[static_cast<std::size_t>(b)])));
      if (buffer(b).kind == BufferKind::kParameter || buffer(b).kind == BufferKind::kConstant)
        return fmt::format("writes buffer {}, a {}", b, to_string(buffer(b).kind));
    }
    return "";
  }

  std::string wrong_in(int b) const {
    const Buffer& at = buffer(b);
    if (std::string what = wrong_layout(at); !what.empty()) return what;
    if (at.kind != BufferKind::kTemporary) return "";
    const auto use = static_cast<std::size_t>(b);
    if (at.first_use != first_[use] || at.last_use != last_[use])
      return fmt::format("whose lifetime is planned as kernels {} to {}, not {} to {}", at.first_use, at.last_use,
                         first_[use], last_[use]);
    const int number = arena_of(plan_, at);
    if (number < 0) return fmt::format("which no arena grows with: it takes {}", to_string(at.bytes));
    const GrowingArena* const growing = number > 0 ? &plan_.arenas[static_cast<std::size_t>(number) - 1] : nullptr;
    const std::int64_t arena = growing != nullptr ? growing->bytes.size : plan_.static_bytes;
    const bool inside = at.offset.size >= 0 && at.bytes.size >= 0 && arena <= kMostBytes && at.bytes.size <= arena &&
                        at.offset.size <= arena - at.bytes.size;
    if (at.offset.batch != at.bytes.batch || !inside)
      return fmt::format("which lies at {} in an arena of {} bytes and takes {}", to_string(at.offset), arena,
                         to_string(at.bytes));
    const std::int64_t granule = growing != nullptr ? growing->granule : kLine;
    if (granule < 1 || at.offset.size % granule != 0 || (growing != nullptr && at.bytes.size % granule != 0))
      return fmt::format("which begins within a cache line, at {}", at.offset.size);
    return "";
  }

  /// Variables lie as all functions that share them agree, and what the caller sees lies row by row. Only matrices lie
  /// in panels, and no vector reaches over the edge of one.
  std::string wrong_layout(const Buffer& at) const {
    const Shape& shape = at.type.shape;
    const Layout& layout = at.layout;
    if (at.kind == BufferKind::kState) {
      const Type& state = plan_.states[at.index];
      // The operand of a reshape that makes the new value may be the state, row by row.
      const bool same_elements =
          layout.dense() && at.type.dtype == state.dtype && shape.element_count() == state.shape.element_count();
      if ((at.type != state && !same_elements) || layout != state_layout(state))
        return "which does not lie as its state does";
    } else if (at.kind != BufferKind::kTemporary && !layout.dense()) {
      return fmt::format("a {} that lies in panels", to_string(at.kind));
    }
    if (layout.dense()) return "";
    if (shape.rank() != 2 || shape[1].batch || layout.panel <= 0)
      return fmt::format("{} in panels of {}", to_string(at.type), layout.panel);
    const std::int64_t columns = shape[1].size;
    if (columns <= layout.panel)
      return columns <= layout.last ? "" : fmt::format("{} in a panel of {}", to_string(at.type), layout.last);
    const std::int64_t rest = (columns - 1) % layout.panel + 1;
    const std::int64_t lanes = plan_.vector_bytes / 4;
    if (shape[0].batch || layout.panel % lanes != 0 || layout.last < rest)
      return fmt::format("{} in panels of {}, {}", to_string(at.type), layout.panel, layout.last);
    return "";
  }

  /// Every operand was written by its maker, or came from outside, and nothing was written over it since.
  std::string reads_what_was_made(std::size_t k) const {
    for (const int b : plan_.kernels[k].operands) {
      const Region region = region_of(plan_, buffer(b));
      if (buffer(b).type.shape.element_count().size == 0) continue;  // no kernel makes what has no elements
      const auto* const other = contents_.find(region, [&](const auto& stretch) { return stretch.known != b; });
      if (other != nullptr)
        return fmt::format("reads buffer {} after kernel {} has overwritten it with buffer {}", b,
                           name(static_cast<std::size_t>(writer_[static_cast<std::size_t>(other->known)])),
                           other->known);
      const BufferKind kind = buffer(b).kind;
      const bool made = writer_[static_cast<std::size_t>(b)] >= 0;
      const bool from_outside = !made && kind != BufferKind::kTemporary && kind != BufferKind::kResult;
      if (!from_outside && contents_.find(region) == nullptr)
        return fmt::format("reads buffer {} before any kernel has written it", b);
    }
    return "";
  }

  /// No kernel since the last barrier touches what this one writes, or has written what it reads.
  std::string waits(std::size_t k) const {
    const KernelPlan& kernel = plan_.kernels[k];
    const auto fault = [&](std::size_t before) {
      return fmt::format("does not wait for kernel {}, which touches the same memory", name(before));
    };
    for (const int b : kernel.operands) {
      if (const auto* const before = written_.find(region_of(plan_, buffer(b)))) return fault(before->known);
    }
    for (const int b : kernel.results) {
      if (const auto* const before = written_.find(region_of(plan_, buffer(b)))) return fault(before->known);
      if (const auto* const before = read_.find(region_of(plan_, buffer(b)))) return fault(before->known);
    }
    return "";
  }

  /// A kernel reads an operand that it overwrites only at the element it writes; no two results share memory.
  std::string overwrites_safely(std::size_t k) const {
    const KernelPlan& kernel = plan_.kernels[k];
    MemoryMap<int> results;
    for (const int b : kernel.results) {
      if (const auto* const other = results.find(region_of(plan_, buffer(b))))
        return fmt::format("writes buffers {} and {} to one place", other->known, b);
      results.put(region_of(plan_, buffer(b)), b);
    }
    std::vector<bool> elsewhere;
    for (std::size_t p = 0; p < kernel.operands.size(); ++p) {
      const Buffer& operand = buffer(kernel.operands[p]);
      const auto* const result = results.find(region_of(plan_, operand));
      if (result == nullptr) continue;
      if (elsewhere.empty()) elsewhere = read_elsewhere(*kernel.body);
      const ir::Value value = kernel.body->parameters()[p].value;
      const Buffer& over = buffer(result->known);
      const bool same_elements = region_of(plan_, operand) == region_of(plan_, over) && operand.layout == over.layout &&
                                 operand.type == over.type && kernel.body->type(value) == over.type;
      if (!same_elements || elsewhere[value.node])
        return fmt::format("overwrites its operand {}, buffer {}, while it reads other elements of it", p,
                           kernel.operands[p]);
    }
    return "";
  }

  const Plan& plan_;
  std::vector<int> writer_;  ///< for each buffer the kernel that writes it, or -1
  std::vector<int> first_;   ///< for each buffer the first and the last kernel that touch it
  std::vector<int> last_;
  MemoryMap<int> contents_;         ///< the buffers that were written last
  MemoryMap<std::size_t> read_;     ///< since the last barrier, by which kernel
  MemoryMap<std::size_t> written_;  ///< since the last barrier, by which kernel
};

}  // namespace

std::optional<PlanFault> verify_plan(const Plan& plan) { return PlanVerifier(plan).run(); }

}  // namespace sluice::backend
