#include "backend/codegen/emitter.h"

#include <llvm/IR/Intrinsics.h>

#include <algorithm>
#include <span>

#include "backend/codegen/debug_info.h"
#include "backend/codegen/float_bits.h"
#include "sluice/error.h"

namespace sluice::backend {

llvm::Type* Emitter::register_type(DType dtype) { return dtype == DType::kBool ? b.getInt1Ty() : memory_type(dtype); }

llvm::Type* Emitter::memory_type(DType dtype) {
  switch (dtype) {
    case DType::kF32:
      return b.getFloatTy();
    case DType::kF64:
      return b.getDoubleTy();
    case DType::kI32:
      return b.getInt32Ty();
    case DType::kI64:
      return b.getInt64Ty();
    case DType::kU8:
    case DType::kBool:
      break;
  }
  return b.getInt8Ty();
}

llvm::Type* Emitter::vector_of(llvm::Type* scalar, int lanes) {
  return lanes == 1 ? scalar : llvm::FixedVectorType::get(scalar, static_cast<unsigned>(lanes));
}

llvm::Type* Emitter::like(llvm::Value* x, llvm::Type* scalar) { return vector_of(scalar, lanes_of(x)); }
llvm::Value* Emitter::splat_like(llvm::Value* x, llvm::Value* scalar) { return splat(scalar, lanes_of(x)); }

llvm::Value* Emitter::number(llvm::Type* scalar, double value) {
  if (scalar->isFPOrFPVectorTy()) return llvm::ConstantFP::get(scalar, value);
  return llvm::ConstantInt::get(scalar, static_cast<std::uint64_t>(static_cast<std::int64_t>(value)), true);
}

Emitter::At::At(Emitter& emitter, const ir::Node& node)
    : e_(emitter), outer_(emitter.node_), location_(emitter.b.getCurrentDebugLocation()) {
  e_.node_ = &node;
  e_.locate();
}

Emitter::At::~At() {
  e_.node_ = outer_;
  if (e_.debug != nullptr) e_.b.SetCurrentDebugLocation(location_);
}

void Emitter::begin_copy() {
  if (debug != nullptr) debug->begin_copy();
}

void Emitter::locate() {
  if (debug == nullptr || node_ == nullptr) return;
  b.SetCurrentDebugLocation(debug->location(*node_, *b.GetInsertBlock()->getParent()));
}

void Emitter::begin_kernel(std::vector<Size> symbols, llvm::Instruction* end_of_entry) {
  sizes_ = std::move(symbols);
  entry_ = end_of_entry;
  computed_.clear();
}

llvm::Value* Emitter::value_of(Symbol symbol) const {
  for (const Size& size : sizes_) {
    if (size.symbol == symbol) return size.value;
  }
  SLUICE_UNREACHABLE("the plan does not know {}", symbol.name());
}

llvm::Value* Emitter::sum_of(Dim dim) {
  llvm::Value* sum = i64(0);
  for (const auto& [coefficient, symbols] : dim.batch.terms()) {
    llvm::Value* term = i64(dim.size * coefficient);
    for (const Symbol symbol : symbols) term = mul(term, value_of(symbol));
    sum = add(sum, term);
  }
  return sum;
}

llvm::Value* Emitter::size(Dim dim) {
  if (!dim.batch || dim.size == 0) return i64(dim.size);
  const std::span<const Growth::Term> terms = dim.batch.terms();
  if (terms.size() == 1 && terms[0].symbols.size() == 1) return mul(i64(dim.size), value_of(terms[0].symbols[0]));
  return size_at_entry(dim);
}

llvm::Value* Emitter::size_at_entry(Dim dim) {
  if (!dim.batch || dim.size == 0) return i64(dim.size);
  const auto found = std::ranges::find(computed_, dim, &std::pair<Dim, llvm::Value*>::first);
  if (found != computed_.end()) return found->second;
  const llvm::IRBuilderBase::InsertPointGuard guard(b);
  b.SetInsertPoint(entry_);
  return computed_.emplace_back(dim, sum_of(dim)).second;
}

llvm::Value* Emitter::blocks(Dim dim, std::int64_t block) {
  if (!dim.batch) return i64((dim.size + block - 1) / block);
  return b.CreateUDiv(b.CreateAdd(size(dim), i64(block - 1)), i64(block));
}

llvm::Value* Emitter::min(llvm::Value* x, llvm::Value* y) { return b.CreateSelect(b.CreateICmpSLT(x, y), x, y); }
llvm::Value* Emitter::max(llvm::Value* x, llvm::Value* y) { return b.CreateSelect(b.CreateICmpSGT(x, y), x, y); }

static bool is_constant(llvm::Value* value, std::uint64_t number) {
  const auto* const constant = llvm::dyn_cast<llvm::ConstantInt>(value);
  return constant != nullptr && constant->getZExtValue() == number;
}

llvm::Value* Emitter::mul(llvm::Value* x, llvm::Value* y) {
  if (is_constant(x, 1) || is_constant(y, 0)) return y;
  if (is_constant(y, 1) || is_constant(x, 0)) return x;
  return b.CreateMul(x, y);
}

llvm::Value* Emitter::add(llvm::Value* x, llvm::Value* y) {
  if (is_constant(x, 0)) return y;
  if (is_constant(y, 0)) return x;
  return b.CreateAdd(x, y);
}

namespace {

/// A position as another one plus a constant.
struct Moved {
  llvm::Value* from;  ///< nullptr: from 0
  std::int64_t by;
};

Moved moved_by_constant(llvm::Value* value) {
  if (const auto* const number = llvm::dyn_cast<llvm::ConstantInt>(value)) return {nullptr, number->getSExtValue()};
  const auto* const sum = llvm::dyn_cast<llvm::BinaryOperator>(value);
  if (sum == nullptr || sum->getOpcode() != llvm::Instruction::Add) return {value, 0};
  const auto* const by = llvm::dyn_cast<llvm::ConstantInt>(sum->getOperand(1));
  return by == nullptr ? Moved{value, 0} : Moved{sum->getOperand(0), by->getSExtValue()};
}

}  // namespace

llvm::Value* Emitter::mul_position(llvm::Value* x, llvm::Value* y) {
  const Moved position = moved_by_constant(x);
  const auto* const factor = llvm::dyn_cast<llvm::ConstantInt>(y);
  if (position.from == nullptr || factor == nullptr) return mul(x, y);
  return add(mul(position.from, y), i64(position.by * factor->getSExtValue()));
}

llvm::Value* Emitter::add_positions(llvm::Value* x, llvm::Value* y) {
  const Moved of_x = moved_by_constant(x);
  const Moved of_y = moved_by_constant(y);
  llvm::Value* const by = i64(of_x.by + of_y.by);
  if (of_x.from == nullptr) return of_y.from == nullptr ? by : add(of_y.from, by);
  return add(of_y.from == nullptr ? of_x.from : add(of_x.from, of_y.from), by);
}

llvm::Value* Emitter::splat(llvm::Value* scalar, int lanes) {
  return lanes == 1 ? scalar : b.CreateVectorSplat(static_cast<unsigned>(lanes), scalar);
}

llvm::Value* Emitter::counting(llvm::Value* base, int lanes) {
  if (lanes == 1) return base;
  std::vector<llvm::Constant*> numbers;
  for (int i = 0; i < lanes; ++i) numbers.push_back(i64(i));
  return b.CreateAdd(splat(base, lanes), llvm::ConstantVector::get(numbers));
}

llvm::Value* Emitter::first_lanes(llvm::Value* count, int lanes) {
  std::vector<llvm::Constant*> numbers;
  for (int i = 0; i < lanes; ++i) numbers.push_back(b.getInt32(static_cast<std::uint32_t>(i)));
  return b.CreateICmpSLT(llvm::ConstantVector::get(numbers), splat(b.CreateTrunc(count, b.getInt32Ty()), lanes));
}

void Emitter::prefetch(llvm::Value* pointer, Fetch fetch) {
  const std::uint32_t cache = fetch == Fetch::kReadLater ? 2 : 3;  // 3: the nearest
  constexpr std::uint32_t kData = 1;
  b.CreateIntrinsic(llvm::Intrinsic::prefetch, {b.getPtrTy()},
                    {pointer, b.getInt32(fetch == Fetch::kWrite ? 1 : 0), b.getInt32(cache), b.getInt32(kData)});
}

llvm::Value* Emitter::multiply_add(llvm::Value* x, llvm::Value* y, llvm::Value* z) {
  if (!target.fma) return b.CreateFAdd(b.CreateFMul(x, y), z);  // llvm.fma would become a library call
  return b.CreateIntrinsic(llvm::Intrinsic::fma, {x->getType()}, {x, y, z});
}

void Emitter::loop(llvm::Value* begin, llvm::Value* end, std::int64_t step,
                   const std::function<void(llvm::Value*)>& body) {
  loop(begin, end, step, {}, [&](llvm::Value* i, const Values&) {
    body(i);
    return Values{};
  });
}

Emitter::Values Emitter::loop(llvm::Value* begin, llvm::Value* end, std::int64_t step, Values carried,
                              const std::function<Values(llvm::Value*, const Values&)>& body) {
  llvm::Function* const parent = b.GetInsertBlock()->getParent();
  llvm::BasicBlock* const before = b.GetInsertBlock();
  llvm::BasicBlock* const turn = llvm::BasicBlock::Create(b.getContext(), "loop", parent);
  llvm::BasicBlock* const after = llvm::BasicBlock::Create(b.getContext(), "after", parent);
  b.CreateCondBr(b.CreateICmpSLT(begin, end), turn, after);

  b.SetInsertPoint(turn);
  llvm::PHINode* const counter = b.CreatePHI(b.getInt64Ty(), 2);
  counter->addIncoming(begin, before);
  Values phis;
  for (llvm::Value* value : carried) {
    llvm::PHINode* const phi = b.CreatePHI(value->getType(), 2);
    phi->addIncoming(value, before);
    phis.push_back(phi);
  }
  const Values next = body(counter, phis);
  llvm::Value* const counted = b.CreateAdd(counter, i64(step), "", true, true);
  llvm::BasicBlock* const last = b.GetInsertBlock();
  counter->addIncoming(counted, last);
  for (std::size_t i = 0; i < phis.size(); ++i) llvm::cast<llvm::PHINode>(phis[i])->addIncoming(next[i], last);
  b.CreateCondBr(b.CreateICmpSLT(counted, end), turn, after);

  b.SetInsertPoint(after);
  Values results;
  for (std::size_t i = 0; i < carried.size(); ++i) {
    llvm::PHINode* const phi = b.CreatePHI(carried[i]->getType(), 2);
    phi->addIncoming(carried[i], before);
    phi->addIncoming(next[i], last);
    results.push_back(phi);
  }
  return results;
}

void Emitter::if_then(llvm::Value* condition, const std::function<void()>& then) {
  if_else(condition, then, [] {});
}

void Emitter::if_else(llvm::Value* condition, const std::function<void()>& then,
                      const std::function<void()>& otherwise) {
  if (const auto* constant = llvm::dyn_cast<llvm::ConstantInt>(condition))
    return constant->isZero() ? otherwise() : then();
  llvm::Function* const parent = b.GetInsertBlock()->getParent();
  llvm::BasicBlock* const yes = llvm::BasicBlock::Create(b.getContext(), "then", parent);
  llvm::BasicBlock* const no = llvm::BasicBlock::Create(b.getContext(), "else", parent);
  llvm::BasicBlock* const after = llvm::BasicBlock::Create(b.getContext(), "endif", parent);
  b.CreateCondBr(condition, yes, no);
  b.SetInsertPoint(yes);
  then();
  b.CreateBr(after);
  b.SetInsertPoint(no);
  otherwise();
  b.CreateBr(after);
  b.SetInsertPoint(after);
}

llvm::Instruction* Emitter::preheader(const char* name) {
  llvm::Function* const parent = b.GetInsertBlock()->getParent();
  llvm::BasicBlock* const ahead = llvm::BasicBlock::Create(b.getContext(), name, parent);
  llvm::BasicBlock* const inner = llvm::BasicBlock::Create(b.getContext(), "inner", parent);
  b.CreateBr(ahead);
  b.SetInsertPoint(ahead);
  llvm::Instruction* const jump = b.CreateBr(inner);
  b.SetInsertPoint(inner);
  return jump;
}

llvm::Function* Emitter::function(const std::string& name, llvm::Type* result,
                                  const std::vector<llvm::Type*>& parameters, bool exported) {
  auto* const type = llvm::FunctionType::get(result, parameters, false);
  const auto linkage = exported ? llvm::Function::ExternalLinkage : llvm::Function::InternalLinkage;
  auto* const made = llvm::Function::Create(type, linkage, name, module);
  made->addFnAttr("target-cpu", target.cpu);
  made->addFnAttr("target-features", target.features);
  // Without these two LLVM would use half of a zmm register on Intel's CPUs.
  const std::string width = std::to_string(target.vector_bytes * 8);
  made->addFnAttr("prefer-vector-width", width);
  made->addFnAttr("min-legal-vector-width", width);
  made->addFnAttr(llvm::Attribute::NoUnwind);
  b.SetInsertPoint(llvm::BasicBlock::Create(b.getContext(), "entry", made));
  if (debug != nullptr) {  // debuggers and profilers walk the stack
    made->addFnAttr("frame-pointer", "all");
    made->setUWTableKind(llvm::UWTableKind::Async);
    if (!exported) debug->add_helper(*made);
    locate();
  }
  return made;
}

}  // namespace sluice::backend
