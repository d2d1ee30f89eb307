#include "backend/aot/level.h"

#include <algorithm>
#include <optional>

#include "backend/aot/code.h"
#include "backend/codegen/module.h"
#include "backend/compile.h"
#include "backend/shared_code.h"
#include "backend/verify_plan.h"
#include "passes/pass.h"
#include "sluice/error.h"

namespace sluice::backend::aot {

namespace {

std::int64_t rounded_up(std::int64_t bytes) { return (bytes + kLine - 1) / kLine * kLine; }

std::int64_t count_of(const std::vector<KernelPlan>& kernels) { return static_cast<std::int64_t>(kernels.size()); }

}  // namespace

llvm::Constant* Constants::of(llvm::Module& module, std::string bytes) {
  auto& known = known_[bytes];
  if (known != nullptr) return known;
  bytes.resize(bytes.size() + static_cast<std::size_t>(kLine));
  auto* const data = llvm::ConstantDataArray::getString(module.getContext(), bytes, false);
  auto* const global = new llvm::GlobalVariable(module, data->getType(), true, llvm::GlobalValue::PrivateLinkage, data);
  global->setAlignment(llvm::Align(static_cast<std::uint64_t>(kLine)));
  return known = global;
}

Level::Level(const Specification& specification, const MemoryMap& memory, const Target& target, std::string name)
    : specification_(specification), memory_(memory), target_(target), name_(std::move(name)) {
  const ir::Graph fused = passes::run_passes(specification.graph, passes::default_pipeline(), {});
  plan_ = make_plan(fused, target, specification.plan);
  if (kVerifyPlans) {
    const std::optional<PlanFault> fault = verify_plan(plan_);
    SLUICE_CHECK(!fault, "the plan of @{} is wrong: {}", plan_.name, fault->what);
  }
  code_ = shared_code(plan_);
  tails_.resize(plan_.parameters.size());
  for (const Buffer& buffer : plan_.buffers) {
    if (buffer.kind == BufferKind::kParameter) tails_[buffer.index] = std::max(tails_[buffer.index], buffer.tail);
  }
  uses_.resize(plan_.buffers.size());
  std::size_t count = 0;
  for (const KernelPlan& kernel : plan_.kernels) {
    first_argument_.push_back(count);
    for (const int buffer : kernel.operands) uses_[static_cast<std::size_t>(buffer)].push_back(count++);
    for (const int buffer : kernel.results) uses_[static_cast<std::size_t>(buffer)].push_back(count++);
  }
  arguments_ = memory.end;
  sizes_ = arguments_ + kWord * static_cast<std::int64_t>(count);
  kernel_threads_ = sizes_ + kWord * static_cast<std::int64_t>(plan_.symbols.size());
  barriers_ = kernel_threads_ + 4 * count_of(plan_.kernels);
  static_arena_ = rounded_up(barriers_ + count_of(plan_.kernels));
  fixed_ = static_arena_ + rounded_up(plan_.static_bytes);
}

void Level::emit(llvm::Module& module, Constants& constants, const Team& team) {
  Emitter e(module, target_);
  emit_kernels(e);
  bytes_function = emit_bytes(e);
  bind_function = emit_bind(e, constants);
  step_function = emit_step(e, emit_schedule(e, team), emit_work(e, team));
}

void Level::emit_kernels(Emitter& e) {
  functions_.resize(plan_.kernels.size());
  for (std::size_t k = 0; k < plan_.kernels.size(); ++k) {
    if (code_[k] != k) {
      functions_[k] = functions_[code_[k]];
      continue;
    }
    const std::string symbol = name_ + "_" + kernel_symbol(k);
    emit_kernel(e, plan_, k, symbol, false);
    functions_[k] = e.module.getFunction(symbol);
  }
}

void Level::load_sizes(Emitter& e, llvm::Value* table) {
  std::vector<Emitter::Size> sizes;
  for (const Symbol symbol : plan_.symbols) {
    const auto found = std::ranges::find(memory_.symbols, symbol);
    // B without any type that has it is 1.
    llvm::Value* const value =
        found == memory_.symbols.end() ? e.i64(1) : load_i64(e, table, kWord * (found - memory_.symbols.begin()));
    sizes.push_back({symbol, value});
  }
  e.begin_kernel(std::move(sizes), e.preheader("sizes"));
}

void Level::set_address(Emitter& e, llvm::Value* memory, std::size_t buffer, llvm::Value* address) {
  for (const std::size_t use : uses_[buffer])
    store(e, address, memory, arguments_ + kWord * static_cast<std::int64_t>(use));
}

llvm::Value* Level::share_bytes(Emitter& e, llvm::Value* threads) const {
  return aligned(e, e.mul(e.i64(kWord * count_of(plan_.kernels)), e.b.CreateAdd(threads, e.i64(1))));
}

llvm::Function* Level::emit_bytes(Emitter& e) {
  auto& b = e.b;
  llvm::Function* const function = internal(e, name_ + "_bytes", b.getInt64Ty(), {b.getPtrTy(), b.getInt32Ty()});
  load_sizes(e, function->getArg(0));
  llvm::Value* const threads = b.CreateSExt(function->getArg(1), b.getInt64Ty());
  const Extents needed = extents(e);
  llvm::Value* const fixed = b.CreateAdd(e.i64(fixed_), share_bytes(e, threads));
  b.CreateRet(b.CreateAdd(b.CreateAdd(fixed, needed.room), b.CreateMul(needed.stride, threads)));
  return function;
}

std::int64_t Level::memory_bytes(const Bindings& sizes, int threads) const {
  const Memory memory = memory_of(plan_, sizes, threads);
  std::int64_t room = memory.growing_arena;
  for (std::size_t i = 0; i < tails_.size(); ++i) {
    const Type& type = plan_.parameters[i];
    const auto bytes = type.shape.element_count().at(sizes) * static_cast<std::int64_t>(size_of(type.dtype));
    if (tails_[i] > 0) room += rounded_up(bytes + tails_[i]);
  }
  return fixed_ + rounded_up(kWord * count_of(plan_.kernels) * (threads + 1)) + room + memory.scratch();
}

llvm::Function* Level::emit_bind(Emitter& e, Constants& constants) {
  llvm::Function* const function = internal(e, name_ + "_bind", e.b.getVoidTy(), {e.b.getPtrTy()});
  llvm::Value* const memory = function->getArg(0);
  for (std::size_t i = 0; i < plan_.buffers.size(); ++i) {
    const Buffer& buffer = plan_.buffers[i];
    if (buffer.kind == BufferKind::kState) set_address(e, memory, i, at(e, memory, memory_.variables[buffer.index]));
    if (buffer.kind == BufferKind::kTemporary && !buffer.bytes.batch)
      set_address(e, memory, i, at(e, memory, static_arena_ + buffer.offset.size));
    if (buffer.kind == BufferKind::kConstant && !uses_[i].empty()) {
      const Array& array = plan_.constants[buffer.index];
      const std::string elements(reinterpret_cast<const char*>(array.bytes()), array.byte_count());
      set_address(e, memory, i, constants.of(e.module, elements));
    }
  }
  e.b.CreateRetVoid();
  return function;
}

llvm::Function* Level::emit_work(Emitter& e, const Team& team) {
  auto& b = e.b;
  llvm::Function* const function = internal(e, name_ + "_work", b.getVoidTy(), {b.getPtrTy(), b.getInt32Ty()});
  llvm::Value* const memory = function->getArg(0);
  llvm::Value* const thread = b.CreateSExt(function->getArg(1), b.getInt64Ty());
  llvm::Value* const saved = flush_denormals(e);
  llvm::Value* const scratch = e.element(b.getInt8Ty(), load_pointer(e, memory, kScratchAt),
                                         b.CreateMul(load_i64(e, memory, kStrideAt), thread));
  llvm::Value* const threads = b.CreateSExt(load_i32(e, memory, kThreadsAt), b.getInt64Ty());
  llvm::Value* const row = b.CreateAdd(threads, e.i64(1));
  llvm::Value* share = e.element(b.getInt64Ty(), at(e, memory, fixed_), thread);
  llvm::Value* const sizes = at(e, memory, sizes_);
  bool may_wait = false;
  for (std::size_t k = 0; k < plan_.kernels.size(); ++k) {
    may_wait |= plan_.kernels[k].barrier_before;
    const auto number = static_cast<std::int64_t>(k);
    if (may_wait) {
      llvm::Value* const waits = b.CreateLoad(b.getInt8Ty(), at(e, memory, barriers_ + number));
      e.if_then(b.CreateICmpNE(waits, b.getInt8(0)), [&] { b.CreateCall(team.barrier, {memory}); });
    }
    llvm::Value* const begin = load_i64(e, share, 0);
    llvm::Value* const end = load_i64(e, share, kWord);
    e.if_then(b.CreateICmpSLT(begin, end), [&] {
      llvm::Value* const arguments = at(e, memory, arguments_ + kWord * static_cast<std::int64_t>(first_argument_[k]));
      b.CreateCall(functions_[k], {arguments, sizes, scratch, begin, end});
    });
    share = e.element(b.getInt64Ty(), share, row);
  }
  restore_denormals(e, saved);
  b.CreateRetVoid();
  return function;
}

llvm::Function* Level::emit_step(Emitter& e, llvm::Function* schedule, llvm::Function* work) {
  auto& b = e.b;
  llvm::Function* const function = internal(e, name_ + "_step", b.getInt32Ty(), {b.getPtrTy()});
  llvm::Value* const memory = function->getArg(0);
  e.if_then(b.CreateICmpEQ(load_i32(e, memory, kScheduledAt), b.getInt32(0)), [&] {
    llvm::Value* const code = b.CreateCall(schedule, {memory});
    return_if(e, b.CreateICmpNE(code, b.getInt32(0)), kTooLittleMemory);
  });
  load_sizes(e, at(e, memory, memory_.sizes));
  const Extents copied = extents(e);
  llvm::Value* const threads = b.CreateSExt(load_i32(e, memory, kThreadsAt), b.getInt64Ty());
  llvm::Value* const room = e.element(b.getInt8Ty(), at(e, memory, fixed_), share_bytes(e, threads));
  for (std::size_t i = 0; i < plan_.buffers.size(); ++i) {
    const Buffer& buffer = plan_.buffers[i];
    if (uses_[i].empty()) continue;
    const std::int64_t word = kWord * static_cast<std::int64_t>(buffer.index);
    if (buffer.kind == BufferKind::kResult) set_address(e, memory, i, load_pointer(e, memory, memory_.outputs + word));
    if (buffer.kind != BufferKind::kParameter) continue;
    llvm::Value* address = load_pointer(e, memory, memory_.inputs + word);
    if (tails_[buffer.index] > 0) {
      // A caller's array may end at the end of readable memory.
      const Type& type = plan_.parameters[buffer.index];
      llvm::Value* const to = e.element(b.getInt8Ty(), room, copied.copies[buffer.index]);
      copy(e, to, address,
           e.mul(e.size(type.shape.element_count()), e.i64(static_cast<std::int64_t>(size_of(type.dtype)))));
      address = to;
    }
    set_address(e, memory, i, address);
  }
  llvm::Value* const used = load_i32(e, memory, kUsedAt);
  e.if_else(
      b.CreateICmpSLE(used, b.getInt32(1)),
      [&] {
        b.CreateCall(work, {memory, b.getInt32(0)});
      },
      [&] {
        store(e, b.getInt32(0), memory, kArrivalsAt);
        auto* const type =
            llvm::FunctionType::get(b.getVoidTy(), {b.getPtrTy(), b.getInt32Ty(), b.getPtrTy(), b.getPtrTy()}, false);
        b.CreateCall(type, load_pointer(e, memory, kTeamAt + 8),
                     {load_pointer(e, memory, kTeamAt), used, work, memory});
      });
  b.CreateRet(b.getInt32(0));
  return function;
}

}  // namespace sluice::backend::aot
