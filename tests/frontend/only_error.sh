#!/bin/bash
# Compiles a program that the compiler must reject with a single error, which must match a pattern. Usage: only_error.sh PATTERN COMPILER
# ARGUMENTS...
set -uo pipefail

pattern=$1
shift
output=$("$@" 2>&1) && { echo "it compiles"; exit 1; }
errors=$(grep -E '(^|[: ])(fatal )?error:' <<< "$output")
if [[ $(wc -l <<< "$errors") != 1 ]] || ! grep -qE -- "$pattern" <<< "$errors"; then
  echo "expected one error with '$pattern', got:"
  echo "$errors"
  exit 1
fi
