#include "sluice_weights.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sluice_memory.h"

static const char* const kTypes[] = {"F32", "F64", "I32", "I64", "U8", "BOOL"};
enum { MOST_HEADER = 100000000, MOST_NAME = 1024, MOST_AXES = 8, HEADER_LENGTH = 8 };

/* The rest of a header. */
typedef struct text {
  const char* at;
  const char* end;
} text;

/* An array of a file. */
typedef struct entry {
  char name[MOST_NAME];
  char type[8];
  int32_t rank;
  int64_t sizes[MOST_AXES];
  int64_t offsets[2];
} entry;

static void skip_spaces(text* from) {
  while (from->at < from->end && (*from->at == ' ' || *from->at == '\n' || *from->at == '\r' || *from->at == '\t')) ++from->at;
}

/* Takes `c`, if it comes next. */
static int take(text* from, char c) {
  skip_spaces(from);
  if (from->at == from->end || *from->at != c) return 0;
  ++from->at;
  return 1;
}

static int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

/* Takes \uXXXX behind its u, as UTF-8. Halves of a surrogate pair become two characters, which no variable's name has. */
static int take_unicode(text* from, char* to, size_t* length) {
  int i;
  unsigned code = 0;
  for (i = 0; i < 4; ++i) {
    const int digit = from->at < from->end ? hex_digit(*from->at) : -1;
    if (digit < 0) return 0;
    code = code * 16 + (unsigned)digit;
    ++from->at;
  }
  if (code < 0x80) {
    to[(*length)++] = (char)code;
  } else if (code < 0x800) {
    to[(*length)++] = (char)(0xc0 | (code >> 6));
    to[(*length)++] = (char)(0x80 | (code & 0x3f));
  } else {
    to[(*length)++] = (char)(0xe0 | (code >> 12));
    to[(*length)++] = (char)(0x80 | ((code >> 6) & 0x3f));
    to[(*length)++] = (char)(0x80 | (code & 0x3f));
  }
  return 1;
}

/* Takes a string; the end of one longer than `most` is dropped. */
static int take_string(text* from, char* to, size_t most) {
  static const char kEscapes[] = "\"\\/bfnrt";
  static const char kMeanings[] = "\"\\/\b\f\n\r\t";
  size_t length = 0;
  if (!take(from, '"')) return 0;
  while (from->at < from->end && *from->at != '"') {
    char piece[4];
    size_t count = 0;
    char c = *from->at++;
    if (c != '\\') {
      piece[count++] = c;
    } else {
      const char* escape;
      if (from->at == from->end) return 0;
      c = *from->at++;
      escape = c == '\0' ? NULL : strchr(kEscapes, c);
      if (escape != NULL) {
        piece[count++] = kMeanings[escape - kEscapes];
      } else if (c != 'u' || !take_unicode(from, piece, &count)) {
        return 0;
      }
    }
    if (length + count < most) {
      memcpy(to + length, piece, count);
      length += count;
    }
  }
  to[length] = '\0';
  return take(from, '"');
}

/* Takes [1,2,3], at most `most` numbers. */
static int take_numbers(text* from, int64_t* to, int32_t most, int32_t* count) {
  *count = 0;
  if (!take(from, '[')) return 0;
  if (take(from, ']')) return 1;
  do {
    int64_t number = 0;
    skip_spaces(from);
    if (*count == most || from->at == from->end || *from->at < '0' || *from->at > '9') return 0;
    while (from->at < from->end && *from->at >= '0' && *from->at <= '9') {
      if (number > INT64_MAX / 10 - 1) return 0;
      number = number * 10 + (*from->at++ - '0');
    }
    to[(*count)++] = number;
  } while (take(from, ','));
  return take(from, ']');
}

static int take_array(text* from, entry* to) {
  char key[16];
  int fields = 0;
  int32_t count = 0;
  if (!take(from, '{')) return 0;
  do {
    if (!take_string(from, key, sizeof key) || !take(from, ':')) return 0;
    if (strcmp(key, "dtype") == 0) {
      if (!take_string(from, to->type, sizeof to->type)) return 0;
      fields |= 1;
    } else if (strcmp(key, "shape") == 0) {
      if (!take_numbers(from, to->sizes, MOST_AXES, &to->rank)) return 0;
      fields |= 2;
    } else if (strcmp(key, "data_offsets") == 0) {
      if (!take_numbers(from, to->offsets, 2, &count) || count != 2) return 0;
      fields |= 4;
    } else {
      return 0;
    }
  } while (take(from, ','));
  return fields == 7 && take(from, '}');
}

static int take_metadata(text* from) {
  char ignored[2];
  if (!take(from, '{')) return 0;
  if (take(from, '}')) return 1;
  do {
    if (!take_string(from, ignored, sizeof ignored) || !take(from, ':')) return 0;
    if (!take_string(from, ignored, sizeof ignored)) return 0;
  } while (take(from, ','));
  return take(from, '}');
}

/* The variable of this name; -1: none. */
static int32_t find(const sluice_variables* variables, const char* name, sluice_variable* found) {
  int32_t i;
  for (i = 0; i < variables->count; ++i) {
    if (variables->describe(i, found) == SLUICE_OK && strcmp(found->name, name) == 0) return i;
  }
  return -1;
}

static int fits(const entry* array, const sluice_variable* variable) {
  int32_t axis;
  if (strcmp(array->type, kTypes[variable->dtype]) != 0 || array->rank != variable->rank) return 0;
  for (axis = 0; axis < array->rank; ++axis) {
    if (array->sizes[axis] != variable->sizes[axis]) return 0;
  }
  return array->offsets[1] - array->offsets[0] == variable->bytes;
}

/* Where the elements of one variable after the other are read to: fresh memory for each would cost as much as reading. */
typedef struct values {
  void* memory;
  int64_t bytes; /* of the largest variable */
} values;

static int32_t set_from_file(FILE* file, long data, const entry* array, const sluice_variable* variable, int32_t number,
                             sluice_context* context, const sluice_variables* variables, void* memory) {
  const size_t bytes = (size_t)variable->bytes;
  if (fseek(file, data + (long)array->offsets[0], SEEK_SET) != 0 || fread(memory, 1, bytes, file) != bytes)
    return SLUICE_FILE_DAMAGED;
  return variables->set(context, number, memory, variable->bytes);
}

/* Checks all arrays of the header; or, if there is memory to read to, sets the variables of their names. */
static int32_t for_arrays(FILE* file, text header, long data, int64_t data_bytes, sluice_context* context,
                          const sluice_variables* variables, values* elements) {
  entry array;
  if (!take(&header, '{')) return SLUICE_FILE_DAMAGED;
  if (take(&header, '}')) return SLUICE_OK;
  do {
    sluice_variable variable;
    int32_t number;
    if (!take_string(&header, array.name, sizeof array.name) || !take(&header, ':')) return SLUICE_FILE_DAMAGED;
    if (strcmp(array.name, "__metadata__") == 0) {
      if (!take_metadata(&header)) return SLUICE_FILE_DAMAGED;
      continue;
    }
    if (!take_array(&header, &array)) return SLUICE_FILE_DAMAGED;
    if (array.offsets[0] > array.offsets[1] || array.offsets[1] > data_bytes) return SLUICE_FILE_DAMAGED;
    number = find(variables, array.name, &variable);
    if (number < 0) continue;
    if (!fits(&array, &variable)) return SLUICE_FILE_WRONG_TYPE;
    if (elements->memory == NULL) {
      if (variable.bytes > elements->bytes) elements->bytes = variable.bytes;
    } else {
      const int32_t code = set_from_file(file, data, &array, &variable, number, context, variables, elements->memory);
      if (code != SLUICE_OK) return code;
    }
  } while (take(&header, ','));
  return take(&header, '}') ? SLUICE_OK : SLUICE_FILE_DAMAGED;
}

static int32_t load(FILE* file, sluice_context* context, const sluice_variables* variables) {
  unsigned char length[HEADER_LENGTH];
  uint64_t bytes = 0;
  long end;
  int i;
  int32_t code = SLUICE_FILE_DAMAGED;
  char* buffer;
  if (fseek(file, 0, SEEK_END) != 0 || (end = ftell(file)) < 0 || fseek(file, 0, SEEK_SET) != 0)
    return SLUICE_FILE_UNREADABLE;
  if (fread(length, 1, HEADER_LENGTH, file) != HEADER_LENGTH) return SLUICE_FILE_DAMAGED;
  for (i = HEADER_LENGTH - 1; i >= 0; --i) bytes = bytes << 8 | length[i];
  if (bytes > MOST_HEADER || (long)bytes > end - HEADER_LENGTH) return SLUICE_FILE_DAMAGED;
  buffer = (char*)malloc((size_t)bytes + 1);
  if (buffer == NULL) return SLUICE_NO_MEMORY;
  if (fread(buffer, 1, (size_t)bytes, file) == bytes) {
    const long data = HEADER_LENGTH + (long)bytes;
    text header;
    header.at = buffer;
    header.end = buffer + bytes;
    values elements = {NULL, 0};
    code = for_arrays(file, header, data, end - data, context, variables, &elements);
    if (code == SLUICE_OK) {
      elements.memory = sluice_memory_new(elements.bytes);
      if (elements.memory == NULL) code = SLUICE_NO_MEMORY;
    }
    if (code == SLUICE_OK) code = for_arrays(file, header, data, end - data, context, variables, &elements);
    sluice_memory_delete(elements.memory);
  }
  free(buffer);
  return code;
}

int32_t sluice_load_weights(const char* file, sluice_context* context, sluice_variables variables) {
  FILE* const opened = file == NULL ? NULL : fopen(file, "rb");
  int32_t code;
  if (opened == NULL) return SLUICE_FILE_UNREADABLE;
  code = load(opened, context, &variables);
  fclose(opened);
  return code;
}

/* Writes a name with what JSON escapes; returns how many characters, or only counts them if `file` is null. */
static long put_name(FILE* file, const char* name) {
  long count = 0;
  for (; *name != '\0'; ++name) {
    const unsigned char c = (unsigned char)*name;
    const int escapes = c == '"' || c == '\\' || c < 0x20;
    count += c < 0x20 ? 6 : escapes ? 2 : 1;
    if (file == NULL) continue;
    if (c < 0x20) {
      fprintf(file, "\\u%04x", c);
    } else {
      fprintf(file, escapes ? "\\%c" : "%c", c);
    }
  }
  return count;
}

/* Writes the header, or returns its length if `file` is null. */
static long put_header(FILE* file, const sluice_variables* variables) {
  int32_t i;
  int32_t axis;
  int64_t offset = 0;
  long count = 0;
  char piece[128];
  for (i = 0; i < variables->count; ++i) {
    sluice_variable variable;
    if (variables->describe(i, &variable) != SLUICE_OK) return -1;
    count += sprintf(piece, "%s\"", i == 0 ? "{" : ",");
    if (file != NULL) fputs(piece, file);
    count += put_name(file, variable.name);
    count += sprintf(piece, "\":{\"dtype\":\"%s\",\"shape\":[", kTypes[variable.dtype]);
    if (file != NULL) fputs(piece, file);
    for (axis = 0; axis < variable.rank; ++axis) {
      count += sprintf(piece, "%s%lld", axis == 0 ? "" : ",", (long long)variable.sizes[axis]);
      if (file != NULL) fputs(piece, file);
    }
    count += sprintf(piece, "],\"data_offsets\":[%lld,%lld]}", (long long)offset, (long long)(offset + variable.bytes));
    if (file != NULL) fputs(piece, file);
    offset += variable.bytes;
  }
  count += sprintf(piece, "%s", variables->count == 0 ? "{}" : "}");
  if (file != NULL) fputs(piece, file);
  return count;
}

static int32_t save(FILE* file, const sluice_context* context, const sluice_variables* variables) {
  const long count = put_header(NULL, variables);
  const long padded = (count + HEADER_LENGTH - 1) / HEADER_LENGTH * HEADER_LENGTH;
  int32_t i;
  for (i = 0; i < HEADER_LENGTH; ++i) fputc((int)((uint64_t)padded >> (8 * i) & 0xff), file);
  put_header(file, variables);
  for (i = 0; i < padded - count; ++i) fputc(' ', file);
  for (i = 0; i < variables->count; ++i) {
    sluice_variable variable;
    void* values;
    int32_t code = variables->describe(i, &variable);
    if (code != SLUICE_OK) return code;
    values = malloc(variable.bytes == 0 ? 1 : (size_t)variable.bytes);
    if (values == NULL) return SLUICE_NO_MEMORY;
    code = variables->get(context, i, values, variable.bytes);
    if (code == SLUICE_OK && fwrite(values, 1, (size_t)variable.bytes, file) != (size_t)variable.bytes)
      code = SLUICE_FILE_UNWRITABLE;
    free(values);
    if (code != SLUICE_OK) return code;
  }
  return fflush(file) == 0 && !ferror(file) ? SLUICE_OK : SLUICE_FILE_UNWRITABLE;
}

int32_t sluice_save_weights(const char* file, const sluice_context* context, sluice_variables variables) {
  static const char kSuffix[] = ".new";
  FILE* opened;
  char* other;
  int32_t code = SLUICE_FILE_UNWRITABLE;
  if (file == NULL) return SLUICE_FILE_UNWRITABLE;
  other = (char*)malloc(strlen(file) + sizeof kSuffix);
  if (other == NULL) return SLUICE_NO_MEMORY;
  strcpy(other, file);
  strcat(other, kSuffix);
  opened = fopen(other, "wb");
  if (opened != NULL) {
    code = save(opened, context, &variables);
    if (fclose(opened) != 0 && code == SLUICE_OK) code = SLUICE_FILE_UNWRITABLE;
    if (code == SLUICE_OK && rename(other, file) != 0) code = SLUICE_FILE_UNWRITABLE;
    if (code != SLUICE_OK) remove(other);
  }
  free(other);
  return code;
}
