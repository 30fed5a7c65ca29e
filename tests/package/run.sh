#!/usr/bin/env bash
# usage: run.sh shared|static|pkgconfig|moved BUILD MODEL
# Installs BUILD into a temporary folder, builds the project `outside` against the copy and runs it.
# SPDX-License-Identifier: BSD-3-Clause
set -euo pipefail
way=$1 build=$2 model=$3
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

cmake --install "$build" --prefix "$work/installed" >/dev/null
installed=$work/installed
if [ "$way" = moved ]; then # an installed copy may be moved
    mv "$work/installed" "$work/elsewhere"
    installed=$work/elsewhere
fi
library=$(dirname "$(find "$installed" -name 'libkramers.so' | head -1)")

case $way in
    shared | static | moved)
        component=${way/moved/shared}
        cmake -S "$here/outside" -B "$work/build" -DCMAKE_PREFIX_PATH="$installed" -DKIND="$component" >/dev/null
        cmake --build "$work/build" >/dev/null
        program=$work/build/outside
        ;;
    pkgconfig)
        export PKG_CONFIG_PATH=$library/pkgconfig
        program=$work/outside
        # shellcheck disable=SC2046
        cc -o "$program" "$here/outside/main.c" $(pkg-config --cflags --libs kramers) -Wl,-rpath,"$library"
        ;;
esac
"$program" "$model"
if [ "$way" = static ] && ldd "$program" | grep -q libkramers; then
    echo "the static program loads the shared library"
    exit 1
fi
# the installed program, when there is one
if [ -x "$installed/bin/kramers" ]; then "$installed/bin/kramers" --version; fi
