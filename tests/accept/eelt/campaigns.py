"""Campaigns whose oracle also tells the truth: true errors, true rates, labels at the same error.

    campaigns.py make FOLDER KIND SEED     input of a campaign in FOLDER: whole, small, default or random
    campaigns.py window FOLDER FRAMES      frames of every cell from the oracle's own dynamics, with its forces
    campaigns.py curve FOLDER WINDOW N T   curve.tsv: labels of every iteration beside the true errors on every N-th frame
                                           of its models, or (T = 1) of one trained anew on them, for longer
    campaigns.py truth FOLDER FRAMES       truth.tsv: the certificate beside the rate on fresh runs of the same models
    campaigns.py ratio FOLDER FOLDER       labels of the first over those of the second: at the lowest errors both reach,
                                           and where what is asked of a whole campaign is reached (limit)
    campaigns.py compare KIND… SEEDS       errors against labels of these kinds of campaigns, medians over seeds

Campaigns are run by `kramers eelt run FOLDER/eelt.json`. Every command leaves what is done alone, so a killed
acceptance goes on. KRAMERS, LMP and KRAMERS_ROOT come from the environment. Cells are orthorhombic (npt-iso).
SPDX-License-Identifier: BSD-3-Clause
"""
import csv
import json
import math
import os
import shutil
import sqlite3
import statistics
import subprocess
import sys

KRAMERS, LMP, ROOT = os.environ["KRAMERS"], os.environ["LMP"], os.environ["KRAMERS_ROOT"]
EXAMPLE = f"{ROOT}/examples/al_eam"
PAIR = f"pair_style eam/fs\npair_coeff * * {EXAMPLE}/Al-Mg.eam.fs Al\nmass 1 26.9815\nneigh_modify every 1 delay 0\n"
LIMIT, WITHIN = 30, 0.99  # meV/A in the worst cell, frames within the target: what a whole campaign has to reach

# What differs from examples/al_eam. One task of a campaign runs at a time: two campaigns do. "small" is smaller, its models
# are poorer: two instead of four, a fifth of the training, fixed levels; and its target is stricter, so that some frames
# are wrong, and a larger share of wrong frames and of candidates is allowed. Whether its bound holds is as good a question.
# "default" and "random" have the whole window and the same budget in every iteration, no audit (its frames would be
# learned, too), and differ in the rule; "random" is DP-GEN's: any candidate, no look at duplicates or correlations. Some
# twenty labels are enough for this window, so they begin with three and take four at a time.
SMALL = {"T_K": [100, 300, 600], "P_GPa": [0], "steps": 500}
SMALL_TRAINING = 2000
SMALL_TARGET = 0.1  # eV/A; a model of so many steps on some 80 labels exceeds it in several per cent of the frames
CURVE = {"steps": 1000}
CURVE_TRAINING = 4000  # of the models that explore
ANEW = 30000  # steps of a model trained anew: after 10,000 one misses its own frames, and more labels look worse


def whole(c):
    pass


def train_for(c, steps):
    t = c["model"]["training"]
    t["training"].update(numb_steps=steps, save_freq=steps)


def small(c):
    c["explore"]["stages"][0].update(SMALL)
    c["explore"]["bootstrap"]["frames"] = 8
    c["select"]["per_iteration"] = 20
    c["audit"].update(per_iteration=10, certificate=120, bound=0.3, e_target_eV_per_A=SMALL_TARGET)
    c["campaign"]["max_iterations"] = 6
    c["model"]["ensemble"] = 2
    c["examine"] = {"levels": "fixed", "trust": {"f_lo_eV_per_A": 0.08, "f_hi_eV_per_A": 0.5}}
    c["converge"].update(candidate=0.1, failed=0.05, iterations=1, rmse_target_eV_per_A=0.1)
    train_for(c, SMALL_TRAINING)


def curve_of(c):
    c["explore"]["stages"][0].update(CURVE)
    c["explore"]["bootstrap"]["frames"] = 1
    c["select"].update(per_iteration=4, failed=0)
    c["examine"]["levels"] = "fixed"
    c["audit"].update(per_iteration=0, certificate=0)
    c["campaign"]["max_iterations"] = 8
    c["converge"].update(candidate=0, failed=0)
    train_for(c, CURVE_TRAINING)


def random_of(c):
    curve_of(c)
    c["select"].update(rule="random", dedup=False, near_distance=0, correlation_ps=0)


KINDS = {"whole": whole, "small": small, "default": curve_of, "random": random_of}


def replace(path, text):
    """Writes a file in one step: one that is there is complete."""
    part = f"{path}.part{os.getpid()}"
    with open(part, "w") as f:
        f.write(text)
    os.rename(part, path)


def make(folder, kind, seed):
    os.makedirs(folder, exist_ok=True)
    c = json.load(open(f"{EXAMPLE}/eelt.json"))
    del c["_"]
    c["campaign"].update(seed=int(seed), name=f"{kind} {seed}")
    KINDS[kind](c)
    c["label"]["command"] = LMP
    for job in c["jobs"].values():
        job["slots"] = 1
    for name in ("start", "Al-Mg.eam.fs"):
        source = f"{EXAMPLE}/{name}"
        if os.path.isdir(source):
            shutil.copytree(source, f"{folder}/{name}", dirs_exist_ok=True)
        elif not os.path.exists(f"{folder}/{name}"):
            shutil.copy(source, folder)
    replace(f"{folder}/eelt.json", json.dumps(c, indent=1))


# ---- structures: (lengths of the cell in A, positions in A, forces in eV/A or None) ----

def read_xyz(path):
    frames, lines, at = [], open(path).read().split("\n"), 0
    while at + 1 < len(lines) and lines[at].strip():
        n = int(lines[at])
        cell = [float(x) for x in lines[at + 1].split('Lattice="')[1].split('"')[0].split()]
        assert all(abs(cell[k]) < 1e-9 for k in (1, 2, 3, 5, 6, 7)), "cells are orthorhombic here"
        frames.append(([cell[0], cell[4], cell[8]],
                       [[float(x) for x in line.split()[1:4]] for line in lines[at + 2:at + 2 + n]], None))
        at += n + 2
    return frames


def write_xyz(path, frames):
    text = []
    for size, x, f in frames:
        text.append(f'{len(x)}\nLattice="{size[0]:.17g} 0 0 0 {size[1]:.17g} 0 0 0 {size[2]:.17g}" '
                    f'Properties=species:S:1:pos:R:3:forces:R:3 pbc="T T T"\n')
        text += ["Al " + " ".join(f"{v:.17g}" for v in a + b) + "\n" for a, b in zip(x, f)]
    replace(path, "".join(text))


def read_dump(path):
    """Rows of a text dump sorted by atom: [(step, lows, lengths, [[columns behind id]])]."""
    frames, lines, at = [], open(path).read().split("\n"), 0
    while at + 8 < len(lines):
        n = int(lines[at + 3])
        bounds = [[float(v) for v in lines[at + 5 + k].split()] for k in range(3)]
        frames.append((int(lines[at + 1]), [b[0] for b in bounds], [b[1] - b[0] for b in bounds],
                       [[float(v) for v in line.split()[1:]] for line in lines[at + 9:at + 9 + n]]))
        at += 9 + n
    return frames


def data_file(path, frame):
    size, x, _ = frame
    text = f"start\n\n{len(x)} atoms\n1 atom types\n" + "".join(
        f"0 {size[k]:.17g} {d}lo {d}hi\n" for k, d in enumerate("xyz")) + "\nAtoms\n\n"
    replace(path, text + "".join(f"{i + 1} 1 " + " ".join(f"{v:.17g}" for v in a) + "\n" for i, a in enumerate(x)))


def lammps(folder, script):
    replace(f"{folder}/in.oracle", script)
    done = subprocess.run([LMP, "-in", "in.oracle", "-log", "log.oracle", "-screen", "none"], cwd=folder)
    if done.returncode:
        sys.exit(f"LMP failed in {folder}:\n" + open(f"{folder}/log.oracle").read()[-800:])


def label(folder, frames):
    """Forces of the oracle for frames of equal numbers of atoms, by one LAMMPS."""
    data_file(f"{folder}/first.data", frames[0])
    text = []
    for k, (size, x, _) in enumerate(frames):
        text.append(f"ITEM: TIMESTEP\n{k}\nITEM: NUMBER OF ATOMS\n{len(x)}\nITEM: BOX BOUNDS pp pp pp\n" + "".join(
            f"0 {l:.17g}\n" for l in size) + "ITEM: ATOMS id type x y z\n")
        text += [f"{i + 1} 1 " + " ".join(f"{v % l:.17g}" for v, l in zip(a, size)) + "\n" for i, a in enumerate(x)]
    replace(f"{folder}/frames.dump", "".join(text))
    lammps(folder, f"units metal\natom_modify map array\nread_data first.data\n{PAIR}"
                   "dump d all custom 1 forces.dump id fx fy fz\ndump_modify d sort id format float %.17g\n"
                   "rerun frames.dump dump x y z box yes\n")
    forces = read_dump(f"{folder}/forces.dump")
    assert [f[0] for f in forces] == list(range(len(frames)))
    return [(size, x, f[3]) for (size, x, _), f in zip(frames, forces)]


# ---- true errors ----

def cells_of(c):
    """name: (system, T in K, P in GPa), in the campaign's own order of names."""
    stage = c["explore"]["stages"][0]
    return {f"{s['name']} {T} K {P} GPa": (s["name"], T, P)
            for P in stage["P_GPa"] for T in stage["T_K"] for s in c["explore"]["systems"]}


def window(folder, wanted):
    os.makedirs(folder, exist_ok=True)
    c = json.load(open(f"{EXAMPLE}/eelt.json"))
    cells = cells_of(c)
    steps, dt = c["explore"]["stages"][0]["steps"], c["explore"]["stages"][0]["dt_fs"] / 1000
    runs = 7  # of a cell, as long as the campaign's; the frames of one are alike
    every = max(1, steps * runs * len(cells) // int(wanted))
    script, left = [], [n for n in cells if not os.path.exists(f"{folder}/{n}.xyz")]
    for name in left:
        system, T, P = cells[name]
        data_file(f"{folder}/{system}.data", read_xyz(f"{EXAMPLE}/start/{system}.xyz")[0])
        for r in range(runs):
            script.append(f"clear\nunits metal\natom_modify map array\nread_data {system}.data\n{PAIR}timestep {dt}\n"
                          f"velocity all create {T} {1000 + 17 * len(script)} mom yes\n"
                          f"fix 1 all npt temp {T} {T} 0.1 iso {1e4 * P} {1e4 * P} 0.5\n"
                          f'dump d all custom {every} "{name}.{r}.dump" id x y z\n'
                          f"dump_modify d sort id format float %.17g first no\nrun {steps}\n")
    if script:
        lammps(folder, "".join(script))
    for name in left:
        frames = []
        for r in range(runs):
            for step, low, size, rows in read_dump(f"{folder}/{name}.{r}.dump"):
                if step > 0:
                    frames.append((size, [[(v - o) % l for v, o, l in zip(a, low, size)] for a in rows], None))
            os.remove(f"{folder}/{name}.{r}.dump")
        write_xyz(f"{folder}/{name}.xyz", label(folder, frames))


def errors(model, files, scratch):
    """{file: [(largest force error of a frame, rmse, atoms)]} of one model."""
    subprocess.run([KRAMERS, "eelt", "audit", *files, "-m", model, "--table", scratch,
                    "--force"], check=True, stdout=subprocess.DEVNULL)
    result = {f: [] for f in files}
    for row in csv.DictReader(open(scratch), delimiter="\t"):
        result[row["file"]].append(tuple(float(row[k]) for k in ("e_eV_per_A", "rmse_f_eV_per_A", "natoms")))
    os.remove(scratch)
    return result


def rmse(rows):
    return math.sqrt(sum(n * r * r for _, r, n in rows) / sum(n for *_, n in rows))


def above(rows, target):
    return sum(e > target for e, *_ in rows) / len(rows)


def target_of(folder):
    """eV/A: the largest force error of a frame that counts as accurate."""
    return json.load(open(f"{folder}/eelt.json"))["audit"]["e_target_eV_per_A"]


def metrics(folder):
    db = sqlite3.connect(f"file:{folder}/campaign/ledger.sqlite?mode=ro", uri=True)
    rows = db.execute("SELECT iteration, scope, name, value FROM metric WHERE hidden = 0")
    return {(iteration, scope, name): value for iteration, scope, name, value in rows}


def model_of(folder, iteration):
    return f"{folder}/campaign/iter.{iteration:06d}/00.train/model_0.dp"


COLUMNS = ("iteration", "labels", "rmse_meV_per_A", "worst_cell_meV_per_A", "within", "frames", "worst_cell")


def thinned(path, every):
    """Every so-manieth frame of a file, in a file beside it."""
    to = f"{path[:-4]}.every{every}.xyz"
    if every > 1 and not os.path.exists(to):
        lines, text, k = open(path).read().split("\n"), [], 0
        while lines[0]:
            n = int(lines[0]) + 2
            text += [line + "\n" for line in lines[:n]] if k % every == 0 else []
            lines, k = lines[n:], k + 1
        replace(to, "".join(text))
    return to if every > 1 else path


def train(folder, iteration):
    """One model from nothing, trained for so long that the labels limit it, on those that iteration's models learned: what
    they are worth does not depend on how long the models before were trained."""
    c, to = json.load(open(f"{folder}/eelt.json")), f"{folder}/trained.{iteration}"
    example = json.load(open(f"{EXAMPLE}/eelt.json"))["model"]["training"]
    t = {**example, "model": {**c["model"]["training"]["model"], "type_map": ["Al"]}}
    place = os.path.abspath(f"{folder}/campaign")
    data = [f"{place}/{it}/02.label/{d}" for it in sorted(os.listdir(place)) if it.startswith("iter.")
            and int(it[5:]) < iteration for d in sorted(os.listdir(f"{place}/{it}/02.label")) if d.startswith("data.")]
    t["training"] = {**t["training"], "seed": 1, "numb_steps": ANEW, "save_freq": ANEW,
                     "training_data": {"batch_size": 2, "systems": data}}
    os.makedirs(to, exist_ok=True)
    replace(f"{to}/input.json", json.dumps(t))
    subprocess.run([KRAMERS, "train", "input.json", "--output", "model.dp", "--force"], check=True, cwd=to,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return f"{to}/model.dp"


def curve(folder, frames, every="1", again="0"):
    path = f"{folder}/curve.tsv"
    c, m = json.load(open(f"{folder}/eelt.json")), metrics(folder)
    files = {thinned(f"{frames}/{name}.xyz", int(every)): name for name in cells_of(c)}
    done = {int(r["iteration"]): r for r in csv.DictReader(open(path), delimiter="\t")} if os.path.exists(path) else {}
    for k in sorted(i for i, s, n in m if (s, n) == ("train", "frames") and i not in done):
        if not os.path.exists(model_of(folder, k)):
            continue
        rows = errors(train(folder, k) if int(again) else model_of(folder, k), list(files), f"{folder}/scratch.tsv")
        every_frame = [x for r in rows.values() for x in r]
        by_cell = {files[f]: rmse(r) for f, r in rows.items()}
        worst = max(by_cell, key=by_cell.get)
        done[k] = dict(zip(COLUMNS, (
            k, int(m[k, "train", "frames"]), f"{1000 * rmse(every_frame):.3f}", f"{1000 * by_cell[worst]:.3f}",
            f"{1 - above(every_frame, target_of(folder)):.5f}", len(every_frame), worst)))
        replace(path, "\t".join(COLUMNS) + "\n" + "".join(
            "\t".join(str(done[i][n]) for n in COLUMNS) + "\n" for i in sorted(done)))


# ---- certificates ----

def fresh_runs(folder, iteration, wanted, to):
    """Runs of the certified models like those of the certificate, with other velocities: {cell: [folders]}."""
    db = sqlite3.connect(f"file:{folder}/campaign/ledger.sqlite?mode=ro", uri=True)
    inputs = {}
    for cell, place in db.execute("SELECT r.cell, a.dir FROM run r JOIN task t ON t.key = r.key JOIN attempt a ON "
                                  "a.task = t.id WHERE r.iteration = ? AND r.hidden = 0 ORDER BY r.id", (iteration,)):
        inputs.setdefault(cell, f"{folder}/campaign/{place}/explore.json")
    runs, made = 6, {}
    for cell, path in inputs.items():
        j = json.load(open(path))
        j["models"] = [os.path.abspath(model_of(folder, iteration)).replace("model_0", f"model_{k}") for k in (0, 1)]
        j.update(reservoir=math.ceil(int(wanted) / runs / len(inputs)), correlation_ps=0, driver=0)
        for r in range(runs):
            place = f"{to}/{cell}.{r}"
            os.makedirs(place, exist_ok=True)
            if not os.path.exists(f"{place}/done"):
                replace(f"{place}/explore.json", json.dumps({**j, "seed": 7919 * (cell + 1) + r}))
                subprocess.run([KRAMERS, "eelt", "explore", place], check=True, stderr=subprocess.DEVNULL)
                replace(f"{place}/done", "")
            made.setdefault(cell, []).append(place)
    return made


def truth(folder, wanted):
    if os.path.exists(f"{folder}/truth.tsv"):
        return
    m = metrics(folder)
    looks = sorted(i for i, s, n in m if (s, n) == ("certificate", "holds") and (i, "all", "audit_bound") in m)
    if not looks:
        sys.exit(f"{folder}: the campaign ended without a certificate")
    last, to = looks[-1], f"{folder}/truth"
    made = fresh_runs(folder, last, wanted, to)
    files = []
    for cell, places in made.items():
        frames = [f for p in places for f in read_xyz(f"{p}/accurate_sample.xyz")]
        write_xyz(f"{to}/cell.{cell}.xyz", label(to, frames))
        files.append(f"{to}/cell.{cell}.xyz")
    rows = errors(model_of(folder, last), files, f"{to}/scratch.tsv")
    rates = [above(r, target_of(folder)) for r in rows.values()]
    every = [x for r in rows.values() for x in r]
    bound = m[last, "all", "audit_bound"]
    rate = sum(rates) / len(rates)  # cells have equal weights, as in the certificate while no run ends early
    replace(f"{folder}/truth.tsv", "bound\ttrue_rate\tholds\tfresh_frames\trmse_meV_per_A\tcertificate_frames\t"
            "certificate_above\tlook\taccepted\n" + "\t".join(str(v) for v in (
                f"{bound:.5f}", f"{rate:.5f}", int(rate <= bound), len(every), f"{1000 * rmse(every):.2f}",
                int(m[last, "all", "audit_frames"]), int(m[last, "all", "audit_above"]),
                int(m[last, "certificate", "look"]), int(m[last, "certificate", "holds"]))) + "\n")
    shutil.rmtree(to)


# ---- labels at the same error ----

def learning(folder):
    """[(labels, {name: error})] by iteration; "limit" is 1 where all that is asked of a whole campaign is reached."""
    rows = []
    for r in csv.DictReader(open(f"{folder}/curve.tsv"), delimiter="\t"):
        error = {name: float(r[name]) for name in ("rmse_meV_per_A", "worst_cell_meV_per_A")}
        error["limit"] = max(error["worst_cell_meV_per_A"] / LIMIT, (1 - float(r["within"])) / (1 - WITHIN))
        rows.append((int(r["labels"]), error))
    return rows


def reached(folder, name):
    """Learning curve as [(labels, lowest error so far)]."""
    best, points = math.inf, []
    for labels, error in learning(folder):
        best = min(best, error[name])
        points.append((labels, best))
    return points


def labels_at(points, error):
    """Interpolated in the logarithm of the error between the iteration that reaches it and the one before."""
    before = None
    for labels, e in points:
        if e <= error:
            if before is None or before[1] <= error:
                return float(labels)
            return before[0] + (labels - before[0]) * math.log(before[1] / error) / math.log(before[1] / e)
        before = (labels, e)
    return math.nan


def ratio(first, second):
    def row(name, a, b, error):
        """Never reached: the first has lost, the second needs more than it had."""
        la, lb = labels_at(a, error), labels_at(b, error)
        value = 999 if math.isnan(la) else la / (b[-1][0] if math.isnan(lb) else lb)
        print(f"{name}\t{error:.3f}\t{la:.1f}\t{lb:.1f}\t{value:.4f}")
    for name in ("rmse_meV_per_A", "worst_cell_meV_per_A", "limit"):
        a, b = reached(first, name), reached(second, name)
        row(name, a, b, 1 if name == "limit" else max(a[-1][1], b[-1][1]))


def compare(*kinds_and_seeds):
    """One line of each kind and iteration: labels, force error over all cells and in the worst, share within the target."""
    *kinds, seeds = kinds_and_seeds
    for kind in kinds:
        rows = {}
        for s in range(1, int(seeds) + 1):
            path = f"{kind}.{s}/curve.tsv"
            for r in csv.DictReader(open(path), delimiter="\t") if os.path.exists(path) else []:
                rows.setdefault(int(r["iteration"]), []).append([float(r[c]) for c in COLUMNS[1:5]])
        for k in sorted(rows):
            labels, every, worst, within = (statistics.median(column) for column in zip(*rows[k]))
            print(f"    {kind:8} {labels:4.0f} labels: {every:5.1f} meV/A, {worst:5.1f} in the worst cell, "
                  f"{100 * within:6.2f} % of the frames within the target ({len(rows[k])} seeds)")


if __name__ == "__main__":
    commands = {"make": make, "window": window, "curve": curve, "truth": truth, "ratio": ratio,
                "compare": compare}
    if len(sys.argv) < 2 or sys.argv[1] not in commands:
        sys.exit(__doc__)
    commands[sys.argv[1]](*sys.argv[2:])
