#include "backend/aot/entry.h"

#include <algorithm>
#include <cmath>

#include "backend/aot/code.h"
#include "backend/aot/cpu.h"
#include "ir/solve_sizes.h"

namespace sluice::backend::aot {

namespace {

/// For each symbolic part of sizes, the largest factor that it has anywhere.
class LargestFactors {
 public:
  void add(Dim size, std::int64_t bytes) {
    if (!size.batch) return;
    const double factor = std::abs(static_cast<double>(size.size)) * static_cast<double>(bytes);
    const auto alike = std::ranges::find(factors_, size.batch, &std::pair<Growth, double>::first);
    if (alike == factors_.end()) {
      factors_.emplace_back(size.batch, factor);
    } else {
      alike->second = std::max(alike->second, factor);
    }
  }
  const auto& all() const { return factors_; }

 private:
  std::vector<std::pair<Growth, double>> factors_;
};

LargestFactors factors_of(const Levels& levels) {
  constexpr std::int64_t kMostBytesOfElement = 8;
  LargestFactors factors;
  for (const auto& level : levels) {
    const Plan& plan = level->plan();
    const auto add = [&](const Type& type) { factors.add(type.shape.element_count(), kMostBytesOfElement); };
    std::ranges::for_each(plan.largest.types, add);
    for (const Buffer& buffer : plan.buffers) {
      factors.add(element_count(buffer.layout, buffer.type.shape), kMostBytesOfElement);
      factors.add(buffer.bytes, 1);
    }
    for (const GrowingArena& arena : plan.arenas) factors.add(arena.bytes, 1);
    for (const KernelPlan& kernel : plan.kernels) {
      factors.add(kernel.scratch(), 1);
      for (const Units::Axis& axis : kernel.units.axes) factors.add(axis.size, kMostBytesOfElement);
    }
  }
  return factors;
}

}  // namespace

llvm::Value* checked_memory(Emitter& e, llvm::Value* context, std::uint64_t magic) {
  auto& b = e.b;
  return_if(e, b.CreateIsNull(context), kNullPointer);
  return_if(e, b.CreateICmpNE(load_i64(e, context, 0), b.getInt64(magic)), kNotInitialized);
  llvm::Value* const memory = load_pointer(e, context, kWord);
  return_if(e, b.CreateIsNull(memory), kNotInitialized);
  return_if(e, b.CreateICmpNE(load_i64(e, memory, kMagicAt), b.getInt64(magic)), kNotInitialized);
  return memory;
}

void acquire_memory(Emitter& e, llvm::Value* memory) {
  llvm::Value* const before = e.b.CreateAtomicRMW(llvm::AtomicRMWInst::Xchg, at(e, memory, kBusyAt), e.b.getInt32(1),
                                                  llvm::MaybeAlign(4), llvm::AtomicOrdering::AcquireRelease);
  return_if(e, e.b.CreateICmpNE(before, e.b.getInt32(0)), kBusy);
}

void release_memory(Emitter& e, llvm::Value* memory) {
  llvm::StoreInst* const stored = e.b.CreateAlignedStore(e.b.getInt32(0), at(e, memory, kBusyAt), llvm::Align(4));
  stored->setAtomic(llvm::AtomicOrdering::Release);
}

EntryCode::EntryCode(Emitter& e, const Specification& specification, const MemoryMap& memory, const Levels& levels,
                     std::uint64_t magic)
    : e_(e), specification_(specification), memory_(memory), levels_(levels), magic_(magic) {}

void EntryCode::emit(Constants& constants) {
  fits_ = emit_fits();
  bytes_ = emit_bytes();
  emit_memory_bytes();
  emit_init(constants);
  emit_run();
}

void EntryCode::load_symbols(llvm::Value* table) {
  std::vector<Emitter::Size> sizes;
  for (std::size_t i = 0; i < memory_.symbols.size(); ++i)
    sizes.push_back({memory_.symbols[i], load_i64(e_, table, kWord * static_cast<std::int64_t>(i))});
  if (std::ranges::find(memory_.symbols, kBatchSymbol) == memory_.symbols.end())
    sizes.push_back({kBatchSymbol, e_.i64(1)});
  e_.begin_kernel(std::move(sizes), e_.preheader("sizes"));
}

/// Stores the arguments from `first_argument` on, one for each symbol, or the sizes that the export was made for, and
/// returns the table.
llvm::Value* EntryCode::emit_sizes(llvm::Function* function, unsigned first_argument) {
  const auto count = static_cast<std::uint32_t>(std::max<std::size_t>(memory_.symbols.size(), 1));
  llvm::Value* const table = e_.b.CreateAlloca(e_.b.getInt64Ty(), e_.b.getInt32(count));
  for (std::size_t i = 0; i < memory_.symbols.size(); ++i) {
    llvm::Value* size = nullptr;
    if (specification_.largest) {
      size = e_.i64(*specification_.largest->find(memory_.symbols[i]));
    } else {
      size = function->getArg(first_argument + static_cast<unsigned>(i));
    }
    store(e_, size, table, kWord * static_cast<std::int64_t>(i));
  }
  return table;
}

/// Whether all sizes are at least 1, and nothing that is computed from them and from smaller ones leaves 64 bits.
llvm::Function* EntryCode::emit_fits() {
  auto& b = e_.b;
  llvm::Function* const function = internal(e_, specification_.prefix + "_fits", b.getInt1Ty(), {b.getPtrTy()});
  llvm::Type* const number = b.getDoubleTy();
  std::vector<llvm::Value*> sizes;
  llvm::Value* fits = b.getTrue();
  for (std::size_t i = 0; i < memory_.symbols.size(); ++i) {
    llvm::Value* const size = load_i64(e_, function->getArg(0), kWord * static_cast<std::int64_t>(i));
    fits = b.CreateAnd(fits, b.CreateICmpSGE(size, e_.i64(1)));
    sizes.push_back(b.CreateSIToFP(size, number));
  }
  const auto value_of = [&](Symbol symbol) -> llvm::Value* {
    const auto found = std::ranges::find(memory_.symbols, symbol);
    if (found == memory_.symbols.end()) return llvm::ConstantFP::get(number, 1);
    return sizes[static_cast<std::size_t>(found - memory_.symbols.begin())];
  };
  const LargestFactors factors = factors_of(levels_);
  for (const auto& [growth, factor] : factors.all()) {
    llvm::Value* sum = llvm::ConstantFP::get(number, 0);
    for (const Growth::Term& term : growth.terms()) {
      llvm::Value* product = llvm::ConstantFP::get(number, std::abs(static_cast<double>(term.coefficient)) * factor);
      for (const Symbol symbol : term.symbols) product = b.CreateFMul(product, value_of(symbol));
      sum = b.CreateFAdd(sum, product);
    }
    fits = b.CreateAnd(fits, b.CreateFCmpOLE(sum, llvm::ConstantFP::get(number, static_cast<double>(kMostElements))));
  }
  b.CreateRet(fits);
  return function;
}

/// The memory for these sizes, whichever level runs; or a code.
llvm::Function* EntryCode::emit_bytes() {
  auto& b = e_.b;
  llvm::Function* const function =
      internal(e_, specification_.prefix + "_bytes", b.getInt64Ty(), {b.getPtrTy(), b.getInt32Ty()});
  llvm::Value* const threads = function->getArg(1);
  const auto wrong = b.CreateOr(b.CreateICmpSLT(threads, i32(e_, 1)), b.CreateICmpSGT(threads, i32(e_, kMostThreads)));
  return_if(e_, wrong, kWrongSize);
  return_if(e_, b.CreateNot(b.CreateCall(fits_, {function->getArg(0)})), kWrongSize);
  llvm::Value* bytes = e_.i64(0);
  for (const auto& level : levels_)
    bytes = e_.max(bytes, b.CreateCall(level->bytes_function, {function->getArg(0), threads}));
  return_if(e_, b.CreateICmpSGT(bytes, e_.i64(kMostBytes)), kWrongSize);
  b.CreateRet(bytes);
  return function;
}

void EntryCode::emit_memory_bytes() {
  auto& b = e_.b;
  std::vector<llvm::Type*> parameters;
  if (takes_largest()) parameters.resize(memory_.symbols.size(), b.getInt64Ty());
  parameters.push_back(b.getInt32Ty());
  llvm::Function* const function =
      e_.function(specification_.prefix + "_memory_bytes", b.getInt64Ty(), parameters, true);
  llvm::Value* const sizes = emit_sizes(function, 0);
  b.CreateRet(b.CreateCall(bytes_, {sizes, function->getArg(static_cast<unsigned>(parameters.size() - 1))}));
}

/// The last level that this CPU can run; -1: none.
llvm::Value* EntryCode::emit_level_of_cpu() {
  auto& b = e_.b;
  llvm::Value* const words = b.CreateAlloca(b.getInt32Ty(), b.getInt32(kCpuWords));
  b.CreateCall(e_.module.getFunction(specification_.prefix + "_cpu"), {words});
  llvm::Value* level = i32(e_, -1);
  for (std::size_t i = 0; i < levels_.size(); ++i) {
    llvm::Value* const runs = emit_has(e_, words, needs_of(levels_[i]->target()));
    level = b.CreateSelect(runs, i32(e_, static_cast<std::int64_t>(i)), level);
  }
  return level;
}

/// init and init_zeroed, whose caller promises that the memory is zero.
void EntryCode::emit_init(Constants& constants) {
  auto& b = e_.b;
  emit_cpu_words(e_, specification_.prefix);
  VariableCode variables(e_, specification_, memory_);
  std::vector<llvm::Type*> parameters{b.getPtrTy(), b.getPtrTy(), b.getInt64Ty()};
  if (takes_largest()) parameters.resize(3 + memory_.symbols.size(), b.getInt64Ty());
  parameters.push_back(b.getPtrTy());
  llvm::Function* const make = emit_make(constants, variables, parameters);
  for (const bool zeroed : {false, true}) {
    const std::string name = specification_.prefix + (zeroed ? "_init_zeroed" : "_init");
    llvm::Function* const function = e_.function(name, b.getInt32Ty(), parameters, true);
    std::vector<llvm::Value*> arguments;
    for (llvm::Argument& argument : function->args()) arguments.push_back(&argument);
    arguments.push_back(b.getInt1(zeroed));
    b.CreateRet(b.CreateCall(make, arguments));
  }
  variables.emit_access(magic_);
}

/// i32(the arguments of init, i1 zeroed): makes a context.
llvm::Function* EntryCode::emit_make(Constants& constants, VariableCode& variables,
                                     std::vector<llvm::Type*> parameters) {
  auto& b = e_.b;
  const auto of_init = static_cast<unsigned>(parameters.size());
  parameters.push_back(b.getInt1Ty());
  llvm::Function* const function = internal(e_, specification_.prefix + "_make", b.getInt32Ty(), parameters);
  function->addFnAttr(llvm::Attribute::NoInline);
  llvm::Value* const context = function->getArg(0);
  llvm::Value* const memory = function->getArg(1);
  llvm::Value* const bytes = function->getArg(2);
  llvm::Value* const team = function->getArg(of_init - 1);
  llvm::Value* const zeroed = function->getArg(of_init);
  llvm::Value* const sizes = emit_sizes(function, 3);
  llvm::Value* const own_team = b.CreateAlloca(b.getInt64Ty(), b.getInt32(4));  // one thread, no functions
  return_if(e_, b.CreateIsNull(context), kNullPointer);
  store(e_, e_.i64(0), context, 0);
  return_if(e_, b.CreateIsNull(memory), kNullPointer);
  llvm::Value* const address = b.CreatePtrToInt(memory, b.getInt64Ty());
  return_if(e_, b.CreateICmpNE(b.CreateAnd(address, e_.i64(kLine - 1)), e_.i64(0)), kNotAligned);
  for (int i = 0; i < 4; ++i) store(e_, e_.i64(i == 0 ? 1 : 0), own_team, kWord * i);
  llvm::Value* const threads_of = b.CreateSelect(b.CreateIsNull(team), own_team, team);
  llvm::Value* const threads = load_i32(e_, threads_of, 0);
  llvm::Value* const run = load_pointer(e_, threads_of, 2 * kWord);
  return_if(e_, b.CreateAnd(b.CreateICmpSGT(threads, i32(e_, 1)), b.CreateIsNull(run)), kNullPointer);
  llvm::Value* const needed = b.CreateCall(bytes_, {sizes, threads});
  return_if(e_, b.CreateICmpSLT(needed, e_.i64(0)), kWrongSize);
  return_if(e_, b.CreateICmpSGT(needed, bytes), kTooLittleMemory);
  llvm::Value* const level = emit_level_of_cpu();
  return_if(e_, b.CreateICmpSLT(level, i32(e_, 0)), kWrongCpu);

  const auto for_level = [&](const auto& emit_one) {
    for (std::size_t i = 0; i < levels_.size(); ++i) {
      const auto number = static_cast<std::int64_t>(i);
      llvm::Value* const is_it = levels_.size() == 1 ? b.getTrue() : b.CreateICmpEQ(level, i32(e_, number));
      e_.if_then(is_it, [&] { emit_one(*levels_[i]); });
    }
  };
  llvm::Value* const rows = b.CreateAdd(b.CreateSExt(threads, b.getInt64Ty()), e_.i64(1));
  // Only what is read before it is written: most of the memory is then touched first by whoever uses it. These tables
  // decide what is read and written, so that they are cleared whatever the caller has promised.
  b.CreateMemSet(memory, b.getInt8(0), e_.i64(memory_.tables_end), llvm::MaybeAlign(kLine));
  for_level([&](const Level& one) {
    b.CreateMemSet(at(e_, memory, memory_.end), b.getInt8(0), e_.i64(one.tables_end() - memory_.end),
                   llvm::MaybeAlign(kLine));
    const auto kernels = static_cast<std::int64_t>(one.plan().kernels.size());
    llvm::Value* const shares = aligned(e_, b.CreateMul(rows, e_.i64(kWord * kernels)));
    store(e_, b.CreateSub(bytes, b.CreateAdd(shares, e_.i64(one.fixed_bytes()))), memory, kCapacityAt);
  });
  store(e_, level, memory, kLevelAt);
  store(e_, threads, memory, kThreadsAt);
  for (int i = 0; i < 3; ++i) store(e_, load_pointer(e_, threads_of, kWord * (i + 1)), memory, kTeamAt + kWord * i);
  for (std::size_t i = 0; i < memory_.symbols.size(); ++i) {
    const std::int64_t offset = kWord * static_cast<std::int64_t>(i);
    store(e_, load_i64(e_, sizes, offset), memory, memory_.largest + offset);
  }
  variables.emit_initial(constants, memory, zeroed);
  for_level([&](const Level& one) { b.CreateCall(one.bind_function, {memory}); });
  store(e_, b.getInt64(magic_), memory, kMagicAt);
  store(e_, memory, context, kWord);
  store(e_, b.getInt64(magic_), context, 0);
  b.CreateRet(i32(e_, kOk));
  return function;
}

/// Checks the addresses of inputs and results, and stores them in memory.
void EntryCode::check_arrays(llvm::Function* function, unsigned first) {
  auto& b = e_.b;
  const ir::Graph& graph = specification_.graph;
  std::vector<Type> types;
  for (const ir::Parameter& parameter : graph.parameters()) types.push_back(graph.type(parameter.value));
  for (const ir::Value result : graph.results()) types.push_back(graph.type(result));
  llvm::Value* null = b.getFalse();
  llvm::Value* misaligned = b.getFalse();
  for (std::size_t i = 0; i < types.size(); ++i) {
    llvm::Value* const array = function->getArg(first + static_cast<unsigned>(i));
    llvm::Value* const some = b.CreateICmpNE(e_.size(types[i].shape.element_count()), e_.i64(0));
    null = b.CreateOr(null, b.CreateAnd(some, b.CreateIsNull(array)));
    const auto mask = static_cast<std::int64_t>(size_of(types[i].dtype)) - 1;
    if (mask == 0) continue;
    llvm::Value* const low = b.CreateAnd(b.CreatePtrToInt(array, b.getInt64Ty()), e_.i64(mask));
    misaligned = b.CreateOr(misaligned, b.CreateAnd(some, b.CreateICmpNE(low, e_.i64(0))));
  }
  return_if(e_, null, kNullPointer);
  return_if(e_, misaligned, kNotAligned);
}

void EntryCode::emit_run() {
  auto& b = e_.b;
  const ir::Graph& graph = specification_.graph;
  const auto symbols = static_cast<unsigned>(memory_.symbols.size());
  std::vector<llvm::Type*> parameters{b.getPtrTy()};
  parameters.resize(1 + symbols, b.getInt64Ty());
  parameters.resize(parameters.size() + graph.parameters().size() + graph.results().size(), b.getPtrTy());
  llvm::Function* const function = e_.function(specification_.prefix + "_run", b.getInt32Ty(), parameters, true);
  llvm::Value* const memory = checked_memory(e_, function->getArg(0), magic_);

  std::vector<Emitter::Size> sizes;
  llvm::Value* fits = b.getTrue();
  for (unsigned i = 0; i < symbols; ++i) {
    llvm::Value* const size = function->getArg(1 + i);
    llvm::Value* const largest = load_i64(e_, memory, memory_.largest + kWord * i);
    fits = b.CreateAnd(fits, b.CreateAnd(b.CreateICmpSGE(size, e_.i64(1)), b.CreateICmpSLE(size, largest)));
    sizes.push_back({memory_.symbols[i], size});
  }
  return_if(e_, b.CreateNot(fits), kWrongSize);
  if (std::ranges::find(memory_.symbols, kBatchSymbol) == memory_.symbols.end())
    sizes.push_back({kBatchSymbol, e_.i64(1)});
  e_.begin_kernel(sizes, e_.preheader("sizes"));
  llvm::Value* holds = b.getTrue();
  for (const ir::SizeLimit& limit : ir::size_limits(graph))
    holds = b.CreateAnd(holds, b.CreateICmpSGE(e_.size(limit.size), e_.i64(limit.least)));
  return_if(e_, b.CreateNot(holds), kWrongSize);
  check_arrays(function, 1 + symbols);

  acquire_memory(e_, memory);
  const auto leave_if = [&](llvm::Value* condition, int code) {
    e_.if_then(condition, [&] { release_memory(e_, memory); });
    return_if(e_, condition, code);
  };
  leave_if(b.CreateICmpNE(load_i32(e_, memory, kMissingAt), i32(e_, 0)), kNotSet);
  for (unsigned i = 0; i < symbols; ++i) {
    const std::int64_t place = memory_.sizes + kWord * i;
    e_.if_then(b.CreateICmpNE(load_i64(e_, memory, place), sizes[i].value), [&] {
      store(e_, sizes[i].value, memory, place);
      store(e_, i32(e_, 0), memory, kScheduledAt);
    });
  }
  for (unsigned i = 0; i < graph.parameters().size() + graph.results().size(); ++i) {
    const bool is_input = i < graph.parameters().size();
    const Type& type =
        graph.type(is_input ? graph.parameters()[i].value : graph.results()[i - graph.parameters().size()]);
    llvm::Value* const none = b.CreateICmpEQ(e_.size(type.shape.element_count()), e_.i64(0));
    llvm::Value* const given = function->getArg(1 + symbols + i);
    llvm::Value* const array = b.CreateSelect(none, at(e_, memory, kNothingAt), given);
    store(e_, array, memory, memory_.inputs + kWord * i);  // results follow inputs
  }
  llvm::Value* code = nullptr;
  if (levels_.size() == 1) {
    code = b.CreateCall(levels_[0]->step_function, {memory});
  } else {
    llvm::Value* const level = load_i32(e_, memory, kLevelAt);
    llvm::BasicBlock* const after = llvm::BasicBlock::Create(b.getContext(), "ran", function);
    llvm::BasicBlock* const none = llvm::BasicBlock::Create(b.getContext(), "none", function);
    llvm::SwitchInst* const choice = b.CreateSwitch(level, none, static_cast<unsigned>(levels_.size()));
    std::vector<std::pair<llvm::Value*, llvm::BasicBlock*>> codes;
    for (std::size_t i = 0; i < levels_.size(); ++i) {
      llvm::BasicBlock* const block = llvm::BasicBlock::Create(b.getContext(), "level", function);
      choice->addCase(i32(e_, static_cast<std::int64_t>(i)), block);
      b.SetInsertPoint(block);
      codes.emplace_back(b.CreateCall(levels_[i]->step_function, {memory}), block);
      b.CreateBr(after);
    }
    b.SetInsertPoint(none);
    b.CreateBr(after);
    codes.emplace_back(i32(e_, kWrongCpu), none);
    b.SetInsertPoint(after);
    llvm::PHINode* const chosen = b.CreatePHI(b.getInt32Ty(), static_cast<unsigned>(codes.size()));
    for (const auto& [value, block] : codes) chosen->addIncoming(value, block);
    code = chosen;
  }
  release_memory(e_, memory);
  b.CreateRet(code);
}

}  // namespace sluice::backend::aot
