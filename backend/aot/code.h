#pragma once

#include <cstdint>

#include "backend/codegen/emitter.h"

// Shorthand for the code around the kernels, all of which reads and writes one block of memory at constant offsets.
namespace sluice::backend::aot {

/// Results of the exported functions. Equal to the enumerators in header.cpp.
enum Code : int {
  kOk = 0,
  kNullPointer = -1,
  kNotInitialized = -2,
  kWrongSize = -3,
  kTooLittleMemory = -4,
  kNotAligned = -5,
  kNoVariable = -6,
  kNotSet = -7,
  kBusy = -8,
  kWrongCpu = -9,
};

inline constexpr std::int64_t kWord = 8;  ///< bytes of an address or a size
inline constexpr int kMostThreads = 1024;

llvm::Value* at(Emitter& e, llvm::Value* base, std::int64_t offset);
llvm::Value* load_i64(Emitter& e, llvm::Value* base, std::int64_t offset);
llvm::Value* load_i32(Emitter& e, llvm::Value* base, std::int64_t offset);
llvm::Value* load_pointer(Emitter& e, llvm::Value* base, std::int64_t offset);
void store(Emitter& e, llvm::Value* value, llvm::Value* base, std::int64_t offset);
llvm::ConstantInt* i32(Emitter& e, std::int64_t value);
/// x, a multiple of 64 or rounded up to one.
llvm::Value* aligned(Emitter& e, llvm::Value* x);
/// Emits `if (condition) return code`, of the function's own integer type.
void return_if(Emitter& e, llvm::Value* condition, int code);
void copy(Emitter& e, llvm::Value* to, llvm::Value* from, llvm::Value* bytes);

/// A function that other functions of the object call; emission goes on in its entry block.
inline llvm::Function* internal(Emitter& e, const std::string& name, llvm::Type* result,
                                const std::vector<llvm::Type*>& parameters) {
  return e.function(name, result, parameters, false);
}

}  // namespace sluice::backend::aot
