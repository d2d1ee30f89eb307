#pragma once

#include <cstdint>
#include <string>

namespace sluice::backend {

/// The CPU that code is generated for, with the parameters that determine the shape of kernels.
struct Target {
  std::string triple;
  std::string cpu;
  std::string features;   ///< LLVM's list: "+avx2,+fma,..."
  int vector_bytes = 16;  ///< 64 with AVX-512, 32 with AVX, else 16
  int vector_registers = 16;
  bool fma = false;
  std::int64_t second_cache_bytes = 512 << 10;  ///< of a core

  int lanes(int element_bytes) const { return vector_bytes / element_bytes; }
};

/// Returns this machine, as LLVM sees it. A nonempty `features` replaces the list of features: "+avx2,+fma" on an
/// AVX-512 machine produces AVX2 code. Throws Error if LLVM has no code generator for this machine.
Target host_target(const std::string& features = {});

/// Returns a CPU of this machine's architecture by LLVM's name of it: "x86-64", "x86-64-v3", "skylake-avx512"; or
/// "native", this machine. Throws Error for other names.
Target named_target(const std::string& cpu);

}  // namespace sluice::backend
