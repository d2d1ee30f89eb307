#!/bin/bash
# Runs scripts/get-mnist without a network: it says why it fails and leaves nothing behind. Usage: get_mnist_test.sh SCRIPT
set -uo pipefail

script=$1
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
failures=0

# expect NAME MESSAGE: runs the script with a cache folder that has a space in its name; it must fail, print MESSAGE, and leave no file.
expect() {
  local output status
  output=$(XDG_CACHE_HOME="$folder/the cache" "$script" 2>&1)
  status=$?
  if [[ $status != 1 || $output != *"$2"* ]]; then
    echo "$1: expected exit code 1 and \"$2\", got exit code $status and: $output"
    failures=$((failures + 1))
  fi
  if [[ -n $(find "$folder/the cache" -type f) ]]; then
    echo "$1: files are left: $(find "$folder/the cache" -type f)"
    failures=$((failures + 1))
  fi
}

mkdir "$folder/mirror"
export SLUICE_MNIST_MIRRORS="file://$folder/mirror"
expect "no such file" "train-images-idx3-ubyte.gz: "

echo "not packed" > "$folder/mirror/train-images-idx3-ubyte.gz"
expect "no gzip file" "not a gzip file, or damaged"

echo "other digits" | gzip > "$folder/mirror/train-images-idx3-ubyte.gz"
expect "another file" "its SHA-256 is another"

export no_proxy=127.0.0.1
SLUICE_MNIST_MIRRORS="http://127.0.0.1:9/one http://127.0.0.1:9/two"
expect "nobody answers" "127.0.0.1:9/two/train-images-idx3-ubyte.gz: "
expect "what to do then" "MNIST could not be downloaded; to use files that you have, name their folder: --data DIR or SLUICE_DATA_DIR"

# Other files are not replaced, but reported.
cache="$folder/the cache/sluice/mnist"
mkdir -p "$cache"
for name in train-images-idx3-ubyte train-labels-idx1-ubyte.gz t10k-images-idx3-ubyte t10k-labels-idx1-ubyte; do
  echo mine > "$cache/$name"
done
output=$(XDG_CACHE_HOME="$folder/the cache" "$script" 2>&1)
status=$?
message="get-mnist: $cache/train-images-idx3-ubyte: not the file of MNIST, or damaged: its SHA-256 is another; \
remove it and run scripts/get-mnist"
if [[ $status != 3 || $output != "$message" || $(cat "$cache"/*) != $'mine\nmine\nmine\nmine' ]]; then
  echo "other files: expected exit code 3 and \"$message\", got exit code $status and: $output"
  failures=$((failures + 1))
fi

# MNIST itself, compressed or not, is not downloaded again, and damage to it is detected.
if [[ -d ${SLUICE_DATA_DIR-} ]]; then
  rm "$cache"/*
  for name in train-images-idx3-ubyte train-labels-idx1-ubyte t10k-images-idx3-ubyte t10k-labels-idx1-ubyte; do
    cp "$SLUICE_DATA_DIR/$name"* "$cache"
  done
  if ! output=$(XDG_CACHE_HOME="$folder/the cache" "$script" 2>&1) || [[ -n $output ]]; then
    echo "MNIST is there: expected silence, got: $output"
    failures=$((failures + 1))
  fi
  damaged=$(find "$cache" -name 't10k-images-idx3-ubyte*')
  truncate -s 100000 "$damaged"
  output=$(XDG_CACHE_HOME="$folder/the cache" "$script" 2>&1)
  if [[ $? != 3 || $output != "get-mnist: $damaged: not the file of MNIST, or damaged"* ]]; then
    echo "MNIST is damaged: expected exit code 3 and its name, got: $output"
    failures=$((failures + 1))
  fi
fi

[[ $failures == 0 ]]
