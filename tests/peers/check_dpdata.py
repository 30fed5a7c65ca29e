"""Are data sets of a campaign what dpdata reads? usage: check_dpdata.py FOLDER...  (deepmd/npy, perhaps in sub-folders)

Loads every set with dpdata.LabeledSystem(fmt="deepmd/npy") and compares elements, cells, positions, energies, forces and
virials with the numbers in the files. SPDX-License-Identifier: BSD-3-Clause"""
import glob
import os
import sys

import dpdata
import numpy as np


def check(folder):
    system = dpdata.LabeledSystem(folder, fmt="deepmd/npy")
    raw = {}
    for name in ("box", "coord", "energy", "force", "virial"):
        parts = [np.load(f) for f in sorted(glob.glob(os.path.join(folder, "set.*", name + ".npy")))]
        if parts:
            raw[name] = np.concatenate(parts)
    frames = len(raw["energy"])
    atoms = raw["coord"].shape[1] // 3
    assert system.get_nframes() == frames, (system.get_nframes(), frames)
    names = open(os.path.join(folder, "type_map.raw")).read().split()
    types = np.loadtxt(os.path.join(folder, "type.raw"), dtype=int, ndmin=1)
    assert [system["atom_names"][t] for t in system["atom_types"]] == [names[t] for t in types]
    for key, name, shape in (("cells", "box", (frames, 3, 3)), ("coords", "coord", (frames, atoms, 3)),
                             ("forces", "force", (frames, atoms, 3)), ("energies", "energy", (frames,)),
                             ("virials", "virial", (frames, 3, 3))):
        if name in raw:
            worst = np.abs(system[key] - raw[name].reshape(shape)).max()
            assert worst < 1e-9, (key, worst)
    return frames


folders = sorted({os.path.dirname(os.path.dirname(f)) for top in sys.argv[1:]
                  for f in glob.glob(os.path.join(top, "**", "set.*", "coord.npy"), recursive=True)})
assert folders, "no data sets in " + " ".join(sys.argv[1:])
print(f"dpdata {dpdata.__version__}: {sum(check(f) for f in folders)} frames in {len(folders)} sets")
