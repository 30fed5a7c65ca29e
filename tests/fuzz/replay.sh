#!/usr/bin/env bash
# usage: replay.sh PROGRAM TARGET: the seeds of a target through the replay program
# SPDX-License-Identifier: BSD-3-Clause
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$(dirname "$0")/seeds.sh" "$2" "$work"
"$1" "$2" "$work"/*
