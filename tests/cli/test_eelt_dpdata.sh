# Data sets of a campaign and of `eelt export` load in dpdata with the same numbers. DPDATA_PYTHON: an interpreter that
# has it. SPDX-License-Identifier: BSD-3-Clause   (ctest: full)
. "$(dirname "$0")/lib.sh"
python=${DPDATA_PYTHON:-python3}
"$python" -c 'import dpdata' 2>/dev/null || { echo "skipped: dpdata is not installed (python3 -m pip install dpdata)"; exit 77; }
. "$(dirname "$0")/campaign.sh"
sed -i 's/"max_iterations": 3/"max_iterations": 2/' eelt.json
code 3 'not converged after 2 iterations' eelt run eelt.json
ok eelt export run exported --dpgen
for folder in run exported; do
    "$python" "$ROOT/tests/peers/check_dpdata.py" $folder || fail "dpdata does not read the sets of $folder"
done
finish
