# Writes OUTPUT, a C++ header with the text of each of FILES as a string constant: page.css becomes kPageCss.
set(text "#pragma once\n\n#include <string_view>\n\nnamespace sluice::tools {\n\n")
foreach(file IN LISTS FILES)
  get_filename_component(name ${file} NAME)
  string(REGEX MATCH "^([a-z])([a-z]*)\\.([a-z])([a-z]*)$" matched ${name})
  string(TOUPPER "${CMAKE_MATCH_1}" first)
  string(TOUPPER "${CMAKE_MATCH_3}" second)
  file(READ ${file} content)
  string(APPEND text "inline constexpr std::string_view k${first}${CMAKE_MATCH_2}${second}${CMAKE_MATCH_4} = "
                     "R\"page(${content})page\";\n\n")
endforeach()
string(APPEND text "}  // namespace sluice::tools\n")
file(WRITE ${OUTPUT} "${text}")
