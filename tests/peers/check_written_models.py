#!/usr/bin/env python3
"""Does DeePMD-kit read what Kramers writes?

Every reference model is loaded and saved by the Kramers library as .dp and as .yaml; DeePMD-kit evaluates both with
its NumPy backend, and with --tensorflow also with TensorFlow after `dp convert-backend` to .pb. The results are
compared with the arrays that belong to the reference model.

usage: check_written_models.py --library build/release/libkramers.so [--tensorflow] [NAME ...]

Exit code 0: all agree; 1: a difference or an error; 77 (skipped): DeePMD-kit is not installed in this Python.
SPDX-License-Identifier: BSD-3-Clause
"""

import argparse
import ctypes
import json
import os
import sys
import tempfile
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("DP_INFER_BATCH_SIZE", "1024")
DATA = Path(__file__).resolve().parents[1] / "data"


class Kramers:
    """The three functions of the public interface that are needed here."""

    def __init__(self, library):
        self.lib = ctypes.CDLL(str(library))
        self.lib.kr_context_message.restype = ctypes.c_char_p
        self.context = ctypes.c_void_p()
        self.check(self.lib.kr_context_create(ctypes.byref(self.context)))

    def check(self, status):
        if status < 0:
            raise RuntimeError(self.lib.kr_context_message(self.context).decode())

    def rewrite(self, source, targets):
        model = ctypes.c_void_p()
        self.check(self.lib.kr_model_load(self.context, str(source).encode(), ctypes.byref(model)))
        try:
            for target in targets:
                self.check(self.lib.kr_model_save(self.context, model, str(target).encode()))
        finally:
            self.lib.kr_model_destroy(ctypes.byref(model))


def cases(names):
    """(name, model file, frames, tolerance per atomic energy) of every reference model."""
    for path in sorted((DATA / "deepmd").glob("*.dp")):
        frames = json.loads(path.with_suffix(".expected.json").read_text())["tests"]
        yield path.stem, path, frames, 1e-10
    for path in sorted((DATA / "deepmd_kit/models").glob("*.dp")):
        reference = json.loads(path.with_suffix(".json").read_text())
        yield path.stem, path, reference["frames"], reference["tolerance"]
    for path in sorted((DATA / "deepmd_kit/models_tf").glob("*.dp")):
        reference = json.loads(path.with_suffix(".json").read_text())
        yield path.stem, path, reference["frames"], 2e-5 if "f32" in path.stem else 1e-10


def evaluate(deep_pot, model, frame):
    import numpy as np

    def array(key):
        value = frame.get(key)
        return None if value is None or len(value) == 0 else np.array(value, dtype=float).reshape(1, -1)

    return deep_pot(str(model)).eval(
        array("coord"), array("box"), frame["atype"], atomic=True, fparam=array("fparam"), aparam=array("aparam"))


def difference(deep_pot, model, frames, with_force):
    """Largest deviations of atomic energies and forces over the frames."""
    import numpy as np

    energy = force = 0.0
    for frame in frames:
        result = evaluate(deep_pot, model, frame)
        real = np.array(frame["atype"]) >= 0
        # difference of NaN to anything must count as large, so no nanmax here
        expected = np.array(frame["atomic_energy"], dtype=float)[real]
        energy = max(energy, float(np.abs(result[3].reshape(-1)[real] - expected).max()))
        if with_force:
            expected = np.array(frame["force"], dtype=float).reshape(-1, 3)[real]
            force = max(force, float(np.abs(result[1].reshape(-1, 3)[real] - expected).max()))
    return energy, force


# Where DeePMD-kit's backends differ from each other (tests/data/deepmd_kit/README.md). The NumPy backend has no two-side
# se_e2_r, keeps the padding of excluded types and evaluates attention otherwise than TensorFlow, which made the numbers.
NUMPY_REFUSES = {"tf_se_r_two"}
NUMPY_DIFFERS = {"tf_se_a_one_rs18_excl": 0.1, "tf_se_atten_concat_attn2": 1e-4}
# TensorFlow ignores atom_exclude_types, leaves the padding of excluded types out, has no skip connection in the first
# layer of the fitting net nor in one of doubled width, evaluates attention otherwise and softplus to 1e-9.
TENSORFLOW_DIFFERS = {
    "se_a_atomexcl": 5.0, "se_a_excl_one": 1e-2, "se_a_excl_two": 0.1, "se_e2_a_fpap": 2.0, "se_a_width1": 2.0,
    "dpa1_concat_attn1": 1e-3, "dpa1_concat_attn2": 1e-3, "se_a_softplus_gelutf": 1e-8,
}


def without_deviation(model):
    """Sets out_std to 1: TensorFlow multiplies energies by it, the backends that made the numbers do not."""
    import h5py

    with h5py.File(model, "r+") as file:
        name = json.loads(file.attrs["json"])["model"]["@variables"]["out_std"]
        file[name][...] = 1.0


def check(kramers, deep_pot, folder, case, tensorflow):
    """Lines for the table, and whether all is well."""
    name, source, frames, tolerance = case
    good, columns = True, []
    files = [folder / f"{name}.dp", folder / f"{name}.yaml"]
    kramers.rewrite(source, files)
    if name not in NUMPY_REFUSES:
        for model in files:
            energy, _ = difference(deep_pot, model, frames, False)
            good &= energy <= max(tolerance, NUMPY_DIFFERS.get(name, 0))
            columns.append(f"{energy:9.1e}")
    else:
        columns += ["        -"] * 2
    if tensorflow:
        from deepmd.entrypoints.convert_backend import convert_backend

        graph = folder / f"{name}.pb"
        try:
            without_deviation(files[0])
            convert_backend(INPUT=str(files[0]), OUTPUT=str(graph))
            real = [frame for frame in frames if min(frame["atype"]) >= 0]  # its operator has no virtual atoms
            energy, force = difference(deep_pot, graph, real, True)
            good &= energy <= max(tolerance, TENSORFLOW_DIFFERS.get(name, 0))
            columns.append(f"{energy:9.1e} {force:9.1e}")
        except Exception as error:  # what TensorFlow cannot express is its own limit, shown but not counted
            sentence = " ".join(str(error).split())
            columns.append(f"{type(error).__name__}: {sentence[:60]}")
    return " ".join(columns), good


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--library", required=True, type=Path)
    parser.add_argument("--tensorflow", action="store_true", help="also through a frozen graph (slow)")
    parser.add_argument("names", nargs="*", metavar="NAME", help="reference models; default: all")
    arguments = parser.parse_args()
    try:
        from deepmd.infer import DeepPot
    except ImportError as error:
        print(f"skipped: DeePMD-kit is not installed in this Python ({error})")
        return 77
    kramers = Kramers(arguments.library.resolve())
    bad = count = 0
    print(f"{'model':32} {'.dp':>9} {'.yaml':>9}" + ("    E(.pb)    F(.pb)" if arguments.tensorflow else ""))
    with tempfile.TemporaryDirectory() as folder:
        for case in cases(arguments.names):
            if arguments.names and case[0] not in arguments.names:
                continue
            count += 1
            try:
                text, good = check(kramers, DeepPot, Path(folder), case, arguments.tensorflow)
            except Exception as error:
                text, good = f"{type(error).__name__}: {error}", False
            bad += not good
            print(f"{case[0]:32} {text}{'' if good else '   FAILED'}", flush=True)
    print(f"{count} models, {bad} failed (largest deviation of an atomic energy, eV)")
    return 1 if bad or not count else 0


if __name__ == "__main__":
    sys.exit(main())
