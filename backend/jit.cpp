#include "backend/jit.h"

#include <llvm/ExecutionEngine/Orc/DebugObjectManagerPlugin.h>
#include <llvm/ExecutionEngine/Orc/EPCDebugObjectRegistrar.h>
#include <llvm/ExecutionEngine/Orc/LLJIT.h>
#include <llvm/ExecutionEngine/Orc/ObjectLinkingLayer.h>
#include <llvm/ExecutionEngine/Orc/TargetProcess/JITLoaderGDB.h>

#include "sluice/error.h"

namespace sluice::backend {

namespace {
template <typename T>
T take(llvm::Expected<T> value, const char* what) {
  if (!value) fail("{}: {}", what, llvm::toString(value.takeError()));
  return std::move(*value);
}

/// Shows the debugger what is linked. The function that does is named here, not looked up in the process by its name,
/// so a static LLVM has it as well.
void show_to_debugger(llvm::orc::LLJIT& lljit) {
  auto* const layer = llvm::dyn_cast<llvm::orc::ObjectLinkingLayer>(&lljit.getObjLinkingLayer());
  if (layer == nullptr) return;
  llvm::orc::ExecutionSession& session = lljit.getExecutionSession();
  const auto function = llvm::orc::ExecutorAddr::fromPtr(&llvm_orc_registerJITLoaderGDBWrapper);
  auto registrar = std::make_unique<llvm::orc::EPCDebugObjectRegistrar>(session, function);
  layer->addPlugin(std::make_unique<llvm::orc::DebugObjectManagerPlugin>(session, std::move(registrar), true, true));
}

}  // namespace

struct Jit::Implementation {
  std::string errors;  ///< what the linker has said; its results only say that it failed
  std::unique_ptr<llvm::orc::LLJIT> lljit;
};

Jit::Jit(const std::vector<ObjectCode>& objects, bool debug_info)
    : implementation_(std::make_unique<Implementation>()) {
  implementation_->lljit = take(llvm::orc::LLJITBuilder().create(), "starting the JIT");
  implementation_->lljit->getExecutionSession().setErrorReporter(
      [errors = &implementation_->errors](llvm::Error error) { *errors += llvm::toString(std::move(error)) + "; "; });
  if (debug_info) show_to_debugger(*implementation_->lljit);
  for (const ObjectCode& object : objects) {
    auto buffer = llvm::MemoryBuffer::getMemBufferCopy(llvm::StringRef(object.data(), object.size()));
    if (auto error = implementation_->lljit->addObjectFile(std::move(buffer)))
      fail("loading kernels: {}", llvm::toString(std::move(error)));
  }
}

Jit::~Jit() = default;

void* Jit::lookup(const std::string& symbol) const {
  auto address = implementation_->lljit->lookup(symbol);
  if (!address) fail("linking kernels: {}{}", implementation_->errors, llvm::toString(address.takeError()));
  return address->toPtr<void*>();
}

}  // namespace sluice::backend
