"""What another program makes of a trained model, beside `kramers eval`: prints "key value" lines for scripts/accept.

    model_values.py deepmd MODEL FOLDER   FOLDER: deepmd/npy with energy, force, virial of `kramers eval`; needs the
                                          Python of an environment that has DeePMD-kit
    model_values.py lammps FOLDER         FOLDER: frame.xyz of `kramers eval`, log and dump `forces` of LAMMPS
SPDX-License-Identifier: BSD-3-Clause
"""
import os
import re
import sys


def deepmd(model, folder):
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import deepmd as package
    import numpy as np
    from deepmd.infer import DeepPot

    pot = DeepPot(model)
    data = {key: np.load(f"{folder}/set.000/{key}.npy") for key in ("coord", "energy", "force", "virial")}
    box = f"{folder}/set.000/box.npy"
    cell = np.load(box) if os.path.exists(box) and not os.path.exists(f"{folder}/nopbc") else None
    names = open(f"{folder}/type_map.raw").read().split()
    types = [pot.get_type_map().index(names[int(t)]) for t in open(f"{folder}/type.raw").read().split()]
    energy, force, virial = pot.eval(data["coord"], cell, types)[:3]
    n = len(types)
    print("version", package.__version__)
    print("frames", len(data["coord"]))
    print("energy %.3g" % (np.abs(energy.ravel() - data["energy"].ravel()).max() / n))
    print("force %.3g" % np.abs(force.ravel() - data["force"].ravel()).max())
    print("virial %.3g" % np.abs(virial.ravel() - data["virial"].ravel()).max())


def lammps(folder):
    lines = open(f"{folder}/frame.xyz").read().splitlines()
    n = int(lines[0])
    energy = float(re.search(r"\benergy=(\S+)", lines[1]).group(1))
    columns = re.search(r"Properties=(\S+)", lines[1]).group(1).split(":")
    at = 0
    for name, width in zip(columns[0::3], columns[2::3]):
        if name in ("force", "forces"):
            break
        at += int(width)
    ours = [[float(x) for x in line.split()[at:at + 3]] for line in lines[2:2 + n]]
    theirs = [[float(x) for x in line.split()[1:4]] for line in open(f"{folder}/forces").read().splitlines()[9:]]
    log = open(f"{folder}/log").read().splitlines()
    row = next(i for i, line in enumerate(log) if line.split() == ["PotEng"])
    print("energy %.3g" % (abs(float(log[row + 1]) - energy) / n))
    print("force %.3g" % max(abs(a - b) for p, q in zip(ours, theirs) for a, b in zip(p, q)))
    if len(ours) != len(theirs):
        sys.exit("another number of atoms")


if __name__ == "__main__":
    {"deepmd": deepmd, "lammps": lammps}[sys.argv[1]](*sys.argv[2:])
