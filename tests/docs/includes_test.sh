#!/bin/bash
# Every include is of the same library or one above it in the table of docs/architecture.md, public headers include only public ones, and
# examples include only <sluice/...> of Sluice. Usage: includes_test.sh ROOT
set -euo pipefail

cd "$1"
mapfile -t folders < <(sed -nE 's/^\| `([a-z_/]+)\/` \| `sluice_[a-z_]+` \|.*/\1/p' docs/architecture.md)
[[ ${#folders[@]} -gt 8 ]] || { echo "expected a table of libraries in docs/architecture.md, got ${#folders[@]} rows"; exit 1; }
{
  for folder in "${folders[@]}"; do echo "$folder"; done
  echo ---
  for folder in "${folders[@]}"; do find "$folder" -name '*.h' -o -name '*.cpp' -o -name '*.def'; done | sort -u |
    xargs grep -HE '^#include ["<]' | sed -E 's/^([^:]*):#include ["<]([^">]*)[">].*/\1 \2/'
} | awk '
  !begun { if ($1 == "---") begun = 1; else rank[$1] = ++count; next }
  # Returns the library of a file: the longest matching folder.
  function library(path,   best, folder) {
    best = ""
    for (folder in rank) if (index(path, folder "/") == 1 && length(folder) > length(best)) best = folder
    return best
  }
  {
    includes[++n] = $0
    file = $1
    if ((at = index(file, "/include/")) > 0) path_of[substr(file, at + 9)] = file
  }
  END {
    for (i = 1; i <= n; ++i) {
      split(includes[i], words, " ")
      from = library(words[1])
      target = words[2] ~ /^sluice\// ? path_of[words[2]] : words[2]
      to = library(target)
      if (to == "") continue  # of another project, or without includes of its own
      if (rank[to] > rank[from]) { print words[1] ": includes " words[2] " of " to ", which is above " from; bad = 1 }
      if (words[1] ~ /\/include\// && words[2] !~ /^sluice\//) { print words[1] ": public, includes " words[2]; bad = 1 }
    }
    if (n < 500) { print "expected the includes of all libraries, got " n + 0; bad = 1 }
    exit bad
  }'
if grep -rnE '^#include "[a-z_]+/' examples; then
  echo "examples include private headers"
  exit 1
fi
