#!/usr/bin/env python3
"""Learning curves of all optimizers: errors on held-out frames against process time, as a table and a picture.

usage: optimizers.py water|Cu|Li|Mo|Si [--optimizers SOAP,Adam,...] [--scale S] [--threads N] [--draw FILE]

Every point is a whole run whose rate falls to its end, because a run at its high rate shows little of what it has
learned. Recipe, data and folders are those of study.py: water is tested on data_3 (force RMSE in meV/Å, energy RMSE in
meV/atom), an element on the tenth of its training frames that is held out (mean absolute errors). What an optimizer
changes in the recipe stands in SETTINGS: its best rate of a few that were tried, and for the Kalman filter, which keeps
a covariance for every block of parameters, a smaller net and double precision. --scale multiplies all numbers of steps.
With --draw the lines "optimizer steps seconds force energy" are merged into FILE.dat, a point measured again replacing
the old one, and FILE.svg and FILE.gp are made from all of them by gnuplot.
SPDX-License-Identifier: BSD-3-Clause
"""
import argparse
import os
import subprocess
import sys

import study

ADAM = ["optimizer.type=Adam", "optimizer.adam_beta2=0.99"]
MUON = ["optimizer.type=Muon"]
SMALL = ["model.descriptor.neuron=[20,40,80]", "model.fitting_net.neuron=[40,40,40]"]
LKF = ['optimizer={"type": "LKF", "kf_blocksize": 1024}', "kramers.precision=double", "training.enable_ema=false",
       "learning_rate.start_lr=1", "learning_rate.stop_lr=0.02", "learning_rate.warmup_steps=0"]
LBFGS = ['optimizer={"type": "LBFGS"}', "learning_rate.warmup_steps=0", "training.enable_ema=false"]
PLAIN = ["loss.start_pref_e=1", "loss.limit_pref_e=1", "loss.start_pref_f=1", "loss.limit_pref_f=1"]

# Optimizer: changes of the recipe, numbers of steps.
SETTINGS = {
    "water": {
        "SOAP": ([], (400, 1500, 5000)),
        "Muon": ([*MUON, "learning_rate.start_lr=0.03"], (300, 1000, 3500)),
        "Adam": ([*ADAM, "learning_rate.start_lr=0.008"], (700, 2500, 9000)),
        "LKF": ([*LKF, *SMALL, "model.descriptor.axis_neuron=6"], (100, 300, 1000)),
        "LBFGS": ([*LBFGS, *PLAIN], (6, 20, 60)),
    },
    "element": {
        "SOAP": ([], (500, 1500, 5000)),
        "Muon": ([*MUON, "learning_rate.start_lr=0.01"], (400, 1200, 4000)),
        "Adam": ([*ADAM], (800, 2500, 8000)),
        "LKF": ([*LKF, *SMALL, "model.descriptor.axis_neuron=10"], (30, 100, 300)),
        "LBFGS": ([*LBFGS, "loss.start_pref_e=100", "loss.limit_pref_e=100", "loss.start_pref_f=200",
                   "loss.limit_pref_f=200"], (10, 40)),
    },
}


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["water", "Cu", "Li", "Mo", "Si"])
    parser.add_argument("--optimizers", default="SOAP,Muon,Adam,LKF,LBFGS")
    parser.add_argument("--scale", type=float, default=1)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="on top of SETTINGS")
    parser.add_argument("--label", default="curve", help="part of the names of the folders")
    parser.add_argument("--draw", default="", metavar="FILE")
    a = parser.parse_args()
    for name in a.optimizers.split(","):
        if name not in SETTINGS["water"]:
            parser.error(f"--optimizers {name}: one of {','.join(SETTINGS['water'])}")
    return a


def run(a, program, name, changes, steps):
    """Process seconds, force error (meV/Å) and energy error (meV/atom) of one training."""
    water = a.what == "water"
    recipe = study.read_recipe("water" if water else "elements", a.what, steps, a.seed, [*changes, *a.set])
    folder = os.path.join(study.kr_bench.WORK, "training", f"{a.what}_{a.label}_{name}_{steps}_{a.seed}")
    test = os.path.join(study.kr_bench.DATA, "water/data_3")
    if not water:
        test = study.hold_out(recipe, 10, 5, folder)[1]
    cpu = study.train(program, recipe, folder, a.threads, False)[1]
    e_mae, e_rmse, f_mae, f_rmse = study.errors(program, os.path.join(folder, "model.dp"), test)
    return (cpu, 1e3 * f_rmse, e_rmse) if water else (cpu, 1e3 * f_mae, e_mae)


def read_points(path):
    points = {}
    if os.path.exists(path):
        for line in open(path):
            if line.strip() and not line.startswith("#"):
                name, steps, *values = line.split()
                points[name, int(steps)] = [float(v) for v in values]
    return points


def draw(a, prefix, points):
    """The data in one block per optimizer, the script, the picture."""
    error = "RMSE" if a.what == "water" else "MAE"
    names = [n for n in SETTINGS["water"] if any(name == n for name, _ in points)]
    with open(f"{prefix}.dat", "w") as f:
        f.write(f"# {a.what}: optimizer steps process_seconds force_{error}_meV/A energy_{error}_meV/atom\n")
        for name in names:
            for (_, steps), values in sorted(item for item in points.items() if item[0][0] == name):
                f.write(f"{name} {steps} " + " ".join(f"{v:.4g}" for v in values) + "\n")
            f.write("\n\n")
    stem = os.path.basename(prefix)
    with open(f"{prefix}.gp", "w") as f:
        f.write(f"# gnuplot {stem}.gp draws {stem}.svg\n"
                f"set terminal svg size 640,420 background 'white'\nset output '{stem}.svg'\n"
                f"set logscale xy\nset grid\nset key top right\nset xlabel 'process time (s)'\n"
                f"set ylabel 'force {error} on held-out frames (meV/Å)'\nset encoding utf8\n"
                "plot " + ", ".join(f"'{stem}.dat' index {i} using 3:4 with linespoints lw 2 pt 7 ps 0.6 title '{name}'"
                                    for i, name in enumerate(names)) + "\n")
    folder = os.path.dirname(os.path.abspath(prefix))
    if subprocess.run(["gnuplot", f"{stem}.gp"], cwd=folder).returncode:
        sys.exit(f"gnuplot failed on {prefix}.gp")


def main():
    a, program = arguments(), study.program()
    settings = SETTINGS["water" if a.what == "water" else "element"]
    points = read_points(f"{a.draw}.dat") if a.draw else {}
    print(f"{'optimizer':10s} {'steps':>8s} {'cpu s':>9s} {'force':>9s} {'energy':>9s}   (meV/A, meV/atom)", flush=True)
    for name in a.optimizers.split(","):
        changes, lengths = settings[name]
        for steps in (max(2, round(a.scale * n)) for n in lengths):
            cpu, force, energy = run(a, program, name, changes, steps)
            print(f"{name:10s} {steps:8d} {cpu:9.1f} {force:9.2f} {energy:9.3f}", flush=True)
            points[name, steps] = [cpu, force, energy]
        if a.draw:
            draw(a, a.draw, points)


if __name__ == "__main__":
    main()
