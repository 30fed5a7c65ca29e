# docs/cli.md holds the help pages as the program prints them.
# SPDX-License-Identifier: BSD-3-Clause
. "$(dirname "$0")/lib.sh"
ok help --markdown
awk '/^<!-- begin: kramers help --markdown -->$/ { on = 1; next } /^<!-- end -->$/ { on = 0 } on' "$ROOT/docs/cli.md" >page
cmp out page || { diff out page | head -20; fail "docs/cli.md is not what kramers help --markdown prints; scripts in docs/cli.md tell how"; }
finish
