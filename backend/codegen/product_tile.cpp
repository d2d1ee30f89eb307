#include "backend/codegen/product_tile.h"

#include <fmt/format.h>

#include "backend/codegen/compensated_sum.h"
#include "backend/codegen/nonzero_lists.h"
#include "backend/layout.h"

namespace sluice::backend {

using Values = Emitter::Values;

namespace {

std::string name_of(const Lanes& lanes) {
  const std::string counts = fmt::format("{}", fmt::join(lanes, "_"));
  return lanes.loaded_of_last > 0 ? fmt::format("{}of{}", counts, lanes.loaded_of_last) : counts;
}

}  // namespace

ProductTile::ProductTile(Emitter& emitter, DType dtype, bool a_transposed, Dim a_stride, bool in_blocks, bool listed,
                         std::int64_t columns, bool in_batch)
    : e_(emitter),
      element_(emitter.memory_type(dtype)),
      bytes_(static_cast<int>(size_of(dtype))),
      lanes_(emitter.target.lanes(bytes_)),
      a_transposed_(a_transposed),
      a_stride_(a_stride),
      in_blocks_(in_blocks),
      listed_(listed),
      columns_(columns),
      in_batch_(in_batch) {}

void ProductTile::call(std::int64_t rows, const Lanes& lanes, const TileStart& start, llvm::Value* turns,
                       llvm::Value* out) const {
  Values arguments{start.a, start.panel.pointer, out, turns, e_.size(a_stride_), start.panel.stride};
  if (listed_) arguments.push_back(start.list);
  if (start.sums != nullptr) arguments.insert(arguments.end(), {start.sums, start.has_sums});
  e_.b.CreateCall(function(rows, lanes, start), arguments);
}

llvm::Function* ProductTile::function(std::int64_t rows, const Lanes& lanes, const TileStart& start) const {
  llvm::Value* panel_stride = start.panel.stride;
  const bool goes_on = start.sums != nullptr;
  const auto* const known = llvm::dyn_cast<llvm::ConstantInt>(panel_stride);
  const std::string panel = known == nullptr ? "any" : std::to_string(known->getSExtValue());
  const std::string name = fmt::format("tile_{}_{}x{}_{}{}_{}{}{}{}", bytes_ * 8, rows, name_of(lanes),
                                       a_transposed_ ? "t" : "n", to_string(a_stride_), panel, listed_ ? "_listed" : "",
                                       goes_on ? "_on" : "", in_batch_ ? "_batch" : "");
  llvm::Function*& made = e_.shared[name];
  if (made != nullptr) return made;
  const llvm::IRBuilderBase::InsertPointGuard guard(e_.b);
  llvm::Type* const pointer = e_.b.getPtrTy();
  llvm::Type* const i64 = e_.b.getInt64Ty();
  std::vector<llvm::Type*> parameters{pointer, pointer, pointer, i64, i64, i64};
  if (listed_) parameters.push_back(pointer);
  if (goes_on) parameters.insert(parameters.end(), {pointer, i64});
  made = e_.function(name, e_.b.getVoidTy(), parameters, false);
  llvm::Value* const a_stride = a_stride_.batch ? static_cast<llvm::Value*>(made->getArg(4)) : e_.i64(a_stride_.size);
  if (known == nullptr) panel_stride = made->getArg(5);
  TileStart from{made->getArg(0), {made->getArg(1), panel_stride}};
  unsigned more = 6;
  if (listed_) from.list = made->getArg(more++);
  if (goes_on) {
    from.sums = made->getArg(more++);
    from.has_sums = made->getArg(more++);
  }
  const Values begin = this->start(rows, lanes, from, a_stride);
  store(chain(begin, made->getArg(3), rows, lanes, a_stride, panel_stride), made->getArg(2), rows, lanes);
  e_.b.CreateRetVoid();
  return made;
}

Values ProductTile::start(std::int64_t rows, const Lanes& lanes, const TileStart& at, llvm::Value* a_stride) const {
  Values sums;
  for (std::int64_t r = 0; r < rows; ++r) {
    for (const int count : lanes) sums.push_back(llvm::Constant::getNullValue(Emitter::vector_of(element_, count)));
  }
  if (at.sums != nullptr) {  // a loop of one turn or none
    sums = e_.loop(e_.i64(0), at.has_sums, 1, sums, [&](llvm::Value*, const Values&) {
      Values stored;
      for (std::int64_t r = 0; r < rows; ++r) {
        for (std::size_t v = 0; v < lanes.size(); ++v)
          stored.push_back(
              e_.b.CreateAlignedLoad(Emitter::vector_of(element_, lanes[v]), in_tile(at.sums, r, v), align()));
      }
      return stored;
    });
  }
  Factors factors{at.a, at.panel.pointer, at.list};
  if (listed_) factors = moved(factors, NonzeroLists::first_of(e_, at.list), a_stride, at.panel.stride);
  sums.insert(sums.end(), {factors.a, factors.panel});
  if (listed_) sums.push_back(factors.list);
  if (asks_ahead(rows)) sums.push_back(e_.element(element_, at.a, e_.b.CreateMul(a_stride, e_.i64(rows))));
  return sums;
}

llvm::Value* ProductTile::in_tile(llvm::Value* tile, std::int64_t row, std::size_t vector) const {
  return e_.element(element_, tile, e_.i64(row * columns_ + static_cast<std::int64_t>(vector) * lanes_));
}

Values ProductTile::chain(const Values& start, llvm::Value* turns, std::int64_t rows, const Lanes& lanes,
                          llvm::Value* panel_stride) const {
  return chain(start, turns, rows, lanes, e_.size(a_stride_), panel_stride);
}

Values ProductTile::chain(const Values& start, llvm::Value* turns, std::int64_t rows, const Lanes& lanes,
                          llvm::Value* a_stride, llvm::Value* panel_stride) const {
  auto& b = e_.b;
  const llvm::Align align(static_cast<std::uint64_t>(bytes_));
  const std::size_t sums = static_cast<std::size_t>(rows) * lanes.size();
  return e_.loop(e_.i64(0), turns, 1, start, [&](llvm::Value*, const Values& now) {
    std::size_t at = sums;
    const Factors here{now[at++], now[at++], listed_ ? now[at++] : nullptr};
    llvm::Value* const a = here.a;
    // Prefetches the next tiles' columns, one cache line per row: the hardware prefetcher does not follow this stride.
    if (a_transposed_ && !in_batch_) e_.prefetch(e_.element(b.getInt8Ty(), a, e_.i64(kLine)), Fetch::kRead);
    Values next;
    const Values factors = panel_row(here.panel, lanes);
    for (std::int64_t r = 0; r < rows; ++r) {
      llvm::Value* const offset = a_transposed_ ? e_.i64(r) : b.CreateMul(e_.i64(r), a_stride);
      llvm::Value* const broadcast = b.CreateAlignedLoad(element_, e_.element(element_, a, offset), align);
      for (std::size_t v = 0; v < lanes.size(); ++v)
        next.push_back(e_.multiply_add(e_.splat(broadcast, lanes[v]), factors[v], sum(now, lanes, r, v)));
    }
    llvm::Value* const list = listed_ ? NonzeroLists::behind_first(e_, here.list) : nullptr;
    llvm::Value* const step =
        listed_ ? b.CreateSub(NonzeroLists::first_of(e_, list), NonzeroLists::first_of(e_, here.list)) : e_.i64(1);
    const Factors there = moved({a, here.panel, list}, step, a_stride, panel_stride);
    next.insert(next.end(), {there.a, there.panel});
    if (listed_) next.push_back(there.list);
    if (asks_ahead(rows)) {  // the next tile's rows, which follow in memory: a part of them in each turn
      e_.prefetch(now[at], in_batch_ ? Fetch::kRead : Fetch::kReadLater);
      next.push_back(e_.element(element_, now[at++], e_.i64(rows)));
    }
    return next;
  });
}

ProductTile::Factors ProductTile::moved(const Factors& from, llvm::Value* positions, llvm::Value* a_stride,
                                        llvm::Value* panel_stride) const {
  return {e_.element(element_, from.a, a_transposed_ ? e_.mul(positions, a_stride) : positions),
          e_.element(element_, from.panel, e_.mul(positions, panel_stride)), from.list};
}

void ProductTile::store(const Values& sums, llvm::Value* out, std::int64_t rows, const Lanes& lanes) const {
  for (std::int64_t r = 0; r < rows; ++r) {
    for (std::size_t v = 0; v < lanes.size(); ++v)
      e_.b.CreateAlignedStore(sum(sums, lanes, r, v), in_tile(out, r, v), align());
  }
}

llvm::Value* ProductTile::is_finite(llvm::Value* tile, std::int64_t rows, const Lanes& lanes) const {
  auto& b = e_.b;
  llvm::Function*& made = e_.shared[fmt::format("finite_{}_{}x{}", bytes_ * 8, rows, name_of(lanes))];
  if (made == nullptr) {
    const llvm::IRBuilderBase::InsertPointGuard guard(b);
    made = e_.function("finite", b.getInt64Ty(), {b.getPtrTy()}, false);
    Values zeros;
    for (const int count : lanes) zeros.push_back(llvm::Constant::getNullValue(Emitter::vector_of(element_, count)));
    // x - x is 0, or NaN for an infinity or a NaN.
    const Values seen = e_.loop(e_.i64(0), e_.i64(rows), 1, zeros, [&](llvm::Value* row, const Values& before) {
      const Values sums = panel_row(e_.element(element_, made->getArg(0), b.CreateMul(row, e_.i64(columns_))), lanes);
      Values now;
      for (std::size_t v = 0; v < lanes.size(); ++v)
        now.push_back(b.CreateFAdd(before[v], b.CreateFSub(sums[v], sums[v])));
      return now;
    });
    llvm::Value* finite = b.getTrue();
    for (llvm::Value* zero : seen) finite = b.CreateAnd(finite, b.CreateAndReduce(b.CreateFCmpORD(zero, zero)));
    b.CreateRet(b.CreateZExt(finite, b.getInt64Ty()));
  }
  return b.CreateCall(made, {tile});
}

Values ProductTile::column_sums(const Panel& panel, Dim depth, const Lanes& lanes) const {
  auto& b = e_.b;
  constexpr std::int64_t kChain = 128;  // a usual batch is one chain
  Values zeros;
  for (const int count : lanes) zeros.push_back(llvm::Constant::getNullValue(Emitter::vector_of(element_, count)));
  Values nothing = zeros;
  nothing.insert(nothing.end(), zeros.begin(), zeros.end());  // what rounding cuts off follows the sums
  const auto add_row = [&](llvm::Value* k, const Values& now) {
    const Values row = panel_row(e_.element(element_, panel.pointer, b.CreateMul(k, panel.stride)), lanes);
    Values next;
    for (std::size_t v = 0; v < lanes.size(); ++v) next.push_back(b.CreateFAdd(now[v], row[v]));
    return next;
  };
  const auto join = [&](const Values& total, const Values& chain) {
    Values joined = total;
    for (std::size_t v = 0; v < lanes.size(); ++v) {
      const CompensatedSum sum = CompensatedSum{total[v], total[lanes.size() + v]}.plus(e_, chain[v]);
      joined[v] = sum.sum;
      joined[lanes.size() + v] = sum.lost;
    }
    return joined;
  };
  const Values total = emit_chains(e_, e_.i64(0), e_.size(depth), 1, depth, kChain, zeros, nothing, add_row, join);
  Values sums;
  for (std::size_t v = 0; v < lanes.size(); ++v)
    sums.push_back(CompensatedSum{total[v], total[lanes.size() + v]}.total(e_));
  return sums;
}

Values ProductTile::panel_row(llvm::Value* from, const Lanes& lanes) const {
  Values row;
  const llvm::Align align(static_cast<std::uint64_t>(bytes_));
  for (std::size_t v = 0; v < lanes.size(); ++v) {
    llvm::Value* const at = e_.element(element_, from, e_.i64(static_cast<std::int64_t>(v) * lanes_));
    llvm::Type* const vector = Emitter::vector_of(element_, lanes[v]);
    if (v + 1 == lanes.size() && lanes.loaded_of_last > 0) {
      llvm::Value* const mask = e_.first_lanes(e_.i64(lanes.loaded_of_last), lanes[v]);
      row.push_back(e_.b.CreateMaskedLoad(vector, at, align, mask, llvm::Constant::getNullValue(vector)));
    } else {
      row.push_back(e_.b.CreateAlignedLoad(vector, at, align));
    }
  }
  return row;
}

}  // namespace sluice::backend
