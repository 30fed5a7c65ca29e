#!/usr/bin/env bash
# usage: links.sh SOURCE: every relative link of the pages leads somewhere, every file that they name is there.
# SPDX-License-Identifier: BSD-3-Clause
set -uo pipefail
cd "$1" || exit 1
bad=0
for page in README.md CONTRIBUTING.md docs/*.md examples/*/README.md; do
    [ -f "$page" ] || continue
    while IFS= read -r target; do
        [[ $target == http* || $target == '#'* ]] && continue
        [ -e "$(dirname "$page")/${target%%#*}" ] || { echo "$page: no $target"; bad=1; }
    done < <(grep -oE '\]\([^)]+\)' "$page" | sed -E 's/^\]\(//; s/\)$//')
    # files named in `…`, without patterns and placeholders, in the pages that name them from the root
    [[ $page =~ ^(README|CONTRIBUTING|docs/(architecture|adding))\.md$ ]] || continue
    while IFS= read -r target; do
        [ -e "$target" ] || { echo "$page: no file $target"; bad=1; }
    done < <(grep -oE '`(core|potential|cli|plugins|scripts|tests|bench|docs|cmake|examples|include)/[A-Za-z0-9_./-]+`' "$page" |
             tr -d '`' | grep -vE '_$|/found/')
done
exit $bad
