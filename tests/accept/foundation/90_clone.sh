#!/usr/bin/env bash
# scripts/demo and scripts/test in a fresh clone with caches moved away
# SPDX-License-Identifier: BSD-3-Clause
. tests/accept/report.sh
if [ "$KRAMERS_QUICK" = 1 ]; then
    missing "scripts/test in a fresh clone" "exit 0" "not with --quick"
    missing "scripts/demo in a fresh clone" "exit 0" "not with --quick"
    exit 0
fi
clone=$(mktemp -d)
trap 'rm -rf "$clone"' EXIT
git clone -q "$KRAMERS_ROOT" "$clone/kramers" || exit 1
cd "$clone/kramers" || exit 1
export PIP_NO_CACHE_DIR=1 CCACHE_DISABLE=1 XDG_CACHE_HOME=$clone/cache
unset KRAMERS_DATA KRAMERS_LAMMPS
for script in test demo; do
    start=$SECONDS
    if [ ! -x scripts/$script ]; then
        fails "scripts/$script in a fresh clone" "exit 0" "no such script"
        continue
    fi
    scripts/$script >"$KRAMERS_WORK/clone_$script.log" 2>&1
    exactly "scripts/$script in a fresh clone, $((SECONDS - start)) s" "exit $?" "exit 0"
    [ $script = demo ] || at_most "scripts/$script: time" $(((SECONDS - start) / 60)) 30 minutes
done
