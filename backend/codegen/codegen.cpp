#include "backend/codegen/codegen.h"

#include <fmt/format.h>
#include <llvm/ExecutionEngine/Orc/CompileUtils.h>
#include <llvm/IR/LegacyPassManager.h>
#include <llvm/IR/Verifier.h>
#include <llvm/MC/TargetRegistry.h>
#include <llvm/Support/raw_ostream.h>
#include <llvm/Target/TargetMachine.h>
#include <llvm/Transforms/Utils/Cloning.h>

#include "backend/codegen/kernels.h"
#include "ir/error.h"

namespace sluice::backend {

std::string kernel_symbol(std::size_t index) { return fmt::format("kernel_{}", index); }

namespace {

Place place_of(Emitter& e, const Plan& plan, llvm::Value* buffers, int index) {
  return {e.b.CreateLoad(e.b.getPtrTy(), e.element(e.b.getPtrTy(), buffers, e.i64(index))),
          plan.buffers[static_cast<std::size_t>(index)].layout};
}

void emit_kernel(Emitter& e, const Plan& whole, const KernelPlan& plan, const std::string& symbol) {
  llvm::Type* const pointer = e.b.getPtrTy();
  llvm::Type* const i64 = e.b.getInt64Ty();
  llvm::Function* const function = e.function(symbol, e.b.getVoidTy(), {pointer, i64, pointer, i64, i64}, true);
  e.batch = function->getArg(1);
  std::vector<Place> operands;
  std::vector<Place> results;
  for (const int buffer : plan.operands) operands.push_back(place_of(e, whole, function->getArg(0), buffer));
  for (const int buffer : plan.results) results.push_back(place_of(e, whole, function->getArg(0), buffer));
  llvm::Instruction* const entry = e.preheader("kernel");
  Frame frame{e,
              plan,
              operands,
              results,
              function->getArg(2),
              function->getArg(3),
              function->getArg(4),
              Elements(e, *plan.body, operands, entry)};
  switch (plan.kind) {
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
    case KernelKind::kScatterAdd:
      emit_scatter(frame);
      break;
  }
  e.b.CreateRetVoid();
}

/// No IR passes run: what is emitted is in the form that the code generator likes best (see docs/architecture.md).
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

/// The machine code of `module` as text. It works on a copy, since LLVM's code generator changes the module.
std::string assembly_of(llvm::TargetMachine& machine, const llvm::Module& module) {
  llvm::SmallString<0> text;
  llvm::raw_svector_ostream stream(text);
  llvm::legacy::PassManager passes;
  const bool cannot = machine.addPassesToEmitFile(passes, stream, nullptr, llvm::CodeGenFileType::AssemblyFile);
  SLUICE_CHECK(!cannot, "LLVM has no assembly for {}", machine.getTargetTriple().str());
  const auto copy = llvm::CloneModule(module);
  passes.run(*copy);
  return text.str().str();
}

}  // namespace

Generated generate_kernels(const Plan& plan, std::size_t first, std::size_t last, const Target& target,
                           KeepTexts keep) {
  llvm::LLVMContext context;
  llvm::Module module(plan.name, context);
  const auto machine = make_machine(target);
  module.setDataLayout(machine->createDataLayout());
#if LLVM_VERSION_MAJOR >= 21
  module.setTargetTriple(llvm::Triple(target.triple));
#else
  module.setTargetTriple(target.triple);
#endif
  Emitter emitter(module, target);
  for (std::size_t k = first; k < last; ++k) emit_kernel(emitter, plan, plan.kernels[k], kernel_symbol(k));

  Generated generated;
  std::string problem;
  llvm::raw_string_ostream problems(problem);
  if (keep.llvm_ir) {
    llvm::raw_string_ostream text(generated.llvm_ir);
    module.print(text, nullptr);
  }
  SLUICE_CHECK(!llvm::verifyModule(module, &problems), "generated code is not valid: {}", problem);
  if (keep.assembly) generated.assembly = assembly_of(*machine, module);
  auto object = llvm::orc::SimpleCompiler(*machine)(module);
  if (!object) fail("code generation of @{}: {}", plan.name, llvm::toString(object.takeError()));
  generated.object.assign((*object)->getBufferStart(), (*object)->getBufferEnd());
  return generated;
}

}  // namespace sluice::backend
