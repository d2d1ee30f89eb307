#include "backend/target.h"

#include <llvm/ADT/StringMap.h>
#include <llvm/MC/MCSubtargetInfo.h>
#include <llvm/MC/TargetRegistry.h>
#include <llvm/Support/TargetSelect.h>
#include <llvm/TargetParser/Host.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <mutex>
#include <string_view>
#include <vector>

#include "ir/suggest.h"
#include "sluice/error.h"

namespace sluice::backend {

namespace {

std::string host_features() {
  std::string list;
  for (const auto& feature : llvm::sys::getHostCPUFeatures()) {
    if (!list.empty()) list += ',';
    list += feature.second ? '+' : '-';
    list += feature.first().str();
  }
  return list;
}

/// The CPU of `target` with `features`.
std::unique_ptr<const llvm::MCSubtargetInfo> subtarget_of(const Target& target, const std::string& features) {
  std::string error;
  const llvm::Target* const generator = llvm::TargetRegistry::lookupTarget(target.triple, error);
  if (generator == nullptr) fail("code generation: {}", error);
  return std::unique_ptr<const llvm::MCSubtargetInfo>(
      generator->createMCSubtargetInfo(target.triple, target.cpu, features));
}

/// Throws Error unless `features` is a list of features that LLVM knows, each after + or -.
void check_features(const Target& target, std::string_view features) {
  const auto subtarget = subtarget_of(target, "");
  std::vector<std::string_view> known;
  for (const llvm::SubtargetFeatureKV& feature : subtarget->getAllProcessorFeatures()) known.emplace_back(feature.Key);
  while (!features.empty()) {
    const std::string_view item = features.substr(0, features.find(','));
    features.remove_prefix(std::min(item.size() + 1, features.size()));
    const bool has_sign = item.starts_with('+') || item.starts_with('-');
    const std::string_view name = has_sign ? item.substr(1) : item;
    if (std::ranges::find(known, name) == known.end())
      fail("target features: this CPU's architecture has no '{}'{}", name, did_you_mean(name, known));
    if (!has_sign) fail("target features: expected +{} or -{}, got '{}'", name, name, item);
  }
}

void initialize_llvm() {
  static std::once_flag once;
  std::call_once(once, [] {
    llvm::InitializeNativeTarget();
    llvm::InitializeNativeTargetAsmPrinter();
    llvm::InitializeNativeTargetAsmParser();  // for cpuid in exported code
  });
}

/// Sets what the features of `target` determine.
void find_shape(Target& target) {
  const auto subtarget = subtarget_of(target, target.features);
  // Includes implied features: +avx2 implies +avx.
  const auto has = [&](llvm::StringRef feature) { return subtarget->checkFeatures(("+" + feature).str()); };
  if (has("avx512f")) {
    target.vector_bytes = 64;
    target.vector_registers = 32;
  } else if (has("avx")) {
    target.vector_bytes = 32;
  }
  target.fma = has("fma");
}

}  // namespace

Target host_target(const std::string& features) {
  initialize_llvm();
  Target target;
  target.triple = llvm::sys::getProcessTriple();
  // A list of one's own starts from the baseline of the architecture: the host's CPU name would bring its features
  // back.
  target.cpu = features.empty() ? llvm::sys::getHostCPUName().str() : "x86-64";
  target.features = features.empty() ? host_features() : features;
  check_features(target, features);
  find_shape(target);
  // A system that does not know says 0 or -1.
  if (const long bytes = sysconf(_SC_LEVEL2_CACHE_SIZE); bytes > 0) target.second_cache_bytes = bytes;
  return target;
}

Target named_target(const std::string& cpu) {
  if (cpu == "native") return host_target();
  initialize_llvm();
  Target target;
  target.triple = llvm::sys::getProcessTriple();
  std::vector<std::string_view> known{"native"};
  const auto any = subtarget_of(target, "");
  for (const llvm::SubtargetSubTypeKV& model : any->getAllProcessorDescriptions()) known.emplace_back(model.Key);
  if (std::ranges::find(known, cpu) == known.end())
    fail("target: there is no CPU '{}' of this machine's architecture{}", cpu, did_you_mean(cpu, known));
  target.cpu = cpu;
  find_shape(target);
  return target;
}

}  // namespace sluice::backend
