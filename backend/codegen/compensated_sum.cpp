#include "backend/codegen/compensated_sum.h"

namespace sluice::backend {

namespace {

bool is_zero(const llvm::Value* value) {
  const auto* const constant = llvm::dyn_cast<llvm::Constant>(value);
  return constant != nullptr && constant->isNullValue();
}

}  // namespace

CompensatedSum CompensatedSum::plus(Emitter& e, llvm::Value* term) const {
  if (is_zero(sum)) return {term, lost};
  auto& b = e.b;
  llvm::Value* const rounded = b.CreateFAdd(sum, term);
  llvm::Value* const added = b.CreateFSub(rounded, sum);
  llvm::Value* const of_sum = b.CreateFSub(sum, b.CreateFSub(rounded, added));
  llvm::Value* const of_term = b.CreateFSub(term, added);
  return {rounded, b.CreateFAdd(lost, b.CreateFAdd(of_sum, of_term))};
}

llvm::Value* CompensatedSum::total(Emitter& e) const {
  if (is_zero(lost)) return sum;
  return e.b.CreateSelect(e.b.CreateFCmpORD(lost, lost), e.b.CreateFAdd(sum, lost), sum);
}

Emitter::Values emit_chains(
    Emitter& e, llvm::Value* begin, llvm::Value* end, std::int64_t step, Dim count, std::int64_t length,
    const Emitter::Values& nothing, const Emitter::Values& total,
    const std::function<Emitter::Values(llvm::Value*, const Emitter::Values&)>& body,
    const std::function<Emitter::Values(const Emitter::Values& total, const Emitter::Values& chain)>& join) {
  if (!count.batch && count.size <= length) return join(total, e.loop(begin, end, step, nothing, body));
  return e.loop(begin, end, step * length, total, [&](llvm::Value* first, const Emitter::Values& before) {
    llvm::Value* const last = e.min(e.b.CreateAdd(first, e.i64(step * length)), end);
    return join(before, e.loop(first, last, step, nothing, body));
  });
}

}  // namespace sluice::backend
