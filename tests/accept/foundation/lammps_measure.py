"""Numbers about the plugin inside LAMMPS for scripts/accept: prints "key value" lines.

    lammps_measure.py fixtures 2025|2023     dumps, thermo output, per-atom stress and deviation files beside the
                                             reference runs of tests/data/deepmd_kit, on 1, 2 and 4 ranks
    lammps_measure.py restart                largest difference of a run continued from a restart file
    lammps_measure.py drift SYSTEM PRECISION STEPS   NVE drift from a straight line through the total energy
Standard library only; paths come from the environment that scripts/accept sets.
SPDX-License-Identifier: BSD-3-Clause
"""
import os
import re
import subprocess
import sys
import tempfile

ROOT, BUILD = os.environ["KRAMERS_ROOT"], os.environ["KRAMERS_BUILD"]
KIT = f"{ROOT}/tests/data/deepmd_kit"
VERSIONS = {"2025": (".venv-lammps", "kramersplugin.so"), "2023": (".venv-lammps-2023", "2/kramersplugin.so")}


def place(version):
    venv, plugin = VERSIONS[version]
    return f"{ROOT}/{venv}", f"{BUILD}/plugins/lammps/{plugin}"


def lammps(folder, script, version="2025", ranks=1, threads=1):
    venv, plugin = place(version)
    for path in (f"{venv}/bin/lmp", plugin):
        if not os.path.exists(path):
            print("missing", path)
            sys.exit(0)
    with open(f"{folder}/in", "w") as f:
        f.write(script)
    command = ([f"{venv}/bin/mpirun", "-np", str(ranks)] if ranks > 1 else []) + [
        f"{venv}/bin/lmp", "-in", "in", "-log", "log", "-screen", "none", "-var", "plugin", plugin]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True,
                          env={**os.environ, "OMP_NUM_THREADS": str(threads)})
    log = open(f"{folder}/log").read() if os.path.exists(f"{folder}/log") else ""
    if done.returncode:
        sys.exit(f"LAMMPS failed:\n{log[-800:]}\n{done.stderr[-500:]}")
    return log


def dump(path):
    """Frames of a text dump as lists of rows of floats."""
    frames, lines, i = [], open(path).read().splitlines(), 0
    while i < len(lines):
        n = int(lines[i + 3])
        frames.append([[float(v) for v in line.split()] for line in lines[i + 9:i + 9 + n]])
        i += 9 + n
    return frames


def thermo(log):
    """Rows of the last thermo block."""
    rows, on = [], False
    for line in log.splitlines():
        words = line.split()
        if words[:1] == ["Step"]:
            rows, on = [], True
        elif on and re.fullmatch(r"[-\d.eE+]+", words[0] if words else "x"):
            rows.append([float(w) for w in words])
        elif on:
            on = False
    return rows


def largest(a, b, columns, relative=False):
    """Largest difference over rows and columns; relative to the largest entry of the column."""
    most = 0.0
    for c in columns:
        scale = max(abs(row[c]) for row in b) if relative else 1.0
        most = max(most, *(abs(p[c] - q[c]) / (scale or 1.0) for p, q in zip(a, b)))
    return most if len(a) == len(b) else float("inf")


def reference_rows(path):
    return [[float(w) for w in line.split()] for line in open(path) if not line.startswith("#")]


def ours(text, folder):
    """The input of a reference run with our pair style (exact network) and absolute paths."""
    text = text.replace("pair_style deepmd", "pair_style kramers")
    text = re.sub(r"(?<![\w/])(\.\./)?water/water_se_e2_a\.dp", f"{ROOT}/examples/models/water_se_e2_a.dp", text)
    text = re.sub(r"\b(m[0-3]\.dp)", rf"{KIT}/model_devi/\1", text)
    text = re.sub(r"read_data (\.\./lammps/)?(\S+)", rf"read_data {KIT}/lammps/\2", text)
    return re.sub(r"(pair_style kramers .*)", r"\1 table off", text)


def fixtures(version):
    for name in ("water", "water_tri"):
        for ranks in (1, 2, 4):
            with tempfile.TemporaryDirectory() as folder:
                log = lammps(folder, ours(open(f"{KIT}/lammps/in.{name}").read(), folder), version, ranks)
                ref, got = dump(f"{KIT}/lammps/{name}.dump")[0], dump(f"{folder}/{name}.dump")[0]
                key = f"{name}_{ranks}"
                print(f"force_{key} {largest(got, ref, range(5, 8)):.3g}")
                print(f"atom_energy_{key} {largest(got, ref, [8], True):.3g}")
                print(f"stress_{key} {largest(got, ref, range(9, 18), True):.3g}")
                print(f"thermo_{key} {largest(thermo(log), reference_rows(f'{KIT}/lammps/{name}_thermo.txt'), range(1, 12), True):.3g}")
                ref, got = dump(f"{KIT}/lammps/{name}_nve.dump")[-1], dump(f"{folder}/{name}_nve.dump")[-1]
                print(f"trajectory_{key} {largest(got, ref, range(2, 11)):.3g}")
    for name in ("plain", "atomic", "relative", "relative_v", "all"):
        with tempfile.TemporaryDirectory() as folder:
            lammps(folder, ours(open(f"{KIT}/model_devi/in.{name}").read(), folder), version)
            path, ref = f"{folder}/md_{name}.out", f"{KIT}/model_devi/md_{name}.out"
            got, want = reference_rows(path), reference_rows(ref)
            # the files have seven digits
            worst = max(abs(a - b) / max(abs(b), 1e-300) for p, q in zip(got, want) for a, b in zip(p[1:], q[1:]))
            same = open(path).readline() == open(ref).readline() and [len(r) for r in got] == [len(r) for r in want]
            print(f"deviation_{name} {worst if same else float('inf'):.3g}")


START = """units metal
atom_style atomic
atom_modify map yes
"""


def system(name, precision):
    if name == "water":
        return (f"{START}box tilt large\nread_data {KIT}/lammps/water.lmp\nmass 1 15.9994\nmass 2 1.00794\n",
                f"plugin load ${{plugin}}\npair_style kramers {ROOT}/examples/models/water_se_e2_a.dp precision {precision}\n"
                "pair_coeff * * O H\n", 330)
    return (f"{START}lattice fcc 3.615\nregion b block 0 3 0 3 0 3\ncreate_box 1 b\ncreate_atoms 1 box\nmass 1 63.546\n",
            f"plugin load ${{plugin}}\npair_style kramers {ROOT}/examples/models/copper_se_e2_a.dp precision {precision}\n"
            "pair_coeff * * Cu\n", 660)


def restart():
    head, pair, _ = system("water", "double")
    run = ("neighbor 1.0 bin\nneigh_modify every 10 delay 0 check no\ntimestep 0.0005\nfix 1 all nve\n"
           "dump 1 all custom 100 d id xu yu zu vx vy vz fx fy fz\ndump_modify 1 sort id first no format float %.17g\n")
    with tempfile.TemporaryDirectory() as a, tempfile.TemporaryDirectory() as b:
        lammps(a, f"{head}{pair}velocity all create 300 5\n{run}run 50\nwrite_restart r\nrun 50\n")
        # the pair style and its settings come back from the restart file
        lammps(b, f"plugin load ${{plugin}}\nread_restart {a}/r\n{run}run 50\n")
        print(f"restart {largest(dump(f'{b}/d')[-1], dump(f'{a}/d')[-1], range(1, 10)):.3g}")


def drift(name, precision, steps):
    """Slope of the total energy; drift is inf where less than half of the run is left.

    A model trained on few frames can have holes, and a trajectory that falls into one is no measure of an integrator:
    from 0.1 ps before the temperature has doubled on (fluctuations are 6 % and less) nothing counts.
    """
    head, pair, temperature = system(name, precision)
    with tempfile.TemporaryDirectory() as folder:
        log = lammps(folder, f"{head}{pair}velocity all create {temperature} 5 dist gaussian\nneighbor 2.0 bin\n"
                     "timestep 0.0005\nfix 1 all nve\nvariable hot equal temp\n"
                     f"fix 2 all halt 20 v_hot > {2 * temperature} error continue\n"
                     "thermo_style custom step etotal temp atoms\nthermo_modify format float %.12g\nthermo 20\n"
                     f"run {max(2000, steps // 10)}\nrun {steps}\n")
    rows = thermo(log)
    fell = "halt condition" in log
    end = rows[-1][0] - 200 if fell else rows[-1][0]
    rows = [r for r in rows if r[0] <= end]
    t = [r[0] * 0.5e-6 for r in rows]  # ns
    e = [r[1] * 1000 / r[3] for r in rows]  # meV/atom
    if len(rows) < steps // 40:
        print(f"drift inf\npicoseconds {len(rows) * 0.01:.3g}\nfell {int(fell)}")
        return
    mt, me = sum(t) / len(t), sum(e) / len(e)
    slope = sum((x - mt) * (y - me) for x, y in zip(t, e)) / sum((x - mt) ** 2 for x in t)
    print(f"drift {abs(slope):.3g}\nspread {max(e) - min(e):.3g}\npicoseconds {(t[-1] - t[0]) * 1000:.3g}\nfell {int(fell)}")


if __name__ == "__main__":
    if sys.argv[1] == "fixtures":
        fixtures(sys.argv[2])
    elif sys.argv[1] == "restart":
        restart()
    else:
        drift(sys.argv[2], sys.argv[3], int(sys.argv[4]))
