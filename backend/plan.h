#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <variant>
#include <vector>

#include "backend/attention_scratch.h"
#include "backend/layout.h"
#include "backend/product_scratch.h"
#include "backend/sizes.h"
#include "backend/target.h"
#include "backend/tile_model.h"
#include "backend/window_tiles.h"
#include "sluice/ir/graph.h"

namespace sluice::backend {

using ir::KernelKind;

enum class BufferKind : std::uint8_t { kParameter, kState, kResult, kConstant, kTemporary };

/// A place in memory that kernels read and write.
struct Buffer {
  BufferKind kind;
  std::size_t index = 0;  ///< which parameter, state, result or constant
  Type type;              ///< of the value it was made for
  Layout layout = {};     ///< how its elements lie; parameters, results and constants are dense
  std::int64_t tail = 0;  ///< bytes past the last element that a vector of a product may load
  Dim bytes = 0;          ///< of a temporary: a multiple of 64 or, if it grows, of its arena's granule
  Dim offset = 0;         ///< of a temporary: in the static arena, or in the one of temporaries that grow alike
  int first_use = 0;      ///< of a temporary: first and last kernel that touch it
  int last_use = 0;
};

/// The units of work that a kernel is split into: a grid with one unit for each block of each axis.
struct Units {
  struct Axis {
    Dim size;
    std::int64_t block = 1;
    bool operator==(const Axis&) const = default;
  };
  std::vector<Axis> axes;
  std::int64_t step = 1;  ///< a block of the first axis costs in proportion to how many of this many elements it has

  bool operator==(const Units&) const = default;
  std::int64_t count(const Bindings& bindings) const;
  bool none() const;  ///< whether an axis has size 0 whatever the symbols are, so that there are no units
  /// Returns the first unit of the share of thread `thread` of `threads`, such that all shares cost the same; `count`
  /// for the one after the last.
  std::int64_t share_begin(int thread, int threads, const Bindings& bindings) const;
};

/// Works on the units begin <= u < end of a kernel. `arguments` has the addresses of its operands, then of its results;
/// `sizes` has the values of the plan's symbols; `scratch` is the calling thread's own.
using KernelFunction = void (*)(std::byte* const* arguments, const std::int64_t* sizes, std::byte* scratch,
                                std::int64_t begin, std::int64_t end);

/// The code-generation choices of a loop, apart from its units.
struct LoopKernel {
  bool flat = false;              ///< over all elements as one long row
  bool by_positions = false;      ///< units are rows of positions of windows, several of which share their loads
  std::vector<InnerRange> inner;  ///< then: the positions without tests

  bool operator==(const LoopKernel&) const = default;
};

/// The place from which a product's epilogue takes the tile's sums.
enum class ProductSchedule : std::uint8_t {
  kThroughScratch,  ///< from scratch, to which the tile has stored them
  kInRegisters,     ///< from the tile's accumulators
  kOverlapped,      ///< from scratch, between the multiply-adds of the tile that follows
};

/// The way in which a product's tiles read the panels of its rhs.
enum class RhsPanels : std::uint8_t {
  kInPlace,      ///< where they lie, by whole vectors
  kMasked,       ///< where they lie, no lane past the end of a row
  kPacked,       ///< from a copy in scratch, which is made before the panel's tiles
  kPackedAhead,  ///< from a copy in scratch, which is made between the multiply-adds of the panel before
  kComputed,     ///< from scratch, to which the elements that the body computes are packed before the panel's tiles
  kWindows,      ///< from scratch, to which windows over an operand are packed, block of K by block
};

/// The code-generation choices of a product, apart from its units.
struct ProductKernel {
  std::uint32_t matmul = 0;  ///< the node of the body
  std::size_t lhs = 0;       ///< the operands of the kernel that are multiplied, or whose windows are
  std::size_t rhs = 0;       ///< unless the body computes it element by element
  Tile tile = {};
  ProductSchedule schedule = ProductSchedule::kThroughScratch;
  RhsPanels panels = RhsPanels::kInPlace;
  bool skips_zeros = false;    ///< leaves out zeros of the lhs
  bool packs_windows = false;  ///< the lhs are windows over operand `lhs`, of which each tile packs its own
  ProductScratch scratch = {};

  bool packs() const { return panels != RhsPanels::kInPlace && panels != RhsPanels::kMasked; }
  bool operator==(const ProductKernel&) const = default;
};

/// The order in which a reduction of windows goes through its elements.
enum class Sweep : std::uint8_t {
  kByOutputs,    ///< units are vectors of outputs
  kByPositions,  ///< units are rows of positions of windows; each output's cells follow one another in the code
  kByCells,      ///< units have outputs for several cells of a window, and go through all positions once
};

struct ReduceKernel {
  Sweep sweep = Sweep::kByOutputs;
  std::vector<InnerRange> inner;  ///< of the other sweeps: the positions without tests

  bool operator==(const ReduceKernel&) const = default;
};

struct RowsKernel {
  bool operator==(const RowsKernel&) const = default;
};

struct ScatterKernel {
  bool operator==(const ScatterKernel&) const = default;
};

struct ArgsortKernel {
  Bytes scratch;  ///< argsort_scratch.h

  bool operator==(const ArgsortKernel&) const = default;
};

struct RecurrenceKernel {
  bool operator==(const RecurrenceKernel&) const = default;
};

struct AttentionKernel {
  AttentionTile tile;
  AttentionScratch scratch;

  bool operator==(const AttentionKernel&) const = default;
};

struct KernelPlan {
  /// An alternative for each KernelKind, in the same order.
  using How = std::variant<LoopKernel, ProductKernel, ReduceKernel, RowsKernel, ScatterKernel, ArgsortKernel,
                           RecurrenceKernel, AttentionKernel>;

  std::string name;
  std::shared_ptr<const ir::Graph> body;
  std::vector<int> operands;  ///< a buffer for each parameter of the body
  std::vector<int> results;   ///< a buffer for each result of the body
  ir::Origins origins;
  Units units;
  How how;                      ///< how its code is generated
  bool barrier_before = false;  ///< all threads must have finished the kernels before it
  int node = -1;                ///< the node of the graph that it computes; -1: a copy

  KernelKind kind() const { return static_cast<KernelKind>(how.index()); }
  const ProductKernel* product() const { return std::get_if<ProductKernel>(&how); }  ///< null for other kinds
  ProductKernel* product() { return std::get_if<ProductKernel>(&how); }
  /// Returns the bytes of scratch that each thread needs while the kernel runs.
  Bytes scratch() const {
    if (const auto* const sort = std::get_if<ArgsortKernel>(&how)) return sort->scratch;
    if (const auto* const attention = std::get_if<AttentionKernel>(&how)) return attention->scratch.end;
    return product() == nullptr ? Bytes{} : product()->scratch.end;
  }
};
static_assert(std::variant_size_v<KernelPlan::How> == static_cast<std::size_t>(KernelKind::kAttention) + 1);
static_assert(std::is_same_v<std::variant_alternative_t<static_cast<std::size_t>(KernelKind::kMatmul), KernelPlan::How>,
                             ProductKernel>);

/// Memory of temporaries that grow alike. Offsets and sizes in it are multiples c*g of `granule` for each of what it
/// grows with, say B, and lie in units of g*B bytes, rounded up to a cache line. So all offsets are aligned, and small
/// values take hardly more than they have, for every B.
struct GrowingArena {
  Dim bytes = 0;
  std::int64_t granule = kLine;

  /// Returns the bytes of an offset or size `size` in this arena.
  std::int64_t at(std::int64_t size, const Bindings& bindings) const;
};

/// The decisions made before code is generated: the kernels in their order, the place of each buffer, and the barriers.
struct Plan {
  std::string name;
  std::vector<Type> parameters;
  std::vector<Type> states;
  std::vector<Type> results;
  std::vector<Array> constants;
  std::vector<Buffer> buffers;
  std::vector<KernelPlan> kernels;
  std::vector<Symbol> symbols{kBatchSymbol};  ///< B, then all others
  std::int64_t static_bytes = 0;              ///< the arena of temporaries of static size
  std::vector<GrowingArena> arenas;           ///< one for each way in which temporaries grow
  Largest largest;                            ///< the largest values, which bound the symbols
  int vector_bytes = 16;                      ///< of the vectors that kernels were split for
};

struct PlanOptions {
  bool skip_zeros = true;  ///< products skip zeros of a lhs that may have many
};

/// Splits a graph, in which `fused` nodes stand for kernels, into kernels and buffers. A state is updated in place
/// where every reader of its old value can run before; else its new value is made aside and copied at the end. Throws
/// Error at the line of a fused node whose body is no kernel.
Plan make_plan(const ir::Graph& graph, const Target& target, const PlanOptions& options = {});

/// The memory that a program takes in addition to parameters, states, results and constants, known before it runs. At
/// most kMostBytes of each kind.
struct Memory {
  std::int64_t static_arena = 0;    ///< temporaries of static size
  std::int64_t growing_arena = 0;   ///< temporaries that grow with symbols: the arenas, one behind the other
  std::int64_t scratch_stride = 0;  ///< scratch of one thread
  int threads = 1;

  std::int64_t scratch() const { return scratch_stride * threads; }
  std::int64_t total() const { return static_arena + growing_arena + scratch(); }
};
/// Throws Error if a value has more than kMostElements with these sizes, or the memory is more than a process can
/// address.
Memory memory_of(const Plan& plan, const Bindings& bindings, int threads);

/// Returns the offset of a temporary in the memory of the growing arenas.
std::int64_t growing_offset(const Plan& plan, const Buffer& buffer, const Bindings& bindings);

/// Sets `sizes` to the values of the plan's symbols, as kernels take them. Allocates nothing if it has had as many.
void set_sizes(std::vector<std::int64_t>& sizes, const Plan& plan, const Bindings& bindings);

/// Returns the bytes of the growing arenas, as text: "0", "64*B", "256*B*T+64*B".
std::string growing_bytes(const Plan& plan);

std::string_view to_string(ProductSchedule schedule);  ///< "through scratch", "in registers", "overlapped"
/// "in place", "masked", "packed", "packed ahead", "computed", "windows"
std::string_view to_string(RhsPanels panels);
std::string_view to_string(Sweep sweep);      ///< "by outputs", "by positions", "by cells"
std::string_view to_string(BufferKind kind);  ///< "parameter", "state", "result", "constant", "temporary"

/// Returns the size and the block of each axis: "B/6 x 96/48", or "1" without axes.
std::string to_string(const Units& units);

/// Returns the plan as text, one line per kernel and one per buffer.
std::string to_string(const Plan& plan);

// The steps of make_plan that have files of their own.
void place_buffers(Plan& plan);  ///< plan_memory.cpp: lifetimes, offsets, barriers
void split_kernel(KernelPlan& kernel, const Plan& plan, const Target& target);  ///< plan_units.cpp: units
void split_attention(KernelPlan& kernel, const Target& target);  ///< plan_units.cpp: units, tile and scratch
/// plan_product.cpp: units, tile, schedule and scratch of the product that `kernel` is.
void split_product(KernelPlan& kernel, const Plan& plan, const Target& target);
/// Drops kernels whose results have no elements, so that no code is generated for them.
void drop_idle_kernels(Plan& plan);

/// The elements of one unit of a flat loop.
inline constexpr std::int64_t kFlatBlock = 1024;

/// Returns whether a kernel reads its operand `operand` only at the element that it writes, so that a result may
/// overwrite it.
bool reads_same_element(const KernelPlan& kernel, std::size_t operand);

}  // namespace sluice::backend
