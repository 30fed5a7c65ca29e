#!/usr/bin/env python3
"""Holds every training frame of an element of Zuo et al. 2020 out once and prints errors by class of frames.

usage: folds.py [--element Mo] [--folds 3] [--steps N] [--seed N] [--set KEY=VALUE ...] [--threads N] [--label NAME]

Settings are compared this way when the errors of a few frames decide: one line for each model (that of
change_bias_after_training and the averaged one, "ema"), with mean absolute errors of all held-out frames (meV/atom,
eV/Å), of the frames that were trained, and by class:

    slab    more than 22 Å^3 per atom          vac    53 atoms, RMS force above 1.5 eV/Å: hot, with a vacancy
    melt    energy above -10 eV/atom           hot    RMS force above 1.5 eV/Å          other  all others

The classes are molybdenum's. "mix" weighs them as its test set has them (2, 2, 4, 3, 12), "no slabs" without the first.
Every slab stands at the end of the line: atoms, error in meV/atom. Recipe, data and folders are those of study.py.
SPDX-License-Identifier: BSD-3-Clause
"""
import argparse
import os

import study

WEIGHT = {"slab": 2, "vac": 2, "melt": 4, "hot": 3, "other": 12}  # of 23 frames


def kind(atoms, size, force, energy):
    if size > 22:
        return "slab"
    if atoms == 53 and force > 1.5:
        return "vac"
    if energy > -10:
        return "melt"
    return "hot" if force > 1.5 else "other"


def mean(values):
    values = list(values)
    return sum(values) / len(values)


def weighted(errors, kinds):
    found = {k: mean(abs(e) for name, _, e in errors if name == k) for k in kinds if any(n == k for n, _, _ in errors)}
    return sum(WEIGHT[k] * e for k, e in found.items()) / sum(WEIGHT[k] for k in found)


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--element", default="Mo")
    parser.add_argument("--folds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=int(study.STUDIES["elements"][2]))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--label", default="folds", help="name of the line and of the folders")
    a = parser.parse_args()
    if a.folds < 2:
        parser.error("--folds N, N at least 2")
    return a


def main():
    a = arguments()
    program = study.program()
    held, forces, trained, cpu = {"": [], "-ema": []}, {"": [], "-ema": []}, {"": [], "-ema": []}, 0
    for first in range(a.folds):
        folder = os.path.join(study.kr_bench.WORK, "training", f"{a.element}_{a.label}_{a.steps}_{a.seed}_{first}")
        recipe = study.read_recipe("elements", a.element, a.steps, a.seed, a.set)
        parts = study.hold_out(recipe, a.folds, first, folder)
        cpu += study.train(program, recipe, folder, a.threads, False)[1]
        for suffix in held:
            model = os.path.join(folder, f"model{suffix}.dp")
            for wrong, (energy, _, atoms, size, force) in study.frame_errors(program, model, parts[1]):
                held[suffix].append((kind(atoms, size, force, energy), atoms, wrong))
            forces[suffix].append(study.errors(program, model, parts[1])[2])
            trained[suffix].append(study.errors(program, model, parts[0])[0])
    for suffix, errors in held.items():
        by_kind = " ".join(f"{k} {weighted(errors, [k]):.2f}" for k in WEIGHT if any(n == k for n, _, _ in errors))
        slabs = " ".join(f"{n}:{e:+.0f}" for name, n, e in sorted(errors, key=lambda x: x[1]) if name == "slab")
        print(f"{a.label + suffix:20s} {a.steps:6d} steps, cpu {cpu:5.0f} s, force {mean(forces[suffix]):.4f}, energy "
              f"{mean(abs(e) for _, _, e in errors):.2f}, trained {mean(trained[suffix]):.2f}, mix "
              f"{weighted(errors, WEIGHT):.2f}, no slabs {weighted(errors, list(WEIGHT)[1:]):.2f}: {by_kind}; {slabs}",
              flush=True)


if __name__ == "__main__":
    main()
