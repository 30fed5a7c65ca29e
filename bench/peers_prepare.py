"""Prepares a Deep Potential model for the peer: frozen TensorFlow graph, compressed, in double or single precision.

    PEER/bin/python peers_prepare.py MODEL.dp double|single OUT.pb

Runs with the interpreter of the environment that bench/peers makes; nothing of Kramers needs Python.
The recipe: arrays cast to the precision wanted, `precision` set to it everywhere, the model section rebuilt as the
training script that `dp compress` asks for, `dp convert-backend`, `dp compress` (default step 0.01, extrapolation 5).
SPDX-License-Identifier: BSD-3-Clause
"""
import os
import shutil
import subprocess
import sys
import tempfile

os.environ.update(CUDA_VISIBLE_DEVICES="", TF_CPP_MIN_LOG_LEVEL="3")
import numpy as np
from deepmd.dpmodel.utils.serialization import load_dp_model, save_dp_model


def cast(node, dtype, name):
    """Arrays to dtype, every "precision" to name."""
    if isinstance(node, dict):
        return {k: name if k == "precision" else cast(v, dtype, name) for k, v in node.items()}
    if isinstance(node, list):
        return [cast(v, dtype, name) for v in node]
    return node.astype(dtype) if isinstance(node, (np.ndarray, np.floating)) else node


def script(model):
    """The model section of a training input that makes this model (what `dp compress` reads)."""
    d, f = model["descriptor"], model["fitting"]
    keep = ("type", "sel", "rcut", "rcut_smth", "neuron", "axis_neuron", "resnet_dt", "type_one_side", "precision")
    return {
        "type_map": model["type_map"],
        "descriptor": {k: d[k] for k in keep} | {"activation_function": d["activation_function"]},
        "fitting_net": {k: f[k] for k in ("neuron", "resnet_dt", "precision", "activation_function")},
    }


# DeePMD-kit 3.2.0 validates a whole training input although a converted graph carries the model section only.
COMPRESS = """
import importlib
c = importlib.import_module("deepmd.tf.entrypoints.compress")
from deepmd.main import main
validate = c.normalize
c.normalize = lambda data: validate({**data, "learning_rate": {"type": "exp", "start_lr": 1e-3, "stop_lr": 1e-8}})
main(["--tf", "compress", "-i", "model.pb", "-o", "compressed.pb"])
"""


def main(source, precision, target):
    name, dtype = {"double": ("float64", np.float64), "single": ("float32", np.float32)}[precision]
    top = load_dp_model(source)
    model = cast(top["model"], dtype, name)
    # energies of isolated atoms and the bias stay double, as DeePMD-kit keeps them
    model["fitting"]["@variables"]["bias_atom_e"] = top["model"]["fitting"]["@variables"]["bias_atom_e"].astype(float)
    model["@variables"] = top["model"]["@variables"]
    top.update(model=model, model_def_script=script(model))
    dp = os.path.join(os.path.dirname(sys.executable), "dp")
    with tempfile.TemporaryDirectory() as work:
        save_dp_model(f"{work}/model.dp", top)
        for command in ([dp, "convert-backend", "model.dp", "model.pb"], [sys.executable, "-c", COMPRESS]):
            done = subprocess.run(command, cwd=work, capture_output=True, text=True)
            if done.returncode:
                sys.exit(f"{command} failed:\n{done.stderr[-2000:]}")
        shutil.move(f"{work}/compressed.pb", target)


if __name__ == "__main__":
    main(*sys.argv[1:4])
