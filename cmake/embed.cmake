# Writes OUTPUT, a C++ header with the text of each of FILES as a string constant in NAMESPACE: page.css becomes kPageCss, chart.min.js
# kChartMinJs.
set(text "#pragma once\n\n#include <string_view>\n\n")
# Compilers need not accept literals of more than 64 KB. The supported ones do.
string(APPEND text "#pragma GCC diagnostic push\n#pragma GCC diagnostic ignored \"-Woverlength-strings\"\n\n"
                   "namespace ${NAMESPACE} {\n\n")
foreach(file IN LISTS FILES)
  get_filename_component(name ${file} NAME)
  string(REGEX REPLACE "[._]" ";" words ${name})
  set(constant k)
  foreach(word IN LISTS words)
    string(SUBSTRING ${word} 0 1 first)
    string(SUBSTRING ${word} 1 -1 rest)
    string(TOUPPER ${first} first)
    string(APPEND constant ${first}${rest})
  endforeach()
  file(READ ${file} content)
  string(APPEND text "inline constexpr std::string_view ${constant} = R\"page(${content})page\";\n\n")
endforeach()
string(APPEND text "}  // namespace ${NAMESPACE}\n\n#pragma GCC diagnostic pop\n")
file(WRITE ${OUTPUT} "${text}")
