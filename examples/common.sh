# Sourced by the run.sh of every example: where the program, LAMMPS and the plugin are.
# SPDX-License-Identifier: BSD-3-Clause
#
# Taken from the environment when set, else looked for in this source tree:
#   KRAMERS_BUILD   build folder (default build/release)
#   KRAMERS         the program (default $KRAMERS_BUILD/cli/kramers, else the one in PATH)
#   KRAMERS_PLUGIN  kramersplugin.so (default $KRAMERS_BUILD/plugins/lammps/kramersplugin.so)
#   LMP             the LAMMPS program (default .venv-lammps/bin/lmp, else the one in PATH)
#   OUT             where results go (default the folder out of the example)
#   OMP_NUM_THREADS threads (default: as many as the machine has)

root=$(cd "$here/../.." && pwd)
build=${KRAMERS_BUILD:-$root/build/release}
out=${OUT:-$here/out}

stop() {
    printf '%s: %s\n' "$(basename "$here")" "$1" >&2
    if [ $# -gt 1 ]; then printf '  hint: %s\n' "$2" >&2; fi
    exit 1
}

find_kramers() {
    kramers=${KRAMERS:-$build/cli/kramers}
    [ -x "$kramers" ] || kramers=$(command -v kramers) || stop "the program kramers is not built" \
        "cmake --preset release && cmake --build --preset release, or set KRAMERS"
}

# A LAMMPS alone, where its own potentials are wanted.
find_lmp() {
    lmp=${LMP:-}
    [ -n "$lmp" ] || { [ -x "$root/.venv-lammps/bin/lmp" ] && lmp=$root/.venv-lammps/bin/lmp; } ||
        lmp=$(command -v lmp) || stop "no LAMMPS found" "scripts/setup installs one, or set LMP"
}

find_lammps() {
    plugin=${KRAMERS_PLUGIN:-$build/plugins/lammps/kramersplugin.so}
    [ -f "$plugin" ] || stop "no LAMMPS plugin at $plugin" "scripts/setup and a build make it, or set KRAMERS_PLUGIN"
    find_lmp
    export OMP_NUM_THREADS=${OMP_NUM_THREADS:-$(nproc 2>/dev/null || echo 1)}
    # Waiting threads sleep: on a machine that does other work, too, spinning ones take the time of those they wait for.
    export OMP_WAIT_POLICY=${OMP_WAIT_POLICY:-passive}
}

# How far a run is, from the rows of its thermodynamic output: one line rewritten on a terminal, else a line a tenth.
progress() {
    awk -v name="$1" -v steps="$2" -v terminal="$([ -t 2 ] && echo 1 || echo 0)" '
        $1 == "Step" { in_table = 1; for (i = 1; i <= NF; i++) column[$i] = i; next }
        /^Loop time/ { in_table = 0 }
        in_table && $1 ~ /^[0-9]+$/ {
            left = $(column["CPULeft"])
            line = sprintf("%-4s step %d of %d, %.0f K, %d:%02d left", name, $1, steps, $(column["Temp"]), left / 60,
                           left % 60)
            if (terminal) printf "\r\033[K%s", line > "/dev/stderr"
            else if (int(10 * $1 / steps) > tenth || $1 == 0) print line > "/dev/stderr"
            tenth = int(10 * $1 / steps)
        }
        /^ERROR/ { print > "/dev/stderr" }
        END { if (terminal) printf "\r\033[K" > "/dev/stderr" }'
}

# lammps NAME STEPS INPUT arguments…: runs LAMMPS in $out with a log file NAME.log.
lammps() {
    local name=$1 steps=$2 input=$3
    shift 3
    (cd "$out" && "$lmp" -in "$input" -log "$name.log" -var plugin "$plugin" -var steps "$steps" "$@" |
        progress "$name" "$steps")
    grep -q '^Total wall time' "$out/$name.log" || stop "LAMMPS did not finish, see $out/$name.log"
}
