// write_program PAGE.md PROGRAM.cpp [own-scopes]: writes the C++ code of a page as a program.
#include <fmt/format.h>

#include <cstdlib>
#include <exception>
#include <filesystem>
#include <fstream>
#include <string_view>

#include "docs/pages/page.h"
#include "sluice/error.h"

int main(int argc, char** argv) {
  if (argc != 3 && !(argc == 4 && std::string_view(argv[3]) == "own-scopes")) {
    fmt::print(stderr, "usage: write_program PAGE.md PROGRAM.cpp [own-scopes]\n");
    return EXIT_FAILURE;
  }
  try {
    const std::filesystem::path page = argv[1];
    std::ofstream program(argv[2]);
    program << sluice::docs::page_program(sluice::docs::read_page(page), page.filename().string(), argc == 4);
    if (!program.flush()) sluice::fail("{}: cannot be written", argv[2]);
  } catch (const std::exception& error) {
    fmt::print(stderr, "write_program: {}\n", error.what());
    return EXIT_FAILURE;
  }
  return EXIT_SUCCESS;
}
