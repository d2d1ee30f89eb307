#pragma once

#include <unistd.h>

#include <cstdio>
#include <string>

namespace sluice {

/// Returns what `f` writes to a stream.
template <typename F>
std::string written(std::FILE* stream, F f) {
  std::FILE* const file = std::tmpfile();
  std::fflush(stream);
  const int saved = dup(fileno(stream));
  dup2(fileno(file), fileno(stream));
  f();
  std::fflush(stream);
  dup2(saved, fileno(stream));
  close(saved);
  std::rewind(file);
  std::string text;
  for (int c = std::fgetc(file); c != EOF; c = std::fgetc(file)) text += static_cast<char>(c);
  std::fclose(file);
  return text;
}

}  // namespace sluice
