#include "backend/target.h"

#include <llvm/ADT/StringMap.h>
#include <llvm/Support/TargetSelect.h>
#include <llvm/TargetParser/Host.h>
#include <unistd.h>

#include <mutex>
#include <string_view>

#include "ir/error.h"

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

bool has_feature(std::string_view list, std::string_view name) {
  const std::string item = fmt::format("+{}", name);
  for (std::size_t at = list.find(item); at != std::string_view::npos; at = list.find(item, at + 1)) {
    const std::size_t end = at + item.size();
    if (end == list.size() || list[end] == ',') return true;
  }
  return false;
}

}  // namespace

Target host_target(const std::string& features) {
  static std::once_flag once;
  std::call_once(once, [] {
    llvm::InitializeNativeTarget();
    llvm::InitializeNativeTargetAsmPrinter();
  });
  Target target;
  target.triple = llvm::sys::getProcessTriple();
  // A list of one's own starts from the baseline of the architecture: the host's CPU name would bring its features
  // back.
  target.cpu = features.empty() ? llvm::sys::getHostCPUName().str() : "x86-64";
  target.features = features.empty() ? host_features() : features;
  if (has_feature(target.features, "avx512f")) {
    target.vector_bytes = 64;
    target.vector_registers = 32;
  } else if (has_feature(target.features, "avx")) {
    target.vector_bytes = 32;
  }
  // A system that does not know says 0 or -1.
  if (const long bytes = sysconf(_SC_LEVEL2_CACHE_SIZE); bytes > 0) target.second_cache_bytes = bytes;
  target.fma = has_feature(target.features, "fma");
  return target;
}

}  // namespace sluice::backend
