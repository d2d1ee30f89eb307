#include "backend/aot/cpu.h"

#include <fmt/format.h>
#include <llvm/IR/InlineAsm.h>
#include <llvm/MC/MCSubtargetInfo.h>
#include <llvm/MC/TargetRegistry.h>

#include <algorithm>
#include <memory>
#include <span>
#include <string_view>

#include "backend/aot/code.h"
#include "sluice/error.h"

namespace sluice::backend::aot {

namespace {

/// Indices of a CPU's words.
enum Word : std::size_t { k1Ecx, k7Ebx, k7Ecx, k7Edx, k71Eax, k71Edx, kExtendedEcx, kXcr0 };

struct Feature {
  std::string_view name;  ///< LLVM's
  Word word;
  int bit;
  std::uint32_t xcr0 = 0;  ///< the registers that the system must save
};

/// Instructions that LLVM selects for ordinary code, and the bits of cpuid that say whether a CPU has them (Intel's
/// manual, volume 2, CPUID; AMD's manual, volume 3, appendix E).
constexpr Feature kFeatures[] = {
    {"sse3", k1Ecx, 0},
    {"pclmul", k1Ecx, 1},
    {"ssse3", k1Ecx, 9},
    {"fma", k1Ecx, 12},
    {"cx16", k1Ecx, 13},
    {"sse4.1", k1Ecx, 19},
    {"sse4.2", k1Ecx, 20},
    {"movbe", k1Ecx, 22},
    {"popcnt", k1Ecx, 23},
    {"aes", k1Ecx, 25},
    {"avx", k1Ecx, 28, 0x6},
    {"f16c", k1Ecx, 29},
    {"bmi", k7Ebx, 3},
    {"avx2", k7Ebx, 5},
    {"bmi2", k7Ebx, 8},
    {"avx512f", k7Ebx, 16, 0xe6},
    {"avx512dq", k7Ebx, 17},
    {"avx512ifma", k7Ebx, 21},
    {"avx512cd", k7Ebx, 28},
    {"sha", k7Ebx, 29},
    {"avx512bw", k7Ebx, 30},
    {"avx512vl", k7Ebx, 31},
    {"avx512vbmi", k7Ecx, 1},
    {"avx512vbmi2", k7Ecx, 6},
    {"gfni", k7Ecx, 8},
    {"vaes", k7Ecx, 9},
    {"vpclmulqdq", k7Ecx, 10},
    {"avx512vnni", k7Ecx, 11},
    {"avx512bitalg", k7Ecx, 12},
    {"avx512vpopcntdq", k7Ecx, 14},
    {"avx512vp2intersect", k7Edx, 8},
    {"avx512fp16", k7Edx, 23},
    {"avxvnni", k71Eax, 4},
    {"avx512bf16", k71Eax, 5},
    {"avxifma", k71Eax, 23},
    {"avxvnniint8", k71Edx, 4},
    {"avxneconvert", k71Edx, 5},
    {"avxvnniint16", k71Edx, 10},
    {"sahf", kExtendedEcx, 0},
    {"lzcnt", kExtendedEcx, 5},
    {"sse4a", kExtendedEcx, 6},
    {"xop", kExtendedEcx, 11},
    {"fma4", kExtendedEcx, 16},
    {"tbm", kExtendedEcx, 21},
};

bool is_x86(const Target& target) { return target.triple.starts_with("x86_64"); }

std::unique_ptr<const llvm::MCSubtargetInfo> subtarget_info(const Target& target) {
  std::string error;
  const llvm::Target* const found = llvm::TargetRegistry::lookupTarget(target.triple, error);
  if (found == nullptr) fail("no code generator for {}: {}", target.triple, error);
  return std::unique_ptr<const llvm::MCSubtargetInfo>(
      found->createMCSubtargetInfo(target.triple, target.cpu, target.features));
}

bool has_feature(const llvm::MCSubtargetInfo& subtarget, std::string_view name) {
  return subtarget.checkFeatures(fmt::format("+{}", name));
}

/// Returns whether LLVM may use a feature of this name by itself.
bool is_selected_by_itself(std::string_view name) {
  constexpr std::array<std::string_view, 9> kOthers{"egpr", "ppx", "push2pop2", "ccmp", "nf",
                                                    "cf",   "zu",  "ndd",       "movrs"};
  return name.starts_with("avx") || std::ranges::find(kOthers, name) != kOthers.end();
}

using Registers = std::array<llvm::Value*, 4>;  ///< eax, ebx, ecx, edx

Registers emit_cpuid(Emitter& e, std::uint32_t leaf, std::uint32_t subleaf) {
  auto& b = e.b;
  llvm::Type* const i32 = b.getInt32Ty();
  auto* const result = llvm::StructType::get(i32, i32, i32, i32);
  auto* const code = llvm::InlineAsm::get(llvm::FunctionType::get(result, {i32, i32}, false), "cpuid",
                                          "={ax},={bx},={cx},={dx},0,2,~{dirflag},~{fpsr},~{flags}", true);
  llvm::Value* const all = b.CreateCall(code, {b.getInt32(leaf), b.getInt32(subleaf)});
  Registers registers{};
  for (unsigned i = 0; i < 4; ++i) registers[i] = b.CreateExtractValue(all, {i});
  return registers;
}

/// The registers that the system saves (AVX's, AVX-512's); for a CPU that can be asked.
llvm::Value* emit_xgetbv(Emitter& e) {
  auto& b = e.b;
  llvm::Type* const i32 = b.getInt32Ty();
  auto* const result = llvm::StructType::get(i32, i32);
  auto* const code = llvm::InlineAsm::get(llvm::FunctionType::get(result, {i32}, false), ".byte 0x0f, 0x01, 0xd0",
                                          "={ax},={dx},{cx},~{dirflag},~{fpsr},~{flags}", true);
  return b.CreateExtractValue(b.CreateCall(code, {b.getInt32(0)}), {0});
}

}  // namespace

Target checkable(const Target& target) {
  if (!is_x86(target)) return target;
  Target without = target;
  const auto subtarget = subtarget_info(target);
  for (const llvm::SubtargetFeatureKV& feature : subtarget->getAllProcessorFeatures()) {
    const std::string_view name = feature.Key;
    const bool known = std::ranges::find(kFeatures, name, &Feature::name) != std::end(kFeatures);
    if (known || !is_selected_by_itself(name) || !has_feature(*subtarget, name)) continue;
    without.features += fmt::format("{}-{}", without.features.empty() ? "" : ",", name);
  }
  return without;
}

CpuNeeds needs_of(const Target& target) {
  CpuNeeds needs{};
  if (!is_x86(target)) return needs;
  const auto subtarget = subtarget_info(target);
  for (const Feature& feature : kFeatures) {
    if (!has_feature(*subtarget, feature.name)) continue;
    needs[feature.word] |= 1U << feature.bit;
    needs[kXcr0] |= feature.xcr0;
  }
  return needs;
}

llvm::Function* emit_cpu_words(Emitter& e, const std::string& prefix) {
  auto& b = e.b;
  llvm::Function* const function = internal(e, prefix + "_cpu", b.getVoidTy(), {b.getPtrTy()});
  llvm::Value* const words = function->getArg(0);
  for (std::size_t word = 0; word < kCpuWords; ++word)
    store(e, b.getInt32(0), words, 4 * static_cast<std::int64_t>(word));
  const auto keep = [&](Word word, llvm::Value* value) { store(e, value, words, 4 * static_cast<std::int64_t>(word)); };
  if (is_x86(e.target)) {
    llvm::Value* const last = emit_cpuid(e, 0, 0)[0];
    llvm::Value* const ecx = emit_cpuid(e, 1, 0)[2];
    keep(k1Ecx, ecx);
    constexpr std::uint32_t kSystemSaves = 1U << 27U;
    e.if_then(b.CreateICmpNE(b.CreateAnd(ecx, b.getInt32(kSystemSaves)), b.getInt32(0)),
              [&] { keep(kXcr0, emit_xgetbv(e)); });
    constexpr std::uint32_t kExtended = 7;
    e.if_then(b.CreateICmpUGE(last, b.getInt32(kExtended)), [&] {
      const Registers seven = emit_cpuid(e, kExtended, 0);
      keep(k7Ebx, seven[1]);
      keep(k7Ecx, seven[2]);
      keep(k7Edx, seven[3]);
      e.if_then(b.CreateICmpUGE(seven[0], b.getInt32(1)), [&] {
        const Registers one = emit_cpuid(e, kExtended, 1);
        keep(k71Eax, one[0]);
        keep(k71Edx, one[3]);
      });
    });
    constexpr std::uint32_t kVendors = 0x80000001;
    e.if_then(b.CreateICmpUGE(emit_cpuid(e, kVendors - 1, 0)[0], b.getInt32(kVendors)),
              [&] { keep(kExtendedEcx, emit_cpuid(e, kVendors, 0)[2]); });
  }
  b.CreateRetVoid();
  return function;
}

llvm::Value* emit_has(Emitter& e, llvm::Value* words, const CpuNeeds& needs) {
  llvm::Value* has = e.b.getTrue();
  for (std::size_t word = 0; word < kCpuWords; ++word) {
    if (needs[word] == 0) continue;
    llvm::Value* const mask = e.b.getInt32(needs[word]);
    llvm::Value* const present = e.b.CreateAnd(load_i32(e, words, 4 * static_cast<std::int64_t>(word)), mask);
    has = e.b.CreateAnd(has, e.b.CreateICmpEQ(present, mask));
  }
  return has;
}

}  // namespace sluice::backend::aot
