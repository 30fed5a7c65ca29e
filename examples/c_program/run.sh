#!/usr/bin/env bash
# A C program against the installed library, built with CMake and with pkg-config: run.sh [PREFIX]
# PREFIX is where the library is installed; without it the build folder is installed into out/.
# SPDX-License-Identifier: BSD-3-Clause
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../common.sh"
model=$root/examples/models/copper_se_e2_a.dp
mkdir -p "$out"
prefix=${1:-$out/installed}
if [ $# -eq 0 ]; then
    [ -f "$build/CMakeCache.txt" ] || stop "no build in $build" "cmake --preset release && cmake --build --preset release"
    cmake --install "$build" --prefix "$prefix" >/dev/null
fi
library=$(dirname "$(find "$prefix" -name libkramers.so | head -1)")

echo "== with find_package"
cmake -S "$here" -B "$out/cmake" -DCMAKE_PREFIX_PATH="$prefix" >/dev/null
cmake --build "$out/cmake" >/dev/null
"$out/cmake/forces" "$model" | tee "$out/cmake.txt"

echo "== with pkg-config"
export PKG_CONFIG_PATH=$library/pkgconfig
# shellcheck disable=SC2046
cc -O2 -o "$out/forces" "$here/forces.c" $(pkg-config --cflags --libs kramers) -Wl,-rpath,"$library"
"$out/forces" "$model" | tee "$out/pkgconfig.txt"
cmp "$out/cmake.txt" "$out/pkgconfig.txt"
