/* Threads for exported functions, by POSIX threads. Build sluice_threads.c with the program and link with -pthread. */
#ifndef SLUICE_THREADS_H
#define SLUICE_THREADS_H

#include "sluice_export.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct sluice_threads sluice_threads;

/* Starts threads - 1 threads, which wait for work; the caller of a function is the remaining one. Null if the system
   cannot. */
sluice_threads* sluice_threads_start(int32_t threads);

/* The team to give to init. Several contexts may have it: their calls run one after the other. */
sluice_team sluice_threads_team(sluice_threads* threads);

/* Ends the threads, of which no call may still run. */
void sluice_threads_stop(sluice_threads* threads);

#ifdef __cplusplus
}
#endif

#endif
