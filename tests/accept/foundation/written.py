"""Does DeePMD-kit read what Kramers writes? written.py KRAMERS: prints "key value" lines.

Every model with reference frames goes through `kramers model convert`, DeePMD-kit's PyTorch backend reads and evaluates
the result, the numbers are compared with the references, which DeePMD-kit computed from the original file.
SPDX-License-Identifier: BSD-3-Clause
"""
import glob
import json
import os
import subprocess
import sys
import tempfile

os.environ.update(CUDA_VISIBLE_DEVICES="", TF_CPP_MIN_LOG_LEVEL="3")
import numpy as np
import torch
from deepmd.dpmodel.utils.serialization import load_dp_model
from deepmd.pt.model.model.model import BaseModel

ROOT = os.environ.get("KRAMERS_ROOT", ".")


def cast(node):
    """float32 arrays to double where the model computes in double (PyTorch keeps what it finds)."""
    if isinstance(node, dict):
        return {k: cast(v) for k, v in node.items()}
    if isinstance(node, list):
        return [cast(v) for v in node]
    return node.astype(np.float64) if isinstance(node, (np.ndarray, np.floating)) else node


def evaluate(model, frame):
    n = len(frame["atype"])

    def tensor(key, *shape):
        value = frame.get(key)
        return None if value is None else torch.tensor(np.asarray(value, dtype=np.float64)).reshape(*shape)

    out = model(tensor("coord", 1, n, 3).requires_grad_(True), torch.tensor(frame["atype"]).reshape(1, n),
                tensor("box", 1, 9), fparam=tensor("fparam", 1, -1), aparam=tensor("aparam", 1, n, -1))
    return float(out["energy"].detach().ravel()[0]), out["force"].detach().numpy().reshape(n, 3)


def main(kramers):
    energy, force, models = 0.0, 0.0, 0
    cases = sorted(glob.glob(f"{ROOT}/tests/data/deepmd_kit/models/*.json")) + [f"{ROOT}/tests/data/deepmd_kit/copper/copper.json"]
    with tempfile.TemporaryDirectory() as folder:
        for case in cases:
            reference = json.load(open(case))
            if reference.get("tolerance", 1e-10) > 1e-9:
                continue
            source = case[:-5] + ".dp" if "/models/" in case else f"{ROOT}/examples/models/copper_se_e2_a.dp"
            for suffix in ("dp", "yaml"):
                target = f"{folder}/model{models}.{suffix}"
                subprocess.run([kramers, "model", "convert", source, target], check=True, capture_output=True)
                model = BaseModel.deserialize(cast(load_dp_model(target)["model"])).eval()
                frames = reference["frames"][-1:] if "copper" in case else reference["frames"]
                for frame in frames:
                    if not frame.get("atype"):
                        frame["atype"] = [0] * len(frame["coord"])
                    e, f = evaluate(model, frame)
                    energy = max(energy, abs(e - frame["energy"]) / max(abs(frame["energy"]), 1))
                    force = max(force, np.nanmax(abs(f - np.array(frame["force"]))))
                models += 1
    print(f"models {models}\nenergy {energy:.3g}\nforce {force:.3g}")


if __name__ == "__main__":
    main(sys.argv[1])
