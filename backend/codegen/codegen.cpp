#include "backend/codegen/codegen.h"

#include <fmt/format.h>
#include <llvm/IR/LegacyPassManager.h>
#include <llvm/IR/Verifier.h>
#include <llvm/MC/TargetRegistry.h>
#include <llvm/Support/raw_ostream.h>
#include <llvm/Target/TargetMachine.h>
#include <llvm/Transforms/Utils/Cloning.h>

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>

#include "backend/codegen/debug_info.h"
#include "backend/codegen/kernels.h"
#include "backend/codegen/module.h"
#include "sluice/error.h"

namespace sluice::backend {

std::string kernel_symbol(std::size_t index) { return fmt::format("kernel_{}", index); }
std::string kernel_title(const Plan& plan, std::size_t index) {
  return fmt::format("{}.{}", plan.name, plan.kernels[index].name);
}

namespace {

/// Returns the memory of `buffers`, whose addresses are the arguments starting at `first`.
std::vector<Place> places_of(Emitter& e, const Plan& plan, const std::vector<int>& buffers, llvm::Value* arguments,
                             std::size_t first) {
  std::vector<Place> places;
  for (const int buffer : buffers) {
    llvm::Value* const index = e.i64(static_cast<std::int64_t>(first + places.size()));
    places.push_back({e.b.CreateLoad(e.b.getPtrTy(), e.element(e.b.getPtrTy(), arguments, index)),
                      plan.buffers[static_cast<std::size_t>(buffer)].layout});
  }
  return places;
}

/// Returns the node that a kernel's loops belong to, as opposed to the elements in them.
const ir::Node& main_node(const KernelPlan& kernel) {
  if (const ProductKernel* const product = kernel.product()) return kernel.body->node(product->matmul);
  return kernel.body->node(kernel.body->results()[0]);
}

}  // namespace

void emit_kernel(Emitter& e, const Plan& whole, std::size_t kernel, const std::string& symbol, bool exported) {
  const KernelPlan& plan = whole.kernels[kernel];
  llvm::Type* const pointer = e.b.getPtrTy();
  llvm::Type* const i64 = e.b.getInt64Ty();
  llvm::Function* const function = e.function(symbol, e.b.getVoidTy(), {pointer, pointer, pointer, i64, i64}, exported);
  if (e.debug != nullptr) {
    e.debug->begin_kernel(whole, kernel, *function);
    e.shared.clear();  // their code belongs to this kernel's lines
  }
  const Emitter::At at(e, main_node(plan));
  std::vector<Emitter::Size> sizes;
  for (const Symbol named : whole.symbols) {
    llvm::Value* const place = e.element(i64, function->getArg(1), e.i64(static_cast<std::int64_t>(sizes.size())));
    sizes.push_back({named, e.b.CreateLoad(i64, place)});
  }
  const std::vector<Place> operands = places_of(e, whole, plan.operands, function->getArg(0), 0);
  const std::vector<Place> results = places_of(e, whole, plan.results, function->getArg(0), plan.operands.size());
  llvm::Instruction* const entry = e.preheader("kernel");
  e.begin_kernel(std::move(sizes), entry);
  Frame frame{e,
              plan,
              operands,
              results,
              function->getArg(2),
              function->getArg(3),
              function->getArg(4),
              Elements(e, *plan.body, operands, entry)};
  switch (plan.kind()) {
    case KernelKind::kLoop:
      emit_loop(frame);
      break;
    case KernelKind::kReduce:
      emit_reduce(frame);
      break;
    case KernelKind::kMatmul:
      emit_matmul(frame);
      break;
    case KernelKind::kRows:
      emit_rows(frame);
      break;
    case KernelKind::kScatter:
      emit_scatter(frame);
      break;
    case KernelKind::kArgsort:
      emit_argsort(frame);
      break;
    case KernelKind::kRecurrence:
      emit_recurrence(frame);
      break;
    case KernelKind::kAttention:
      emit_attention(frame);
      break;
  }
  e.b.CreateRetVoid();
}

namespace {

/// No IR passes run: the emitted IR already has the form that the code generator handles best (see
/// docs/architecture.md).
std::unique_ptr<llvm::TargetMachine> make_machine(const Target& target) {
  std::string error;
  const llvm::Target* const found = llvm::TargetRegistry::lookupTarget(target.triple, error);
  if (found == nullptr) fail("no code generator for {}: {}", target.triple, error);
#if LLVM_VERSION_MAJOR >= 21
  const llvm::Triple triple(target.triple);
#else
  const std::string& triple = target.triple;
#endif
  return std::unique_ptr<llvm::TargetMachine>(found->createTargetMachine(triple, target.cpu, target.features, {},
                                                                         llvm::Reloc::PIC_, llvm::CodeModel::Small,
                                                                         llvm::CodeGenOptLevel::Default, true));
}

/// Accepts the passes of LLVM's code generator except those that gain nothing for kernels.
class Passes : public llvm::legacy::PassManagerBase {
 public:
  void add(llvm::Pass* pass) override {
    // Code is emitted where it belongs, with the right induction variables, and the CPU reorders instructions by
    // itself. These passes take 40% of the total time.
    constexpr std::array<std::string_view, 5> kIdle{
        "Loop Strength Reduction", "Canonicalize Freeze Instructions in Loops", "X86 Domain Reassignment Pass",
        "Machine Instruction Scheduler", "Post RA top-down list latency scheduler"};
    if (std::ranges::find(kIdle, std::string_view(pass->getPassName())) == kIdle.end()) return all_.add(pass);
    delete pass;  // it owns the pass
  }
  void run(llvm::Module& module) { all_.run(module); }

 private:
  llvm::legacy::PassManager all_;
};

ObjectCode object_of(llvm::TargetMachine& machine, llvm::Module& module) {
  llvm::SmallVector<char, 0> object;
  llvm::raw_svector_ostream stream(object);
  Passes passes;
  llvm::MCContext* context = nullptr;
  const bool cannot = machine.addPassesToEmitMC(passes, context, stream);
  SLUICE_CHECK(!cannot, "LLVM has no machine code for {}", machine.getTargetTriple().str());
  passes.run(module);
  return {object.begin(), object.end()};
}

/// Returns the machine code of `module` as text. Works on a copy, because LLVM's code generator changes the module.
std::string assembly_of(llvm::TargetMachine& machine, const llvm::Module& module) {
  llvm::SmallString<0> text;
  llvm::raw_svector_ostream stream(text);
  Passes passes;
  const bool cannot = machine.addPassesToEmitFile(passes, stream, nullptr, llvm::CodeGenFileType::AssemblyFile);
  SLUICE_CHECK(!cannot, "LLVM has no assembly for {}", machine.getTargetTriple().str());
  const auto copy = llvm::CloneModule(module);
  passes.run(*copy);
  return text.str().str();
}

}  // namespace

Generated generate_module(const std::string& name, const Target& target, KeepTexts keep,
                          const std::function<void(llvm::Module&)>& emit) {
  llvm::LLVMContext context;
  llvm::Module module(name, context);
  const auto machine = make_machine(target);
  module.setDataLayout(machine->createDataLayout());
#if LLVM_VERSION_MAJOR >= 21
  module.setTargetTriple(llvm::Triple(target.triple));
#else
  module.setTargetTriple(target.triple);
#endif
  emit(module);

  Generated generated;
  std::string problem;
  llvm::raw_string_ostream problems(problem);
  if (keep.llvm_ir) {
    llvm::raw_string_ostream text(generated.llvm_ir);
    module.print(text, nullptr);
  }
  SLUICE_CHECK(!llvm::verifyModule(module, &problems), "generated code is not valid: {}", problem);
  if (keep.assembly) generated.assembly = assembly_of(*machine, module);
  generated.object = object_of(*machine, module);
  return generated;
}

Generated generate_kernels(const Plan& plan, std::span<const std::size_t> kernels, const Target& target, KeepTexts keep,
                           bool debug_info) {
  return generate_module(plan.name, target, keep, [&](llvm::Module& module) {
    Emitter emitter(module, target);
    std::optional<DebugInfo> debug;
    if (debug_info) emitter.debug = &debug.emplace(module);
    for (const std::size_t k : kernels) emit_kernel(emitter, plan, k, kernel_symbol(k), true);
    if (debug) debug->finish();
  });
}

}  // namespace sluice::backend
