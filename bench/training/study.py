#!/usr/bin/env python3
"""Trains by the recipes of this folder and prints errors on held-out frames beside wall and process time.

usage: study.py water [--steps N,...] [--set KEY=VALUE ...] [--threads N] [--seeds N] [--label NAME] [--resume]
       study.py elements [--elements Cu,Si,Mo,Li] [--steps N] [--hold-out N] [...]
       study.py acac [--steps N] [...]
       study.py deepmd [--seeds N] [...]       water by DeePMD-kit's example input

The data are in KRAMERS_DATA (default ../shared/data), runs in KRAMERS_BENCH_WORK (default build/bench). --set changes
a key of the recipe, for example --set optimizer.type=SOAP or --set training.training_data.batch_size=4. One line per
run, and one more for averaged weights (training.enable_ema). Published errors of other potentials stand below those of
the elements (MAE over the test frames). With --hold-out N frames M, M + N, ... of the training set (--first M, default
N/2) are not trained; two lines per run then show the errors on the frames that were trained and on those held out, and
the test set is not looked at: settings are chosen this way. With --worst N the N frames with the largest energy errors
of every test are listed: number in the file, atoms, volume per atom, RMS force of the labels, error. With --seeds N the
mean of all N models' predictions has a line, too: what it does not take away, all of them have in common.
SPDX-License-Identifier: BSD-3-Clause
"""
import argparse
import json
import os
import re
import resource
import signal
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(HERE))
import kr_bench  # noqa: E402

# Test errors, meV/atom and eV/Å, mean absolute: Zuo et al. 2020; all but GAP evaluated from the published model files.
PUBLISHED = {
    "Cu": {"GAP": (0.46, 0.01), "MTP": (0.41, 0.0069), "NNP": (1.15, 0.0262), "SNAP": (0.53, 0.0371),
           "qSNAP": (0.56, 0.0241)},
    "Li": {"GAP": (0.49, 0.01), "MTP": (0.49, 0.0101), "NNP": (0.75, 0.0168), "SNAP": (1.03, 0.0277),
           "qSNAP": (0.73, 0.0328)},
    "Mo": {"GAP": (2.24, 0.09), "MTP": (2.94, 0.0901), "NNP": (3.65, 0.1250), "SNAP": (5.48, 0.2065),
           "qSNAP": (2.77, 0.1838)},
    "Si": {"GAP": (2.91, 0.07), "MTP": (2.31, 0.0560), "NNP": (5.63, 0.1086), "SNAP": (6.44, 0.1327),
           "qSNAP": (3.81, 0.1157)},
}


def change(recipe, assignment):
    """section.key=value; value is JSON when it can be read as such, else text."""
    key, text = assignment.split("=", 1)
    try:
        value = json.loads(text)
    except ValueError:
        value = text
    *path, last = key.split(".")
    for part in path:
        recipe = recipe.setdefault(part, {})
    recipe[last] = value


def schedule(recipe, steps):
    recipe["training"]["numb_steps"] = steps
    recipe["training"]["disp_freq"] = max(1, steps // 10)
    if recipe["learning_rate"].get("type", "exp") == "exp":
        recipe["learning_rate"].setdefault("decay_steps", max(1, steps // 100))


def place_data(recipe):
    for part in ("training_data", "validation_data"):
        data = recipe["training"].get(part)
        if data:
            data["systems"] = [os.path.join(kr_bench.DATA, s) for s in data["systems"]]
            for system in data["systems"]:
                if not os.path.exists(system):
                    sys.exit(f"{system} is missing: set KRAMERS_DATA")


def xyz_frames(path):
    with open(path) as f:
        while first := f.readline().strip():
            yield first + "\n" + "".join(f.readline() for _ in range(int(first) + 1))


def hold_out(recipe, every, first, folder):
    """Trains without every such frame of the one file of the recipe; returns the files of trained and held-out frames."""
    systems = recipe["training"]["training_data"]["systems"]
    parts = os.path.join(folder, "trained.xyz"), os.path.join(folder, "held.xyz")
    os.makedirs(folder, exist_ok=True)
    with open(parts[0], "w") as trained, open(parts[1], "w") as held:
        for i, frame in enumerate(xyz_frames(systems[0])):
            (held if i % every == first else trained).write(frame)
    systems[:] = parts[:1]
    return parts


def train(program, recipe, folder, threads, resume):
    """Wall and process seconds; the model is folder/model.dp. A run that was stopped (SIGTERM, code 3) goes on with
    resume; its times add up."""
    os.makedirs(folder, exist_ok=True)
    path, times = os.path.join(folder, "input.json"), os.path.join(folder, "times")
    command = [program, "train", path, "--folder", folder, "--force"]
    wall = cpu = 0.0
    if resume and os.path.exists(os.path.join(folder, "checkpoint")):
        command += ["--restart"]
        if os.path.exists(times):
            wall, cpu = map(float, open(times).read().split())
    else:
        with open(path, "w") as f:
            json.dump(recipe, f, indent=1)
    if threads:
        command += ["--threads", str(threads)]
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    signal.signal(signal.SIGTERM, lambda *_: None)  # the training gets it, too, and writes a checkpoint
    with open(os.path.join(folder, "log"), "w") as log:
        code = subprocess.run(command, stdout=log, stderr=subprocess.STDOUT).returncode
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    wall += time.monotonic() - start
    cpu += after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    with open(times, "w") as f:
        f.write(f"{wall:.1f} {cpu:.1f}\n")
    if code:
        sys.exit(f"training {'stopped: --resume goes on' if code == 3 else 'failed'}, see {folder}/log")
    return wall, cpu


def errors(program, model, system):
    """(MAE, RMSE) of energy in meV/atom and of force components in eV/Å."""
    out = subprocess.run([program, "test", "-m", model, "-s", system], text=True, capture_output=True)
    return read_errors(out.stdout + out.stderr)


def read_errors(text):
    """As errors(), from the output of `kramers test` or `dp test`."""
    found = {}
    for name in ("Energy MAE/Natoms", "Energy RMSE/Natoms", "Force  MAE", "Force  RMSE"):
        pattern = re.escape(name).replace(r"\ \ ", r"\s+").replace(r"\ ", r"\s+") + r"\s*:\s*(\S+)"
        values = re.findall(pattern, text)
        if not values:
            sys.exit(f"no '{name}' in the output of the test:\n{text}")
        found[name] = float(values[-1])  # the last one is the average over all systems
    e_mae, e_rmse, f_mae, f_rmse = found.values()
    return 1e3 * e_mae, 1e3 * e_rmse, f_mae, f_rmse


def detail(path):
    """Labels and predictions of a detail file, each as one list."""
    rows = [[float(v) for v in line.split()] for line in open(path) if not line.startswith("#")]
    half = len(rows[0]) // 2
    return [v for row in rows for v in row[:half]], [v for row in rows for v in row[half:]]


def frame_errors(program, model, system):
    """Energy error in meV/atom and (label in eV/atom, number in the file, atoms, Å^3 per atom, RMS force in eV/Å) of every
    frame. `kramers test` sorts frames by composition: labels find them."""
    prefix = os.path.join(os.path.dirname(model), "detail")
    command = [program, "test", "-m", model, "-s", system, "-d", prefix, "--force"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    frames = []
    for i, text in enumerate(xyz_frames(system)):
        count_line, comment, *rows = text.strip().split("\n")
        n, cell = int(count_line), [float(v) for v in re.search('Lattice="([^"]*)"', comment).group(1).split()]
        force = [float(v) for row in rows for v in row.split()[4:7]]
        frames.append((float(re.search(r"energy=(\S+)", comment).group(1)) / n, i, n, volume(cell) / n,
                       (sum(f * f for f in force) / len(force)) ** 0.5))
    found = []
    for label, value in zip(*detail(prefix + ".e_peratom.out")):
        frame = min(frames, key=lambda f: abs(f[0] - label))
        frames.remove(frame)
        found.append((1e3 * (value - label), frame))
    return found


def worst(program, model, system, count):
    """Prints the frames with the largest energy errors."""
    found = frame_errors(program, model, system)
    for wrong, (_, i, n, v, f) in sorted(found, key=lambda w: -abs(w[0]))[:count]:
        print(f"    frame {i:4d}: {n:4d} atoms, {v:7.2f} A^3/atom, force {f:6.3f} eV/A, energy {wrong:+7.2f} meV/atom")


def volume(cell):
    a, b, c = cell[0:3], cell[3:6], cell[6:9]
    return abs(sum(a[i] * (b[i - 2] * c[i - 1] - b[i - 1] * c[i - 2]) for i in range(3)))


def mean_errors(program, models, system):
    """As errors(), of the mean of the models' predictions."""
    prefix = os.path.join(os.path.dirname(models[0]), "detail")
    units = {".e_peratom.out": 1e3, ".f.out": 1.0}
    sums = {kind: None for kind in units}
    for model in models:
        command = [program, "test", "-m", model, "-s", system, "-d", prefix, "--force"]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for kind in units:
            labels, values = detail(prefix + kind)
            wrong = [v - label for v, label in zip(values, labels)]
            sums[kind] = [a + b for a, b in zip(sums[kind] or [0] * len(wrong), wrong)]
    result = []
    for kind, unit in units.items():
        mean = [unit * v / len(models) for v in sums[kind]]
        result += [sum(map(abs, mean)) / len(mean), (sum(v * v for v in mean) / len(mean)) ** 0.5]
    return result


def report(a, name, steps, wall, cpu, result):
    if a.values:
        with open(a.values, "a") as f:
            keys = ("e_mae", "e_rmse", "f_mae", "f_rmse")
            for key, value in (*zip(keys, result), ("wall", wall), ("cpu", cpu)):
                f.write(f"{name.replace(' ', '_')}_{key} {value:.5g}\n")
    print_row(name, steps, wall, cpu, result)


def print_head():
    print(f"{'run':28s} {'steps':>8s} {'wall s':>9s} {'cpu s':>9s} {'E MAE':>9s} {'E RMSE':>9s} {'F MAE':>9s} "
          f"{'F RMSE':>9s}   (meV/atom, eV/A)", flush=True)


def print_row(name, steps, wall, cpu, result):
    e_mae, e_rmse, f_mae, f_rmse = result
    print(f"{name:28s} {steps:8d} {wall:9.1f} {cpu:9.1f} {e_mae:9.3f} {e_rmse:9.3f} {f_mae:9.4f} {f_rmse:9.4f}",
          flush=True)


# What is trained: recipe, test data, steps.
STUDIES = {
    "water": ("water.json", "water/data_3", "12000"),
    "elements": ("element.json", "zuo2020/{}_test.xyz", "8000"),
    "deepmd": ("water_deepmd.json", "water/data_3", "36000"),
    "acac": ("acac.json", "acac/test_MD_300K.xyz", "10000"),
}


def read_recipe(what, name, steps, seed, assignments):
    with open(os.path.join(HERE, STUDIES[what][0])) as f:
        recipe = json.loads(f.read().replace("ELEMENT", name))
    recipe["training"]["seed"] += seed
    recipe["model"]["descriptor"]["seed"] += seed
    recipe["model"]["fitting_net"]["seed"] += seed
    for assignment in assignments:
        change(recipe, assignment)
    schedule(recipe, steps)
    place_data(recipe)
    return recipe


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=list(STUDIES))
    parser.add_argument("--steps", default=None)
    parser.add_argument("--elements", default="Cu,Si,Mo,Li")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--label", default="", help="added to the name of the run and of its folder")
    parser.add_argument("--hold-out", type=int, default=0, metavar="N", help="elements, acac: leave out every N-th frame")
    parser.add_argument("--first", type=int, default=None, metavar="M", help="with --hold-out: its first frame (N / 2)")
    parser.add_argument("--worst", type=int, default=0, metavar="N", help="elements: list N frames with the largest errors")
    parser.add_argument("--resume", action="store_true", help="go on with runs that were stopped")
    parser.add_argument("--values", default="", metavar="FILE", help='append lines "RUN_KEY VALUE" to this file')
    a = parser.parse_args()
    if a.hold_out and (a.hold_out < 2 or a.what not in ("elements", "acac")):
        parser.error("--hold-out N, N at least 2, is for elements and acac")
    a.first = a.hold_out // 2 if a.first is None else a.first
    if a.hold_out and not 0 <= a.first < a.hold_out:
        parser.error("--first M needs --hold-out N, M from 0 to N - 1")
    if a.worst and a.what != "elements":
        parser.error("--worst is for elements")
    return a


def run_one(a, program, name, steps, seed):
    """One training, a line for each model and test set; returns the name of the run, times, model and tests."""
    recipe = read_recipe(a.what, name, steps, seed, a.set)
    run = f"{name}{'_' if a.label else ''}{a.label}"
    folder = os.path.join(kr_bench.WORK, "training", f"{run}_{steps}_{seed}")
    tests = {"": os.path.join(kr_bench.DATA, STUDIES[a.what][1].format(name))}
    if a.hold_out:
        trained, held = hold_out(recipe, a.hold_out, a.first, folder)
        tests = {" trained": trained, " held out": held}
    wall, cpu = train(program, recipe, folder, a.threads, a.resume)
    for suffix in ("", "-ema"):
        model = os.path.join(folder, f"model{suffix}.dp")
        if os.path.exists(model):
            for part, test in tests.items():
                report(a, run + suffix + part, steps, wall, cpu, errors(program, model, test))
                if a.worst:
                    worst(program, model, test, a.worst)
    return run, wall, cpu, os.path.join(folder, "model.dp"), tests


def run_seeds(a, program, name, steps):
    runs = [run_one(a, program, name, steps, seed) for seed in range(a.seeds)]
    if len(runs) < 2:
        return
    names, walls, cpus, models, tests = zip(*runs)
    for part, test in tests[0].items():
        label = f"{names[0]} mean of {len(runs)}{part}"
        report(a, label, steps, sum(walls), sum(cpus), mean_errors(program, models, test))


def program():
    path = os.path.join(kr_bench.BUILD, "cli", "kramers")
    if not os.path.exists(path):
        sys.exit(f"{path} is missing: cmake --preset release && cmake --build --preset release")
    return path


def main():
    a, binary = arguments(), program()
    print_head()
    names = a.elements.split(",") if a.what == "elements" else [a.what]
    for name in names:
        for steps in [int(n) for n in (a.steps or STUDIES[a.what][2]).split(",")]:
            run_seeds(a, binary, name, steps)
        if not a.hold_out:
            for other, (energy, force) in PUBLISHED.get(name, {}).items():
                print(f"  {other:64s}{energy:9.3f} {'':9s} {force:9.4f}")


if __name__ == "__main__":
    main()
