/* Reads MNIST's IDX files, unpacked, and a clock. */
#ifndef MNIST_H
#define MNIST_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

/* Returns the elements of an IDX file of bytes and sets `count` to the size of its first axis; ends the program if it
   cannot be read. */
static uint8_t* read_idx(const char* folder, const char* name, long* count) {
  char path[4096];
  unsigned char head[4];
  long bytes = 1;
  int axis;
  FILE* file;
  uint8_t* elements;
  snprintf(path, sizeof path, "%s/%s", folder, name);
  file = fopen(path, "rb");
  if (file == NULL || fread(head, 1, 4, file) != 4 || head[2] != 8) {
    fprintf(stderr, "%s is not an IDX file of bytes\n", path);
    exit(1);
  }
  for (axis = 0; axis < head[3]; ++axis) {
    unsigned char size[4] = {0, 0, 0, 0};
    long number;
    if (fread(size, 1, 4, file) != 4) exit(1);
    number = (long)size[0] << 24 | (long)size[1] << 16 | (long)size[2] << 8 | (long)size[3];
    if (axis == 0) *count = number;
    bytes *= number;
  }
  elements = (uint8_t*)malloc((size_t)bytes);
  if (elements == NULL || fread(elements, 1, (size_t)bytes, file) != (size_t)bytes) {
    fprintf(stderr, "%s is truncated\n", path);
    exit(1);
  }
  fclose(file);
  return elements;
}

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

#endif
