#if defined(__linux__) && !defined(_DEFAULT_SOURCE)
#define _DEFAULT_SOURCE /* for madvise */
#endif
#include "sluice_memory.h"

#include <stdlib.h>
#if defined(__linux__)
#include <sys/mman.h>
#endif

enum { ALIGNMENT = 64, HUGE_PAGE = 1 << 21 };

void* sluice_memory_new(int64_t bytes) {
  const size_t alignment = bytes < HUGE_PAGE ? ALIGNMENT : HUGE_PAGE;
  const size_t more = alignment + sizeof(void*); /* what calloc returned is kept before the memory */
  unsigned char* allocated;
  unsigned char* memory;
  if (bytes < 0 || (uint64_t)bytes > SIZE_MAX - more) return NULL;
  allocated = (unsigned char*)calloc((size_t)bytes + more, 1);
  if (allocated == NULL) return NULL;
  memory = allocated + sizeof(void*);
  memory += (alignment - (uintptr_t)memory % alignment) % alignment;
  ((void**)(void*)memory)[-1] = allocated;
#if defined(MADV_HUGEPAGE)
  if (bytes >= HUGE_PAGE) (void)madvise(memory, (size_t)bytes, MADV_HUGEPAGE); /* a hint, which may be refused */
#endif
  return memory;
}

void sluice_memory_delete(void* memory) {
  if (memory != NULL) free(((void**)memory)[-1]);
}
