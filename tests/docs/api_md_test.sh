#!/bin/bash
# Each name in docs/api.md is in the header of its row, each name that such a header declares is in its row, and each public header that
# users include by name (sluice/NAME.h) has a row. Usage: api_md_test.sh ROOT
set -euo pipefail

cd "$1"
failures=0
rows=0
known=()

complain() {
  echo "docs/api.md: $1"
  failures=$((failures + 1))
}

# Prints the types, aliases and functions that a header declares for users, except those that are an op of one operand by
# its name: docs/ir.md lists them all.
declared_in() {
  awk '/^namespace detail/ { inner = 1 } /^}  \/\/ namespace detail/ { inner = 0 } !inner' "$1" |
    sed -nE '/ return detail::unary\(ir::Op::/d
             /^(class|struct) [A-Za-z0-9]+;/d
             /^struct std::/d
             /^struct fmt::/d
             s/^(class|struct|enum class) ([A-Za-z0-9]+).*/\2/p
             s/^using ([A-Za-z0-9]+) =.*/\1/p
             s/^[A-Za-z][A-Za-z0-9_:<>, *&]* ([a-z_0-9]+)\(.*/\1/p' |
    sort -u
}

while IFS='|' read -r _ header names _; do
  [[ $header =~ \[(sluice/[a-z_]+\.h)\]\(\.\./([a-z_/]+/include/)(sluice/[a-z_]+\.h)\) ]] || continue
  [[ ${BASH_REMATCH[1]} == "${BASH_REMATCH[3]}" ]] || complain "the row of ${BASH_REMATCH[1]} leads to ${BASH_REMATCH[3]}"
  file=${BASH_REMATCH[2]}${BASH_REMATCH[3]}
  known+=("$file")
  rows=$((rows + 1))
  for name in $(grep -oE '`[A-Za-z_0-9]+`' <<< "$names" | tr -d '`'); do
    if ! grep -qw -- "$name" "$file"; then
      complain "$file has no '$name'"
    fi
  done
  [[ $file == ir/* ]] && continue
  for name in $(declared_in "$file"); do
    grep -q -- "\`$name\`" <<< "$names" || complain "the row of $file lacks '$name'"
  done
done < docs/api.md
for file in */include/sluice/*.h */*/include/sluice/*.h; do
  [[ " ${known[*]} " == *" $file "* ]] || complain "there is no row for $file"
done
[[ $rows -gt 20 ]] || { echo "docs/api.md: expected a row for each header, got $rows"; exit 1; }
[[ $failures == 0 ]]
