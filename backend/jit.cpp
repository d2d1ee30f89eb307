#include "backend/jit.h"

#include <llvm/Config/llvm-config.h>
#include <llvm/ExecutionEngine/Orc/DebugObjectManagerPlugin.h>
#include <llvm/ExecutionEngine/Orc/Debugging/DebugInfoSupport.h>
#include <llvm/ExecutionEngine/Orc/Debugging/DebuggerSupport.h>
#include <llvm/ExecutionEngine/Orc/EPCDebugObjectRegistrar.h>
#include <llvm/ExecutionEngine/Orc/LLJIT.h>
#include <llvm/ExecutionEngine/Orc/ObjectLinkingLayer.h>
#include <llvm/ExecutionEngine/Orc/TargetProcess/JITLoaderGDB.h>

#include <algorithm>
#include <span>
#include <utility>

#include "backend/jit_dump.h"
#include "sluice/error.h"

namespace sluice::backend {

namespace {
template <typename T>
T take(llvm::Expected<T> value, const char* what) {
  if (!value) fail("{}: {}", what, llvm::toString(value.takeError()));
  return std::move(*value);
}

/// Shows the debugger what is linked.
void show_to_debugger(llvm::orc::LLJIT& lljit) {
#if LLVM_VERSION_MAJOR >= 20
  if (auto error = llvm::orc::enableDebuggerSupport(lljit))
    fail("showing kernels to the debugger: {}", llvm::toString(std::move(error)));
#else
  auto* const layer = llvm::dyn_cast<llvm::orc::ObjectLinkingLayer>(&lljit.getObjLinkingLayer());
  if (layer == nullptr) return;
  llvm::orc::ExecutionSession& session = lljit.getExecutionSession();
  // The function is named here, not looked up in the process by its name, so that a static LLVM has it as well.
  const auto function = llvm::orc::ExecutorAddr::fromPtr(&llvm_orc_registerJITLoaderGDBWrapper);
  auto registrar = std::make_unique<llvm::orc::EPCDebugObjectRegistrar>(session, function);
  layer->addPlugin(std::make_unique<llvm::orc::DebugObjectManagerPlugin>(session, std::move(registrar), true, true));
#endif
}

/// Reads the debug information of what is linked, for reports of crashes and for perf.
class Reader : public llvm::orc::ObjectLinkingLayer::Plugin {
 public:
  /// `names`: those that symbols have in the dump, unless their own.
  Reader(std::vector<CodeLine>& lines, JitDump* dump, std::map<std::string, std::string> names)
      : lines_(lines), dump_(dump), names_(std::move(names)) {}

  void modifyPassConfig(llvm::orc::MaterializationResponsibility& /*responsibility*/,
                        llvm::jitlink::LinkGraph& /*graph*/, llvm::jitlink::PassConfiguration& passes) override {
    passes.PrePrunePasses.emplace_back(llvm::orc::preserveDebugSections);
    passes.PostFixupPasses.emplace_back([this](llvm::jitlink::LinkGraph& graph) { return read(graph); });
  }
  llvm::Error notifyFailed(llvm::orc::MaterializationResponsibility& /*responsibility*/) override {
    return llvm::Error::success();
  }
  llvm::Error notifyRemovingResources(llvm::orc::JITDylib& /*library*/, llvm::orc::ResourceKey /*key*/) override {
    return llvm::Error::success();
  }
  void notifyTransferringResources(llvm::orc::JITDylib& /*library*/, llvm::orc::ResourceKey /*to*/,
                                   llvm::orc::ResourceKey /*from*/) override {}

 private:
  llvm::Error read(llvm::jitlink::LinkGraph& graph) {
    auto dwarf = llvm::orc::createDWARFContext(graph);
    if (!dwarf) return dwarf.takeError();
    for (const llvm::jitlink::Symbol* symbol : graph.defined_symbols()) {
      if (!symbol->hasName() || !symbol->isCallable() || symbol->getSize() == 0) continue;
#if LLVM_VERSION_MAJOR >= 20
      const std::string name = (*symbol->getName()).str();
#else
      const std::string name = symbol->getName().str();
#endif
      const llvm::ArrayRef<char> code = symbol->getSymbolContent();
      read_function(*dwarf->first, name, symbol->getAddress().getValue(), {code.data(), code.size()});
    }
    return llvm::Error::success();
  }

  void read_function(llvm::DWARFContext& dwarf, const std::string& name, std::uint64_t address,
                     std::span<const char> code) {
    using Specifier = llvm::DILineInfoSpecifier;
    constexpr std::uint64_t kAnySection = llvm::object::SectionedAddress::UndefSection;
    const Specifier absolute(Specifier::FileLineInfoKind::AbsoluteFilePath, Specifier::FunctionNameKind::None);
    const Specifier as_given(Specifier::FileLineInfoKind::RelativeFilePath, Specifier::FunctionNameKind::ShortName);
    std::vector<JitDump::Line> dumped;
    for (const auto& [at, line] : dwarf.getLineInfoForAddressRange({address, kAnySection}, code.size(), absolute)) {
      if (line.Line == 0) continue;
      dumped.push_back({at, line.Line, line.FileName});
      const llvm::DIInliningInfo inlined = dwarf.getInliningInfoForAddress({at, kAnySection}, as_given);
      if (inlined.getNumberOfFrames() == 0) continue;
      const llvm::DILineInfo& innermost = inlined.getFrame(0);
      lines_.push_back({at, innermost.FunctionName, {intern_file(innermost.FileName), innermost.Line, 0}});
    }
    lines_.push_back({address + code.size(), {}, {}});
    if (dump_ == nullptr) return;
    const auto other = names_.find(name);
    dump_->add(other == names_.end() ? name : other->second, address, code, dumped);
  }

  std::vector<CodeLine>& lines_;
  JitDump* dump_;  ///< none: nullptr
  std::map<std::string, std::string> names_;
};

}  // namespace

struct Jit::Implementation {
  std::string errors;  ///< what the linker has said; its results only say that it failed
  std::vector<CodeLine> lines;
  std::unique_ptr<llvm::orc::LLJIT> lljit;
};

Jit::Jit(const std::vector<ObjectCode>& objects, const Visible& visible)
    : implementation_(std::make_unique<Implementation>()) {
  implementation_->lljit = take(llvm::orc::LLJITBuilder().create(), "starting the JIT");
  implementation_->lljit->getExecutionSession().setErrorReporter(
      [errors = &implementation_->errors](llvm::Error error) { *errors += llvm::toString(std::move(error)) + "; "; });
  if (visible.to_debugger) {
    show_to_debugger(*implementation_->lljit);
    JitDump* const dump = visible.dump.empty() ? nullptr : &JitDump::of_process(visible.dump);
    auto* const layer = llvm::dyn_cast<llvm::orc::ObjectLinkingLayer>(&implementation_->lljit->getObjLinkingLayer());
    if (layer != nullptr) layer->addPlugin(std::make_shared<Reader>(implementation_->lines, dump, visible.names));
  }
  for (const ObjectCode& object : objects) {
    auto buffer = llvm::MemoryBuffer::getMemBufferCopy(llvm::StringRef(object.data(), object.size()));
    if (auto error = implementation_->lljit->addObjectFile(std::move(buffer)))
      fail("loading kernels: {}", llvm::toString(std::move(error)));
  }
}

Jit::~Jit() = default;

std::vector<CodeLine> Jit::code_lines() const {
  std::vector<CodeLine> lines = implementation_->lines;
  // Where a function ends and another one begins at once, the latter counts.
  std::ranges::stable_sort(lines, {}, [](const CodeLine& line) { return std::pair(line.address, !line.node.empty()); });
  return lines;
}

void* Jit::lookup(const std::string& symbol) const {
  auto address = implementation_->lljit->lookup(symbol);
  if (!address) fail("linking kernels: {}{}", implementation_->errors, llvm::toString(address.takeError()));
  return address->toPtr<void*>();
}

}  // namespace sluice::backend
