#!/bin/bash
# Every function that a public header of the frontend declares, and every class with a public base (layers, optimizers), is exactly once a
# name of its own in the last column of docs/names.md, and that column has no name that no public header has. Usage: names_md_test.sh ROOT
set -euo pipefail

cd "$1"
failures=0

complain() {
  echo "docs/names.md: $1"
  failures=$((failures + 1))
}

# Names that need no counterpart: every type prints.
skipped=" to_string "

declared() {
  for file in frontend/include/sluice/*.h; do
    awk '/^namespace detail/ { inner = 1 } /^}  \/\/ namespace detail/ { inner = 0 } !inner' "$file" |
      sed -nE '/^struct (std|fmt)::/d
               s/^(class|struct) ([A-Za-z0-9]+) : public .*/\2/p
               s/^(\[\[nodiscard\]\] )?[A-Za-z][A-Za-z0-9_:<>, *&]* ([a-z_0-9]+)\(.*/\2/p'
  done | sort -u
}

# The last column of each row of a table, without what an escaped bar would split.
column() {
  sed -E 's/\\\|/or/g' docs/names.md | awk -F'|' '/^\| / && NF == 6 && $5 !~ /^ *Sluice *$/ { print $5 }'
}

rows=$(column | wc -l)
[[ $rows -gt 200 ]] || { echo "docs/names.md: expected a row for each function, got $rows"; exit 1; }
bad=$(sed -E 's/\\\|/or/g' docs/names.md | awk -F'|' '/^\|/ && NF != 6 { print NR }')
[[ -z $bad ]] || complain "rows need four columns, in line $(tr '\n' ' ' <<< "$bad")"

own=$(column | grep -oE '`[A-Za-z_0-9]+`' | tr -d '`')
declared=$(declared)
for name in $declared; do
  [[ $skipped == *" $name "* ]] && continue
  count=$(grep -cx -- "$name" <<< "$own" || true)
  [[ $count -gt 0 ]] || complain "$name has no row: add it to its theme, with what other libraries call it, or a dash"
  [[ $count -lt 2 ]] || complain "$name is named $count times"
done

# Names by themselves, and those of calls.
known=$(cat */include/sluice/*.h */*/include/sluice/*.h | grep -oE '[A-Za-z_0-9]+' | sort -u)
named=$(column | grep -oE '`[^`]+`' | grep -oE '^`[A-Za-z_0-9]+`$|[A-Za-z_0-9]+\(' | tr -d '`(' | sort -u)
for name in $(comm -23 <(echo "$named") <(echo "$known")); do complain "no header has '$name'"; done
[[ $failures == 0 ]]
