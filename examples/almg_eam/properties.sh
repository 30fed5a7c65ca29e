#!/usr/bin/env bash
# Lattice constants, energies and the vacancy of a model beside those of the oracle. properties.sh MODEL.dp [ELEMENT…]
# SPDX-License-Identifier: BSD-3-Clause
#
# Energies of nine lattice constants around the oracle's (hcp: ideal c/a), a cubic through them by least squares: it finds
# the oracle's own minima to 0.001 %, a parabola to 0.03 %.
# The vacancy: 256 sites of fcc aluminium at fixed volume, relaxed by LAMMPS with the plugin.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../common.sh"
find_kramers
model=$(realpath "$1")
shift
[ $# -gt 0 ] || set -- Al Mg
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

# element lattice a_A E_eV (Mendelev 2009, relaxed in LAMMPS)
printf '%-8s %10s %10s %8s %12s %12s %8s\n' '' 'a (A)' oracle '%' 'E (eV/atom)' oracle meV
while read -r element lattice a energy; do
    [[ " $* " == *" $element "* ]] || continue
    list=$(awk -v a="$a" 'BEGIN { for (k = -4; k <= 4; k++) printf "%s%.8f", (k > -4 ? ", " : ""), a * (1 + 0.003 * k) }')
    echo "{\"kind\": \"bulk\", \"lattice\": \"$lattice\", \"element\": \"$element\", \"a_A\": [$list]}" >spec.json
    "$kramers" eelt structures spec.json -o cells.xyz --force >/dev/null 2>&1
    "$kramers" eval -m "$model" cells.xyz -o energies.xyz --force >/dev/null 2>&1
    awk -v a="$a" -v reference="$energy" -v name="$element $lattice" '
        NF == 1 { atoms = $1 }
        match($0, /[^_a-z]energy=[-+0-9.eE]+/) {
            e = substr($0, RSTART + 8, RLENGTH - 8) / atoms; x = (n - 4) * 0.003; n++
            s0++; s2 += x^2; s4 += x^4; s6 += x^6; t0 += e; t1 += e * x; t2 += e * x^2; t3 += e * x^3
        }
        END { # e = p + q x + r x^2 + s x^3; the points lie evenly about 0, so p, r and q, s are found apart
            r = (t2 - s2 / s0 * t0) / (s4 - s2^2 / s0); p = (t0 - r * s2) / s0
            s = (t3 - s4 / s2 * t1) / (s6 - s4^2 / s2); q = (t1 - s * s4) / s2
            x = 0
            for (k = 0; k < 20; k++) x -= (q + 2 * r * x + 3 * s * x^2) / (2 * r + 6 * s * x)
            e = p + q * x + r * x^2 + s * x^3
            printf "%-8s %10.5f %10.5f %+8.3f %12.6f %12.6f %+8.2f\n", name, a * (1 + x), a, 100 * x, e, reference, 1000 * (e - reference)
        }' energies.xyz
done <<'TABLE'
Al fcc 4.04527 -3.410657
Al hcp 2.86317 -3.382117
Al bcc 3.23841 -3.308833
Mg hcp 3.18126 -1.528663
Mg fcc 4.49543 -1.516624
Mg bcc 3.56205 -1.515138
TABLE

[[ " $* " == *" Al "* ]] || exit 0
find_lammps
cat >in.vacancy <<TEXT
units metal
plugin load $plugin
lattice fcc 4.04527
region all block 0 4 0 4 0 4
create_box 1 all
create_atoms 1 box
mass 1 26.9815
pair_style kramers $model
pair_coeff * * Al
run 0
variable before equal \$(pe)
group one id 1
delete_atoms group one compress no
min_style fire
minimize 0 1e-4 500 2000
variable vacancy equal pe-v_before*255/256
print "vacancy \${vacancy}"
TEXT
"$lmp" -in in.vacancy -log vacancy.log -screen none || stop "LAMMPS failed: $(grep -m 1 ERROR vacancy.log)"
awk '/^vacancy/ { printf "Al vacancy, 256 sites: %.4f eV, oracle 0.6594, %+.3f\n", $2, $2 - 0.6594 }' vacancy.log
