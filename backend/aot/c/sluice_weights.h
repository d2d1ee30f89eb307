/* Variables of exported functions in files, as safetensors (https://github.com/huggingface/safetensors#format). Build
   sluice_weights.c and sluice_memory.c with the program. */
#ifndef SLUICE_WEIGHTS_H
#define SLUICE_WEIGHTS_H

#include "sluice_export.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Results, in addition to those of sluice_export.h. */
enum {
  SLUICE_FILE_UNREADABLE = -101, /* it does not exist or cannot be read */
  SLUICE_FILE_DAMAGED = -102,    /* it is not a safetensors file, or not a complete one */
  SLUICE_FILE_WRONG_TYPE = -103, /* an array of it has another type or shape than the variable of its name */
  SLUICE_FILE_UNWRITABLE = -104,
  SLUICE_NO_MEMORY = -105
};

/* Sets the variables that the file has. Others keep their values, and arrays without a variable are ignored. Nothing
   changes unless all fit:

     sluice_load_weights("digits.safetensors", &context, digits_variables()) */
int32_t sluice_load_weights(const char* file, sluice_context* context, sluice_variables variables);

/* Writes all variables: to a new file, which then replaces `file`. */
int32_t sluice_save_weights(const char* file, const sluice_context* context, sluice_variables variables);

#ifdef __cplusplus
}
#endif

#endif
