#!/usr/bin/env bash
# Model deviation along a trajectory, in LAMMPS and afterwards by the program: run.sh [STEPS]
# SPDX-License-Identifier: BSD-3-Clause
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../common.sh"
steps=${1:-${KRAMERS_EXAMPLE_STEPS:-200}}
every=$((steps > 99 ? 10 : 1))
find_kramers
find_lammps
mkdir -p "$out"

rm -f "$out/model_devi_md.out"   # LAMMPS appends
lammps deviation "$steps" "$here/in.deviation" -var folder "$here" -var every $every
"$kramers" eval -m "$here/m0.dp,$here/m1.dp,$here/m2.dp,$here/m3.dp" "$out/deviation.dump" --type-map O,H \
    -o "$out/deviation.xyz" --force

# The same frames twice: largest force deviation in LAMMPS and by the program, eV/Å
paste <(grep -v '^#' "$out/model_devi_md.out") <(grep -v '^#' "$out/model_devi.out") | awk '
    BEGIN { printf "%10s %16s %16s\n", "step", "LAMMPS", "kramers eval" }
    { d = $5 - $12; if (d < 0) d = -d; if (d > worst) worst = d; if (NR % 5 == 1) printf "%10d %16.6e %16.6e\n", $1, $5, $12 }
    END { printf "largest difference of max_devi_f: %.1e eV/A over %d frames\n", worst, NR; exit !(NR > 1 && worst < 2e-5) }'
printf '\n%s\n' "Files in $out: model_devi_md.out (LAMMPS), model_devi.out (kramers eval), deviation.xyz"
