#!/usr/bin/env python3
"""Compares the net that `kramers eelt init` proposes with others: errors, time, disagreement about new frames.

usage: init_net.py [--systems Al,Al-Mg,Si,Si-DFT] [--nets exp,mae,init] [--scale X] [--set KEY=VALUE ...]
       init_net.py --explore [--nets ...]                     time of a run with four models
       init_net.py --ensemble [--systems Al,Si] [--nets ...]  error over deviation of four models

The first form trains every net on every system, one thread, and prints CPU time and the errors on frames that were not
trained. Nets: "exp": se_e2_a 10-20-40 with DeePMD-kit's tanh and falling rate, 60-60-60; "mae": the same sizes with
silu and absolute errors, all else as init; "init": what `kramers eelt init` of the release build writes, read from its
output. Steps are those of STEPS times --scale; --set changes keys of the net "init", for example
--set model.descriptor.lmax=3.

Data: Al, Al-Mg (embedded atoms, examples/al_eam) and Si (Stillinger and Weber, from the LAMMPS of scripts/setup) are
frames of 32 atoms, crystals and melts at 0 and 5 GPa, made by LAMMPS once; training and test frames come from runs of
their own. Si-DFT: silicon of Zuo et al. 2020 in KRAMERS_DATA, a quarter of the training file held out. Everything lies
in KRAMERS_BENCH_WORK (default build/bench), folder init_net.

--explore: `kramers eelt explore` with 16 atoms of silicon at 300 K, 2000 steps, all four models every tenth step, in
double and mixed precision; with the time to load the models. --ensemble: the four models are trained on the crystals up
to 700 K and asked about the hotter ones and the melts (`kramers eelt audit`).
SPDX-License-Identifier: BSD-3-Clause
"""
import argparse
import csv
import functools
import glob
import json
import os
import random
import resource
import shutil
import statistics
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.dirname(HERE), HERE]
import kr_bench  # noqa: E402
import study  # noqa: E402

WORK = os.path.join(kr_bench.WORK, "init_net")
PROGRAM = os.path.join(kr_bench.BUILD, "cli", "kramers")
MASS = {"Al": 26.98154, "Mg": 24.305, "Si": 28.0855}
FRACTIONS = 0.1, 0.25, 0.5, 0.75, 0.9  # of the second element, one a run in turn
FRAMES, APART = 14, 300  # of a run, and steps between them
COLD = 700  # K; what --ensemble trains on

# elements, lattice, cells; K of crystals and melts, K at which those are molten before; pair style, potential
SYSTEMS = {
    "Al": (["Al"], "fcc 4.05", (2, 2, 2), (300, 600, 900), (1000, 1300, 1600), 3000, "eam/fs", "Al-Mg.eam.fs"),
    "Al-Mg": (["Al", "Mg"], "fcc 4.2", (2, 2, 2), (300, 600, 900), (1000, 1400), 3000, "eam/fs", "Al-Mg.eam.fs"),
    "Si": (["Si"], "diamond 5.431", (2, 2, 1), (300, 700, 1100, 1500), (1500, 2000, 2500), 4000, "sw", "Si.sw"),
    "Si-DFT": (["Si"],),
}
STEPS = {"Al": {"exp": 25000, "mae": 30000, "init": 20000}, "Al-Mg": {"exp": 12000, "mae": 14000, "init": 10000},
         "Si": {"exp": 14000, "mae": 19000, "init": 13000}, "Si-DFT": {"exp": 12000, "mae": 12000, "init": 8000}}
STEPS_COLD = {"exp": 9000, "mae": 9000, "init": 6000}

RADIAL = {"type": "se_e2_a", "rcut": 6.0, "rcut_smth": 0.5, "neuron": [10, 20, 40], "axis_neuron": 8,
          "sel": "auto:1.5"}
EXP = {"model": {"descriptor": RADIAL, "fitting_net": {"neuron": [60, 60, 60]}},
       "learning_rate": {"start_lr": 0.005, "stop_lr": 1e-6},
       "loss": {"start_pref_e": 0.02, "limit_pref_e": 1, "start_pref_f": 1000, "limit_pref_f": 1, "start_pref_v": 0.02,
                "limit_pref_v": 0.2},
       "training": {}}
MAE = {"loss_func": "mae", "start_pref_e": 100, "limit_pref_e": 1000, "start_pref_f": 1000, "limit_pref_f": 200,
       "start_pref_v": 10, "limit_pref_v": 100}


# --- data ----------------------------------------------------------------------------------------------------------

def potential(name):
    folders = [os.path.join(kr_bench.ROOT, "examples", "al_eam"),
               *glob.glob(f"{kr_bench.lammps()}/lib/python3*/site-packages/lammps/share/lammps/potentials")]
    found = [f"{folder}/{name}" for folder in folders if os.path.exists(f"{folder}/{name}")]
    return found[0] if found else sys.exit(f"{name} is missing: scripts/setup gets LAMMPS with its potentials")


def runs(system):
    """(K, GPa, molten) of every run, in the order of the frames."""
    crystal, melt = SYSTEMS[system][3:5]
    return [(t, p, molten) for molten in (False, True) for t in (melt if molten else crystal) for p in (0, 5)]


def lammps_input(system, part):
    elements, lattice, cells, _, _, hot, style, file = SYSTEMS[system]
    chance = random.Random(f"{system} {part}")
    box = " ".join(f"0 {n}" for n in cells)
    atoms = {"fcc": 4, "diamond": 8}[lattice.split()[0]] * cells[0] * cells[1] * cells[2]
    lines = []
    for r, (t, p, molten) in enumerate(runs(system)):
        seeds = [chance.randrange(1, 10**6) for _ in range(2)]
        lines += ["clear", "units metal", "atom_style atomic", f"lattice {lattice}", f"region box block {box}",
                  f"create_box {len(elements)} box", "create_atoms 1 box",
                  *(f"mass {k + 1} {MASS[e]}" for k, e in enumerate(elements))]
        if len(elements) > 1:
            lines.append(f"set type 1 type/subset 2 {round(FRACTIONS[r % len(FRACTIONS)] * atoms)} {seeds[0]}")
        lines += [f"pair_style {style}", f'pair_coeff * * "{potential(file)}" {" ".join(elements)}', "timestep 0.001",
                  "neigh_modify every 1 delay 0", "compute vp all pressure NULL virial",
                  f"velocity all create {hot if molten else 2 * t} {seeds[1]}"]
        if molten:
            lines += [f"fix melt all nvt temp {hot} {hot} 0.05", "run 8000", "unfix melt"]
        values = " ".join(["$(step)", "$(pe:%.10f)", "$(vol:%.10g)", *(f"$(c_vp[{k}]:%.10g)" for k in range(1, 7))])
        lines += [f"fix md all npt temp {t} {t} 0.1 iso {1e4 * p} {1e4 * p} 0.5", "run 4000", "reset_timestep 0",
                  f'fix out all print {APART} "{values}" file {r}.labels screen no title ""',
                  f"dump 1 all custom {APART} {r}.dump element x y z fx fy fz",
                  f"dump_modify 1 sort id format float %.10g element {' '.join(elements)}", f"run {FRAMES * APART}"]
    return "\n".join(lines) + "\n"


def read_run(folder, r):
    """The frames of one run as extended XYZ."""
    rows = (line.split() for line in open(f"{folder}/{r}.labels") if line.strip())
    labels = {int(row[0]): [float(v) for v in row[1:]] for row in rows}
    frames = []
    for text in open(f"{folder}/{r}.dump").read().split("ITEM: TIMESTEP\n")[1:]:
        lines = text.splitlines()
        if lines[0] == "0":
            continue
        energy, volume, xx, yy, zz, xy, xz, yz = labels[int(lines[0])]
        edges = [[float(v) for v in line.split()] for line in lines[4:7]]
        a, b, c = (high - low for low, high in edges)
        virial = [v * volume / 1.602176634e6 for v in (xx, xy, xz, xy, yy, yz, xz, yz, zz)]  # bar Å³ to eV
        head = (f'Lattice="{a:.10f} 0 0 0 {b:.10f} 0 0 0 {c:.10f}" pbc="T T T" '
                f'Properties=species:S:1:pos:R:3:forces:R:3 energy={energy} virial="{" ".join(map(repr, virial))}"')
        atoms = [line.split() for line in lines[8:]]
        body = [" ".join([w[0], *(f"{float(w[1 + k]) - edges[k][0]:.9f}" for k in range(3)), *w[4:]]) for w in atoms]
        frames.append("\n".join([str(len(atoms)), head, *body]) + "\n")
    return frames


def data(system, part):
    """The file of the training or test frames; made when it is not there."""
    path = os.path.join(WORK, "data", f"{system}_{part}.xyz")
    if not os.path.exists(path):
        if not kr_bench.lammps():
            sys.exit("LAMMPS is missing: scripts/setup")
        folder = path + ".runs"
        os.makedirs(folder, exist_ok=True)
        with open(f"{folder}/in", "w") as f:
            f.write(lammps_input(system, part))
        print(f"LAMMPS makes {path}", file=sys.stderr)
        subprocess.run([f"{kr_bench.lammps()}/bin/lmp", "-in", "in", "-screen", "none"], cwd=folder, check=True)
        with open(path + ".part", "w") as f:
            f.writelines(frame for r in range(len(runs(system))) for frame in read_run(folder, r))
        shutil.rmtree(folder)
        os.replace(path + ".part", path)
    return path


# --- trainings -----------------------------------------------------------------------------------------------------

def proposed(elements, folder):
    """The training in what `kramers eelt init` writes."""
    os.makedirs(folder, exist_ok=True)
    path = os.path.join(folder, "eelt.json")
    command = [PROGRAM, "eelt", "init", ",".join(elements), "-o", path, "--force"]
    subprocess.run(command, check=True, capture_output=True)
    with open(path) as f:
        return json.load(f)["model"]["training"]


def recipe(net, system, systems, steps, seed, folder, assignments=()):
    elements = SYSTEMS[system][0]
    made = json.loads(json.dumps(EXP)) if net == "exp" else proposed(elements, folder)
    if net == "mae":
        made["model"]["descriptor"], made["loss"] = dict(RADIAL), MAE
        made["model"]["fitting_net"]["neuron"] = [60, 60, 60]
        del made["kramers"]["degree_gain"]  # se_e2_a has no degrees to weigh
    for assignment in assignments if net == "init" else ():
        study.change(made, assignment)
    made["model"]["type_map"] = elements
    for part, section in enumerate((made["model"]["descriptor"], made["model"]["fitting_net"], made["training"])):
        section["seed"] = 10 * part + seed
    made["training"]["training_data"] = {"systems": systems}
    study.schedule(made, steps)
    made["training"]["save_freq"] = steps
    return made


def compare(a, system, net):
    steps, folder = round(a.scale * STEPS[system][net]), os.path.join(WORK, f"{system}_{net}")
    shutil.rmtree(folder, ignore_errors=True)
    dft = system == "Si-DFT"
    trained = os.path.join(kr_bench.DATA, "zuo2020", "Si_train.xyz") if dft else data(system, "train")
    if not os.path.exists(trained):
        sys.exit(f"{trained} is missing: set KRAMERS_DATA")
    made = recipe(net, system, [trained], steps, 1, folder, a.set)
    test = study.hold_out(made, 4, folder)[1] if dft else data(system, "test")
    _, cpu = study.train(PROGRAM, made, folder, 1, False)
    _, energy, _, force = study.errors(PROGRAM, os.path.join(folder, "model.dp"), test)
    print(f"{system:8s} {net:5s} {steps:7d} {cpu:7.1f} {1e3 * force:12.1f} {energy:17.2f}", flush=True)


@functools.cache
def four(system, net):
    """Four models, trained on the crystals up to COLD; files of these, the hotter crystals and the melts."""
    folder = os.path.join(WORK, f"four_{system}_{net}")
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    parts = {"cold": [], "hot": [], "melts": []}
    for k, frame in enumerate(study.xyz_frames(data(system, "train"))):
        t, _, molten = runs(system)[k // FRAMES]
        parts["melts" if molten else "cold" if t <= COLD else "hot"].append(frame)
    for part, frames in parts.items():
        with open(f"{folder}/{part}.xyz", "w") as f:
            f.writelines(frames)
    models = []
    for seed in range(4):
        made = recipe(net, system, [f"{folder}/cold.xyz"], STEPS_COLD[net], seed, folder)
        study.train(PROGRAM, made, f"{folder}/{seed}", 1, False)
        models.append(f"{folder}/{seed}/model.dp")
    return folder, models


def ensemble(system, net):
    folder, models = four(system, net)
    for part in ("hot", "melts"):
        table = f"{folder}/{part}.tsv"
        subprocess.run([PROGRAM, "eelt", "audit", f"{folder}/{part}.xyz", "-m", ",".join(models), "--table", table,
                        "--force", "--threads", "1"], check=True, stdout=subprocess.DEVNULL)
        with open(table) as f:
            rows = [(float(r["e_eV_per_A"]), float(r["u_eV_per_A"])) for r in csv.DictReader(f, delimiter="\t")]
        wrong = [u for e, u in rows if e > 0.15]
        e, u, ratio = (statistics.median(v) for v in zip(*((e, u, e / u) for e, u in rows)))
        print(f"{system:8s} {net:5s} {part:6s} {len(rows):6d} {e:11.3f} {u:15.3f} {ratio:15.2f} {len(wrong):12d} "
              f"{sum(u < 0.05 for u in wrong):12d}", flush=True)


def children_seconds():
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def explore(net):
    _, models = four("Si", net)
    a, corner = 5.431, [(0, 0, 0), (0, 2, 2), (2, 0, 2), (2, 2, 0)]
    sites = [tuple(c + s for c in place) for place in corner for s in (0, 1)]
    where = [[(x / 4 + cell) * a, y / 4 * a, z / 4 * a] for cell in (0, 1) for x, y, z in sites]
    seconds = {"double": [], "mixed": []}
    for repeat in range(5):
        for number, precision in enumerate(seconds):
            folder = os.path.join(WORK, f"explore_{net}_{precision}")
            shutil.rmtree(folder, ignore_errors=True)
            os.makedirs(folder)
            with open(f"{folder}/explore.json", "w") as f:
                json.dump({"models": models, "driver": 0, "elements": ["Si"], "ensemble": 2, "T_K": [300, 300],
                           "P_GPa": [0, 0], "steps": 2000, "dt_fs": 1, "sample_every": 10, "seed": 1 + repeat,
                           "f_lo": 0.35, "f_hi": 50, "reservoir": 20, "correlation_ps": 0.1, "stop": 5, "mc_swap": 0,
                           "temperature_hi": 0, "volume_factor": 3, "closest": 0.6,
                           "options": [0, 0.1, 0.5, 0.02, number, 1e-6], "types": [0] * len(where),
                           "coord_A": [v for atom in where for v in atom],
                           "box_A": [2 * a, 0, 0, 0, a, 0, 0, 0, a], "pbc": [1, 1, 1]}, f)
            before = children_seconds()
            subprocess.run([PROGRAM, "eelt", "explore", folder], check=True, capture_output=True)
            seconds[precision].append(children_seconds() - before)
            with open(f"{folder}/examine.json") as f:
                end = json.load(f)["end"]
            if end != "finished":
                sys.exit(f"{folder}: the run ended early: {end}")
    print(f"{net:5s}", *(f"{kr_bench.spread(s):20s}" for s in seconds.values()), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--systems", default=None, help="default: all, with --ensemble Al,Si")
    parser.add_argument("--nets", default="exp,mae,init")
    parser.add_argument("--scale", type=float, default=1, metavar="X", help="of the numbers of steps")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="of the net init")
    parser.add_argument("--explore", action="store_true")
    parser.add_argument("--ensemble", action="store_true")
    a = parser.parse_args()
    alone = a.explore or a.ensemble
    systems = (a.systems or ("Al,Si" if alone else ",".join(SYSTEMS))).split(",")
    nets = a.nets.split(",")
    for name, known in [*((s, STEPS) for s in systems), *((n, STEPS_COLD) for n in nets)]:
        if name not in known:
            parser.error(f"{name}: one of {', '.join(known)}")
    if a.ensemble and "Si-DFT" in systems:
        parser.error("--ensemble needs frames with a temperature: Al, Al-Mg, Si")
    if alone and (a.set or a.scale != 1):
        parser.error("--set and --scale are not for --explore and --ensemble")
    if not os.path.exists(PROGRAM):
        sys.exit(f"{PROGRAM} is missing: cmake --preset release && cmake --build --preset release")
    os.environ["OMP_NUM_THREADS"] = "1"
    if not alone:
        print(f"{'system':8s} {'net':5s} {'steps':>7s} {'cpu s':>7s} {'force, meV/A':>12s} {'energy, meV/atom':>17s}")
        for system in systems:
            for net in nets:
                compare(a, system, net)
    if a.ensemble:
        print(f"{'system':8s} {'net':5s} {'asked':6s} {'frames':>6s} {'error, eV/A':>11s} {'deviation, eV/A':>15s} "
              f"{'error/deviation':>15s} {'above 0.15':>12s} {'passed 0.05':>12s}   (medians)")
        for system in systems:
            for net in nets:
                ensemble(system, net)
    if a.explore:
        print(f"{'net':5s} {'double, cpu s':20s} {'mixed, cpu s':20s}   median of 5 (least-most)")
        for net in nets:
            explore(net)


if __name__ == "__main__":
    main()
