/* Prints the milliseconds from main, and from the time in seconds that it is given, to the first step begun.

     start plain|zeroed SECONDS [WEIGHTS] */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "sluice_memory.h"
#include "sluice_weights.h"
#include "step.h"

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

int main(int argc, char** argv) {
  const double begin = now();
  const int64_t bytes = step_memory_bytes(128, 1);
  sluice_context context;
  void* memory = NULL;
  double ready;
  if (argc < 3) return 2;
  if (strcmp(argv[1], "zeroed") == 0) {
    memory = sluice_memory_new(bytes);
    if (step_init_zeroed(&context, memory, bytes, 128, NULL) != SLUICE_OK) return 3;
  } else {
    if (posix_memalign(&memory, STEP_ALIGNMENT, (size_t)bytes) != 0) return 4;
    if (step_init(&context, memory, bytes, 128, NULL) != SLUICE_OK) return 5;
  }
  if (argc > 3 && sluice_load_weights(argv[3], &context, step_variables()) != SLUICE_OK) return 6;
  ready = now();
  printf("%.4f %.4f\n", 1e3 * (ready - begin), 1e3 * (ready - atof(argv[2])));
  return 0;
}
