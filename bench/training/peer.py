#!/usr/bin/env python3
"""DeePMD-kit on the input of `study.py deepmd`: TensorFlow backend, float32, one thread; the same columns and data.

usage: peer.py [--steps N] [--seeds N] [--first K]

KRAMERS_PEER_VENV is a virtual environment with deepmd-kit (bench/peers makes one). Seeds K to K + N - 1 are added to
those of the recipe, as study.py does; the two programs draw different numbers from them. 36,000 steps take about an hour.
SPDX-License-Identifier: BSD-3-Clause
"""
import argparse
import json
import os
import resource
import subprocess
import sys
import time

import study
from study import kr_bench

THREADS = ("OMP_NUM_THREADS", "DP_INTRA_OP_PARALLELISM_THREADS", "DP_INTER_OP_PARALLELISM_THREADS")


def recipe(steps, seed):
    """water_deepmd.json without what DeePMD-kit does not know."""
    r = study.read_recipe("deepmd", "deepmd", steps, seed, [])
    for key in ("_comment", "kramers"):
        r.pop(key)
    for net in ("descriptor", "fitting_net"):
        r["model"][net]["precision"] = "float32"
    data = r["training"]["training_data"]
    data["systems"] = [os.path.abspath(system) for system in data["systems"]]
    return r


def run(steps, seed):
    """Wall and process seconds of the training, errors on the test set."""
    folder = os.path.join(kr_bench.WORK, "training", f"peer_{steps}_{seed}")
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, "input.json"), "w") as f:
        json.dump(recipe(steps, seed), f, indent=1)
    environment = dict(os.environ, CUDA_VISIBLE_DEVICES="", TF_CPP_MIN_LOG_LEVEL="2", **dict.fromkeys(THREADS, "1"))

    def dp(*words):
        out = subprocess.run([f"{kr_bench.peer()}/bin/dp", "--tf", *words], cwd=folder, env=environment, text=True,
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        with open(os.path.join(folder, f"{words[0]}.log"), "w") as log:
            log.write(out.stdout)
        if out.returncode:
            sys.exit(f"dp {words[0]} failed, see {folder}/{words[0]}.log")
        return out.stdout

    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    dp("train", "input.json")
    after, wall = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic() - start
    dp("freeze", "-o", "model.pb")
    test = os.path.join(kr_bench.DATA, study.STUDIES["deepmd"][1])
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return wall, cpu, study.read_errors(dp("test", "-m", "model.pb", "-s", os.path.abspath(test), "-n", "1000"))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=int(study.STUDIES["deepmd"][2]))
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--first", type=int, default=0, metavar="K")
    a = parser.parse_args()
    if not kr_bench.peer():
        sys.exit("KRAMERS_PEER_VENV has no DeePMD-kit: bench/peers")
    study.print_head()
    for seed in range(a.first, a.first + a.seeds):
        wall, cpu, result = run(a.steps, seed)
        study.print_row(f"DeePMD-kit, seed {seed}", a.steps, wall, cpu, result)


if __name__ == "__main__":
    main()
