#pragma once

// Replaces malloc and its family, and thus operator new, in a glibc test program, to check that something allocates
// nothing on any thread. For use in one source file of a program. Sanitizers bring their own malloc; nothing is counted
// there.

#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdint>

#include "tests/support/sanitized.h"

namespace sluice {
inline std::atomic<std::uint64_t> malloc_count{0};
}

#if defined(__GLIBC__) && !defined(SLUICE_SANITIZED)
#define SLUICE_COUNTS_MALLOCS

extern "C" {
void* __libc_malloc(std::size_t size);
void* __libc_calloc(std::size_t count, std::size_t size);
void* __libc_realloc(void* memory, std::size_t size);
void* __libc_memalign(std::size_t alignment, std::size_t size);

void* malloc(std::size_t size) {
  ++sluice::malloc_count;
  return __libc_malloc(size);
}
void* calloc(std::size_t count, std::size_t size) {
  ++sluice::malloc_count;
  return __libc_calloc(count, size);
}
void* realloc(void* memory, std::size_t size) {
  ++sluice::malloc_count;
  return __libc_realloc(memory, size);
}
void* memalign(std::size_t alignment, std::size_t size) {
  ++sluice::malloc_count;
  return __libc_memalign(alignment, size);
}
void* aligned_alloc(std::size_t alignment, std::size_t size) {
  ++sluice::malloc_count;
  return __libc_memalign(alignment, size);
}
int posix_memalign(void** memory, std::size_t alignment, std::size_t size) {
  ++sluice::malloc_count;
  void* const got = __libc_memalign(alignment, size);
  if (got == nullptr) return ENOMEM;
  *memory = got;
  return 0;
}
}
#endif
