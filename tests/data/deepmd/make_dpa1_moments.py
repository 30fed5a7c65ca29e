"""Random DPA-1 models with higher angular moments (lmax above 1) in the .dp form, with energies by DeePMD-kit's NumPy
backend and forces and virials by finite differences of them.
usage: make_dpa1_moments.py FOLDER   (a Python with DeePMD-kit 3.2 or later)"""
import json
import sys

import numpy as np
from deepmd.dpmodel.atomic_model.dp_atomic_model import DPAtomicModel
from deepmd.dpmodel.descriptor.dpa1 import DescrptDPA1
from deepmd.dpmodel.fitting import EnergyFittingNet
from deepmd.dpmodel.model.ener_model import EnergyModel
from deepmd.dpmodel.utils.serialization import save_dp_model

TYPES = ["O", "H"]
CASES = [
    # name, lmax, other options
    ("dpa1_lmax4", 4, {"attn_layer": 0, "tebd_input_mode": "concat", "type_one_side": True}),
    ("dpa1_lmax3_strip", 3, {"attn_layer": 0, "tebd_input_mode": "strip", "env_protection": 0.05}),
    ("dpa1_lmax2_attn", 2, {"attn_layer": 1, "attn": 6, "exclude_types": [(0, 1)], "smooth_type_embedding": True}),
]


def build(lmax, options, seed):
    rng = np.random.default_rng(seed)
    d = DescrptDPA1(4.2, 2.0, 24, 2, neuron=[3, 6], axis_neuron=2, tebd_dim=3, lmax=lmax, seed=seed, type_map=TYPES,
                    use_tebd_bias=False, **options)
    shape = d.se_atten["davg"].shape
    avg, std = np.zeros(shape), np.ones(shape)
    avg[..., 0] = np.array([0.08, 0.05])[:, None]
    std[..., 0] = np.array([0.14, 0.11])[:, None]
    std[..., 1:] = np.array([0.09, 0.12])[:, None, None]
    d.se_atten["davg"], d.se_atten["dstd"] = avg, std
    d.se_atten.adam_degree_gain_raw = rng.normal(0.9, 0.4, lmax - 1)
    f = EnergyFittingNet(2, d.get_dim_out(), neuron=[6, 6], mixed_types=True, seed=seed + 1, type_map=TYPES)
    f["bias_atom_e"] = np.array([[-2.0], [-1.0]])
    return EnergyModel(d, f, type_map=TYPES)


def energies(model, x, atype, box):
    out = model.call(x.reshape(1, -1), atype.reshape(1, -1), None if box is None else box.reshape(1, 9))
    return np.asarray(out["atom_energy"]).reshape(-1)


def differences(model, x, atype, box, h=1e-4):
    """Five-point forces, and virials W[a][b] from strained cells (of the coordinates alone in the open)."""
    def slope(move):
        e = [energies(model, *move(k * h)).sum() for k in (-2, -1, 1, 2)]
        return (e[0] - 8 * e[1] + 8 * e[2] - e[3]) / (12 * h)

    force, virial = np.zeros(x.size), np.zeros(9)
    for i in range(x.size):
        def move(s, i=i):
            y = x.copy().reshape(-1)
            y[i] += s
            return y.reshape(x.shape), atype, box
        force[i] = -slope(move)
    for k in range(9):
        def move(s, k=k):
            strain = np.eye(3)
            strain[k // 3, k % 3] += s
            return x @ strain, atype, None if box is None else box @ strain
        virial[k] = -slope(move)
    return force, virial


def main():
    for number, (name, lmax, options) in enumerate(CASES):
        model = build(lmax, options, 11 + number)
        header = {"software": "deepmd-kit", "backend": "Numpy", "model": model.serialize(),
                  "model_def_script": {}, "@variables": {}}
        for suffix in "dp", "yaml":
            save_dp_model(f"{sys.argv[1]}/{name}.{suffix}", header)
        rng, tests = np.random.default_rng(5), []
        for periodic in (True, False):
            box = np.array([[4.6, 0, 0], [0.7, 5.1, 0], [-0.4, 0.5, 4.9]]) if periodic else None
            grid = np.array([[0, 0, 0], [2, 0, 0], [0, 2.2, 0], [0, 0, 2.1], [2.1, 2.2, 0.2], [0.3, 2.1, 2.4]])
            x, atype = grid + rng.uniform(-0.25, 0.25, (6, 3)) + 0.4, np.array([0, 1, 1, 0, 1, 1])
            e = energies(model, x, atype, box)
            force, virial = differences(model, x, atype, box)
            tests.append({"tag": "cell" if periodic else "open", "coord": x.reshape(-1).tolist(),
                          "atype": atype.tolist(), "box": None if box is None else box.reshape(-1).tolist(),
                          "fparam": None, "aparam": None, "energy": float(e.sum()), "atomic_energy": e.tolist(),
                          "force_fd": force.tolist(), "virial_fd": virial.tolist()})
        with open(f"{sys.argv[1]}/{name}.expected.json", "w") as f:
            json.dump({"tests": tests}, f)


main()
