#pragma once

// Replaces the operators new and delete of a test program, so that it can see that something allocates nothing. Only
// for one source file of a program. Sanitizers bring operators of their own; there nothing is counted.

#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <new>

namespace sluice {
inline std::atomic<std::uint64_t> allocation_count{0};
}

#if defined(__has_feature)
#if __has_feature(thread_sanitizer) || __has_feature(address_sanitizer) || __has_feature(memory_sanitizer)
#define SLUICE_SANITIZED
#endif
#endif

#if !defined(SLUICE_SANITIZED)
void* operator new(std::size_t size) {
  ++sluice::allocation_count;
  void* const memory = std::malloc(size);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
#endif
