#!/bin/bash
# Each name in docs/api.md stands in the header of its row. Usage: api_md_test.sh ROOT
set -euo pipefail

cd "$1"
failures=0
rows=0
while IFS='|' read -r _ header names _; do
  [[ $header =~ \[([a-z_/]+\.h)\]\(\.\./([a-z_/]+\.h)\) && ${BASH_REMATCH[1]} == "${BASH_REMATCH[2]}" ]] || continue
  file=${BASH_REMATCH[1]}
  rows=$((rows + 1))
  for name in $(grep -oE '`[A-Za-z_0-9]+`' <<< "$names" | tr -d '`'); do
    if ! grep -qw -- "$name" "$file"; then
      echo "docs/api.md: $file has no '$name'"
      failures=$((failures + 1))
    fi
  done
done < docs/api.md
[[ $rows -gt 20 ]] || { echo "docs/api.md: expected a row for each header, got $rows"; exit 1; }
[[ $failures == 0 ]]
