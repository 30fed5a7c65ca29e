# kramers plot rdf, thermo.
# SPDX-License-Identifier: BSD-3-Clause
. "$(dirname "$0")/lib.sh"
command -v gnuplot >/dev/null && have=1 || have=0

# draw ARGUMENT…: draws, or says that gnuplot is missing
draw() { if [ $have -eq 1 ]; then ok "$@"; else code 1 'gnuplot is not installed' "$@"; fi; }
picture() { if [ $have -eq 1 ]; then exists "$1"; fi; }

# an ideal gas in a triclinic cell, also beyond half the cell: g = 1 within the noise
awk 'BEGIN {
    srand(7)
    for (f = 0; f < 60; f++) {
        printf "200\nLattice=\"9 0 0 3 8 0 -2 2.5 8.5\" Properties=species:S:1:pos:R:3 pbc=\"T T T\"\n"
        for (i = 0; i < 200; i++) {
            a = rand(); b = rand(); c = rand()
            printf "%s %.8f %.8f %.8f\n", i % 4 ? "Ar" : "Ne", 9 * a + 3 * b - 2 * c, 8 * b + 2.5 * c, 8.5 * c
        }
    }
}' >gas.xyz
draw plot rdf gas.xyz -o gas.png --rmax 8 --bins 20
picture gas.png
exists gas.dat
exists gas.gp
[ "$(head -2 gas.dat | tail -1)" = '# r(A) g(Ne-Ne) n(Ne-Ne) g(Ne-Ar) n(Ne-Ar) g(Ar-Ar) n(Ar-Ar)' ] || fail "columns: $(head -2 gas.dat)"
# 60 frames: the shell at r = 2 Å holds some thousand pairs of each kind
awk '!/^#/ && $1 > 2 { for (c = 2; c <= 6; c += 2) if ($c < 0.9 || $c > 1.1) { print "g =", $c, "at", $1; bad = 1 } n++ }
     END { exit bad || n < 14 }' gas.dat || fail "the ideal gas is not 1"
# mean over r, weighted by the shells: 1 to half a per cent (self-images excluded from the density)
awk '!/^#/ { s += $6 * $1 * $1; w += $1 * $1 } END { m = s / w; if (m < 0.985 || m > 1.015) { print "mean", m; exit 1 } }' gas.dat ||
    fail "normalisation"

# a crystal: twelve neighbours at the right distance, in a cell smaller than rmax
printf '1\nLattice="0 1.8 1.8 1.8 0 1.8 1.8 1.8 0" Properties=species:S:1:pos:R:3 pbc="T T T"\nCu 0.3 0.2 0.1\n' >fcc.xyz
draw plot rdf fcc.xyz -o fcc.svg --rmax 4.5 --bins 90
picture fcc.svg
awk '$1 > 2.9 && $1 < 3.0 && $3 != 12 { exit 1 } $1 > 4.0 && $1 < 4.4 && $3 != 18 { exit 1 }' fcc.dat ||
    fail "coordination numbers of fcc"

draw plot rdf "$kit/lammps/water.dump" --type-map O,H --pairs O-O,O-H -o w.png --force
has out 'g(O-H): highest'
code 1 'two elements' plot rdf gas.xyz -o x.png --pairs Ne-Xe
code 2 'png or .svg' plot rdf gas.xyz -o x.pdf
code 2 'no picture' plot rdf gas.xyz
code 1 'not periodic' plot rdf "$kit/formats/npy_nopbc" -o x.png
code 1 'no frame is left' plot rdf gas.xyz -o x.png --skip 99
absent x.png
absent x.dat
if [ $have -eq 1 ]; then
    code 1 'gas.png exists already' plot rdf gas.xyz -o gas.png
    mkdir bin # a machine without gnuplot
    PATH=$work/bin "$KRAMERS" plot rdf fcc.xyz -o without.png >out 2>err
    [ $? -eq 1 ] || fail "no gnuplot is no failure"
    has err 'gnuplot is not installed'
    absent without.png
    exists without.gp
fi

# thermodynamic output: a line with a known slope
awk 'BEGIN {
    print "units metal\ntimestep 0.002\n   Step          Temp          PotEng         TotEng         Press     "
    for (s = 0; s <= 1000; s += 10)
        printf "%10d  %g  %.12g  %.12g  %g\n", s, 300 + (s % 7), -400, -390 + 100 * 3e-6 * s * 0.002, 1
    print "Loop time of 17.28 on 2 procs for 1000 steps with 100 atoms"
}' >log.lammps
draw plot thermo log.lammps -o t.png
picture t.png
has out 'energy drift: 3 +- .* (total energy)'
has out 'speed: 10 ns/day, 172.8 us/atom/step (100 atoms, 1000 steps in 17.28 s on 2 threads)'
ok plot thermo log.lammps
code 1 'holds no thermodynamic output' plot thermo gas.xyz
code 1 'cannot be read' plot thermo nowhere
finish
