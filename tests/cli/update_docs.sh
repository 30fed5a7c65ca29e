#!/usr/bin/env bash
# Puts the help pages into docs/cli.md: update_docs.sh KRAMERS (the program)
# SPDX-License-Identifier: BSD-3-Clause
set -euo pipefail
page=$(dirname "$0")/../../docs/cli.md
new=$(mktemp)
awk '/^<!-- end -->$/ { on = 0 } !on; /^<!-- begin: kramers help --markdown -->$/ { on = 1; system(program " help --markdown"); fflush() }' \
    program="$1" "$page" >"$new"
cat "$new" >"$page"
rm "$new"
