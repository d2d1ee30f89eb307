/* The types and codes of functions that Sluice has exported. Each exported header repeats them. */
#ifndef SLUICE_EXPORT_1
#define SLUICE_EXPORT_1

#include <stdint.h>

/* Results of all functions: 0, or one of these. A call that fails has changed nothing but, where init fails, the context,
   which is then not initialized. */
enum {
  SLUICE_OK = 0,
  SLUICE_NULL_POINTER = -1,      /* an argument must not be null */
  SLUICE_NOT_INITIALIZED = -2,   /* the context is not one that init of this function has made */
  SLUICE_WRONG_SIZE = -3,        /* a size, a number of bytes or a number of threads is outside of what is allowed */
  SLUICE_TOO_LITTLE_MEMORY = -4, /* the memory has fewer bytes than these sizes need */
  SLUICE_NOT_ALIGNED = -5,       /* an address is not a multiple of what it must be */
  SLUICE_NO_VARIABLE = -6,       /* there is no variable of this number */
  SLUICE_NOT_SET = -7,           /* a variable without an initial value has not been set */
  SLUICE_BUSY = -8,              /* another call uses the context */
  SLUICE_WRONG_CPU = -9          /* the code needs instructions that this CPU or its system lacks */
};

/* Types of elements: float, double, int32_t, int64_t, uint8_t, and uint8_t that is 0 or 1. */
enum { SLUICE_F32 = 0, SLUICE_F64 = 1, SLUICE_I32 = 2, SLUICE_I64 = 3, SLUICE_U8 = 4, SLUICE_BOOL = 5 };

/* A handle of a function's state, which lies in the memory given to init. Zeros are a context that is not initialized.
   Only the functions of the export write it. Contexts are independent: calls with different ones may run at once. */
typedef struct sluice_context {
  uint64_t magic;
  void* memory;
} sluice_context;

/* Threads that the caller has. run(data, threads, work, argument) calls work(argument, t) for each t from 0 to threads - 1,
   each on a thread of its own, at the same time, because they wait for each other; and returns when all have returned.
   yield(data), which may be null, is called by threads that have waited for long. Results are the same to the last bit for
   any number of threads. sluice_threads.c has an implementation. */
typedef struct sluice_team {
  int32_t threads;
  void* data;
  void (*run)(void* data, int32_t threads, void (*work)(void* argument, int32_t thread), void* argument);
  void (*yield)(void* data);
} sluice_team;

/* A variable: weights, the state of an optimizer, counters. Its elements are given and taken row by row. */
typedef struct sluice_variable {
  const char* name;
  int32_t dtype; /* SLUICE_F32, ... */
  int32_t rank;
  int64_t sizes[8];
  int64_t bytes;       /* of all elements */
  int32_t is_weight;   /* 0: a counter, a running mean or an optimizer's state */
  int32_t changes;     /* 1: run updates it */
  int32_t needs_value; /* 1: it has no initial value: set it before run */
  int32_t reserved;
} sluice_variable;

/* The functions of an export that have the same type in all of them: for code that works with any, as sluice_weights.c. */
typedef struct sluice_variables {
  int32_t count;
  int32_t (*describe)(int32_t variable, sluice_variable* description);
  int32_t (*get)(const sluice_context* context, int32_t variable, void* values, int64_t bytes);
  int32_t (*set)(sluice_context* context, int32_t variable, const void* values, int64_t bytes);
} sluice_variables;

#endif
