# kramers test against `dp test`: printed lines and all detail files.
# SPDX-License-Identifier: BSD-3-Clause
. "$(dirname "$0")/lib.sh"
reference=$kit/formats/dp_test
ln -s "$kit"/formats/* .

# one NAME MODEL SYSTEM: the detail files and the lines between two marks of the summary
one() {
    ok test -m "$kit/models/$2.dp" -s "$3" -n 0 -d "made_$1"
    local kind
    for kind in e e_peratom f v v_peratom s; do
        if [ -f "$reference/$1.$kind.out" ]; then
            near 1e-10 0 "made_$1.$kind.out" "$reference/$1.$kind.out"
        else
            absent "made_$1.$kind.out"
        fi
    done
    awk -v mark="== $2 on $3 " 'index($0, mark) { on = 1; next } /^== / { on = 0 } on && /^INFO/' \
        "$reference/summary.txt" | sed 's/^INFO    //' >wanted
    [ -s wanted ] || fail "no summary of $3"
    cmp out wanted || fail "printed lines of $3"
}
one npy se_a_one_tanh npy
one npy_nopbc se_a_one_tanh npy_nopbc
one npy_type_map_swapped se_a_one_tanh npy_type_map_swapped
one hdf5_npy se_a_one_tanh 'two_systems.hdf5#/water/npy'
one hdf5_nopbc se_a_one_tanh 'two_systems.hdf5#/npy_nopbc'
one mixed dpa1_concat_attn2_smooth mixed

# several systems: averages weighted by the number of values, here 4 and 2 frames of 16 atoms
ok test -m "$kit/models/se_a_one_tanh.dp" -s npy,npy_type_map_swapped -d both
has out '# number of systems : 2'
has out "$(awk 'BEGIN { printf "Force  MAE         : %e", (4 * 1.309545e-01 + 2 * 1.282843e-01) / 6 }' | cut -c1-27)"
[ "$(grep -c '^#' both.e.out)" -eq 1 ] || fail "one header a file"
[ "$(wc -l <both.e.out)" -eq 7 ] || fail "six frames"
printf 'npy\nnpy_nopbc\n' >list
ok test -m "$kit/models/se_a_one_tanh.dp" -f list -n 1
has out '# number of test data : 1 '
code 1 'has no atom_ener' test -m "$kit/models/se_a_one_tanh.dp" -s npy_nopbc -a
ok test -m "$kit/models/se_a_one_tanh.dp" -s npy -a
has out 'Atomic ener RMSE   : '
[ "$(grep -c 'Atomic ener RMSE' out)" -eq 1 ] || fail "atomic energies are per system only"

code 1 'made_npy.e.out exists already' test -m "$kit/models/se_a_one_tanh.dp" -s npy -d made_npy
code 2 'no data' test -m "$kit/models/se_a_one_tanh.dp"
code 2 'one model' test -m a.dp,b.dp -s npy
code 1 'nowhere' test -m "$kit/models/se_a_one_tanh.dp" -s nowhere
code 1 'does not know' test -m "$ROOT/examples/models/copper_se_e2_a.dp" -s npy -d copper
absent copper.e.out
finish
