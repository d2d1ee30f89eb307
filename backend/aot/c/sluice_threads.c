#include "sluice_threads.h"

#include <pthread.h>
#include <sched.h>
#include <stdlib.h>

enum { SPINS = 20000 }; /* some 50 microseconds: a step often follows the one before sooner */

typedef struct worker {
  sluice_threads* threads;
  pthread_t thread;
  int32_t number;
} worker;

struct sluice_threads {
  pthread_mutex_t calls; /* held while one call uses the threads */
  pthread_mutex_t mutex; /* held to change `epoch` and to sleep until it changes */
  pthread_cond_t wake;
  unsigned epoch; /* changes when there is work */
  int stops;
  int32_t running; /* workers that have not finished the work of this epoch */
  int32_t used;
  void (*work)(void* argument, int32_t thread);
  void* argument;
  int32_t count;
  worker* workers;
};

static void pause_cpu(void) {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#endif
}

static unsigned wait_for_epoch(sluice_threads* threads, unsigned seen) {
  int i;
  unsigned now;
  for (i = 0; i < SPINS; ++i) {
    now = __atomic_load_n(&threads->epoch, __ATOMIC_ACQUIRE);
    if (now != seen) return now;
    pause_cpu();
  }
  pthread_mutex_lock(&threads->mutex);
  while (__atomic_load_n(&threads->epoch, __ATOMIC_ACQUIRE) == seen) pthread_cond_wait(&threads->wake, &threads->mutex);
  now = threads->epoch;
  pthread_mutex_unlock(&threads->mutex);
  return now;
}

static void* serve(void* argument) {
  worker* const self = (worker*)argument;
  sluice_threads* const threads = self->threads;
  unsigned seen = 0;
  for (;;) {
    seen = wait_for_epoch(threads, seen);
    if (threads->stops) return NULL;
    if (self->number < threads->used) threads->work(threads->argument, self->number);
    __atomic_sub_fetch(&threads->running, 1, __ATOMIC_RELEASE);
  }
}

static void wake_workers(sluice_threads* threads) {
  pthread_mutex_lock(&threads->mutex);
  __atomic_add_fetch(&threads->epoch, 1, __ATOMIC_RELEASE);
  pthread_cond_broadcast(&threads->wake);
  pthread_mutex_unlock(&threads->mutex);
}

static void run(void* data, int32_t used, void (*work)(void* argument, int32_t thread), void* argument) {
  sluice_threads* const threads = (sluice_threads*)data;
  int i = 0;
  pthread_mutex_lock(&threads->calls);
  threads->used = used;
  threads->work = work;
  threads->argument = argument;
  __atomic_store_n(&threads->running, threads->count - 1, __ATOMIC_RELEASE);
  wake_workers(threads);
  work(argument, 0);
  while (__atomic_load_n(&threads->running, __ATOMIC_ACQUIRE) != 0) {
    if (++i % 512 == 0) sched_yield();
    pause_cpu();
  }
  pthread_mutex_unlock(&threads->calls);
}

static void yield_cpu(void* data) {
  (void)data;
  sched_yield();
}

sluice_threads* sluice_threads_start(int32_t count) {
  int32_t i;
  sluice_threads* threads;
  if (count < 1) return NULL;
  threads = (sluice_threads*)calloc(1, sizeof *threads);
  if (threads == NULL) return NULL;
  threads->workers = (worker*)calloc((size_t)count, sizeof *threads->workers);
  pthread_mutex_init(&threads->calls, NULL);
  pthread_mutex_init(&threads->mutex, NULL);
  pthread_cond_init(&threads->wake, NULL);
  threads->count = 1;
  for (i = 1; threads->workers != NULL && i < count; ++i) {
    threads->workers[i].threads = threads;
    threads->workers[i].number = i;
    if (pthread_create(&threads->workers[i].thread, NULL, serve, &threads->workers[i]) != 0) break;
    threads->count = i + 1;
  }
  if (threads->workers != NULL && threads->count == count) return threads;
  sluice_threads_stop(threads);
  return NULL;
}

sluice_team sluice_threads_team(sluice_threads* threads) {
  sluice_team team;
  team.threads = threads->count;
  team.data = threads;
  team.run = run;
  team.yield = yield_cpu;
  return team;
}

void sluice_threads_stop(sluice_threads* threads) {
  int32_t i;
  threads->stops = 1;
  wake_workers(threads);
  for (i = 1; i < threads->count; ++i) pthread_join(threads->workers[i].thread, NULL);
  pthread_cond_destroy(&threads->wake);
  pthread_mutex_destroy(&threads->mutex);
  pthread_mutex_destroy(&threads->calls);
  free(threads->workers);
  free(threads);
}
