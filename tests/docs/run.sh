#!/usr/bin/env bash
# usage: run.sh SOURCE BUILD: runs the marked shell blocks of README.md, builds and runs the marked C blocks.
# SPDX-License-Identifier: BSD-3-Clause
set -euo pipefail
source=$1 build=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Each block that follows a mark goes to its own file: block1.sh, block2.c …
awk -v out="$work/block" '
    /^<!-- test:/ { marked = 1; next }
    /^```/ && inside { inside = 0; close(file); next }
    /^```(sh|c)$/ && marked { inside = 1; marked = 0; n++; file = out n "." substr($0, 4); next }
    inside { print > file }' "$source/README.md"
ls "$work" | grep -q '^block1\.' || { echo "README.md has no marked block"; exit 1; }

# A copy to work in, so that what a command writes does not land in the sources.
mkdir "$work/tree"
for folder in examples tests; do ln -s "$source/$folder" "$work/tree/$folder"; done
cmake --install "$build" --prefix "$work/installed" >/dev/null
library=$(dirname "$(find "$work/installed" -name libkramers.so | head -1)")
export PATH=$work/installed/bin:$PATH PKG_CONFIG_PATH=$library/pkgconfig

cd "$work/tree"
for block in "$work"/block*; do
    case $block in
        *.sh)
            while IFS= read -r line; do
                [ -n "$line" ] || continue
                printf '$ %s\n' "$line"
                bash -c "$line" || { echo "README.md: this command failed: $line"; exit 1; }
            done <"$block"
            ;;
        *.c)
            # shellcheck disable=SC2046
            cc -std=gnu11 -Wall -Werror -o "$work/program" "$block" $(pkg-config --cflags --libs kramers) -Wl,-rpath,"$library"
            "$work/program" "$source/examples/models/copper_se_e2_a.dp" | tee "$work/said"
            grep -q 'eV/Å' "$work/said"
            ;;
    esac
done
