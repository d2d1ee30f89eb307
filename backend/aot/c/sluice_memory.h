/* Memory for contexts. Build sluice_memory.c with the program. */
#ifndef SLUICE_MEMORY_H
#define SLUICE_MEMORY_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Returns `bytes` of memory that are all 0 and aligned as contexts need it, for init_zeroed of an export; null if there
   is none. On Linux, memory of 2 MB and more is aligned to 2 MB and asks for huge pages, of which the first use of 12
   MB takes 6 and not 3000. */
void* sluice_memory_new(int64_t bytes);

/* Frees it; null is allowed. */
void sluice_memory_delete(void* memory);

#ifdef __cplusplus
}
#endif

#endif
