# kramers eelt structures and explore.
# SPDX-License-Identifier: BSD-3-Clause
. "$(dirname "$0")/lib.sh"
cat >spec.json <<JSON
[{"kind": "bulk", "lattice": "fcc", "element": "Al", "a_A": [4.0, 4.1], "supercell": [2, 2, 2],
  "composition": {"Al": 3, "Mg": 1}, "replicas": 2, "rattle_A": 0.02},
 {"kind": "slab", "lattice": "fcc", "element": "Al", "a_A": 4.05, "miller": [1, 1, 1], "layers": 4, "vacuum_A": [8, 12]}]
JSON
ok eelt structures spec.json -o out.xyz
has err '6 structures written to out.xyz'
ok data info out.xyz
ok eelt structures spec.json -o again.xyz
cmp -s out.xyz again.xyz || fail "the same file gave other structures"
code 1 'exists already' eelt structures spec.json -o out.xyz
code 2 'output is needed' eelt structures spec.json
sed 's/"lattice"/"latice"/' spec.json >bad.json
code 1 "did you mean .lattice." eelt structures bad.json -o bad.xyz
code 1 'explore.json' eelt explore .
finish
