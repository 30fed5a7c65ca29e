# Tests of pair_style kramers inside LAMMPS.   run.py --list | run.py --lmp … --plugin … CASE
# SPDX-License-Identifier: BSD-3-Clause
import argparse
import os
import shutil
import sys
import tempfile

import cases_errors     # noqa: F401  (registers its cases)
import cases_examine    # noqa: F401
import cases_explore    # noqa: F401
import cases_features   # noqa: F401
import cases_numbers    # noqa: F401
from harness import CASES, Site


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--list", action="store_true", help="names of the cases that are tests")
    for name in ("lmp", "plugin", "launcher", "mpiexec", "library-path", "kramers", "frame-eval", "data", "models"):
        parser.add_argument("--" + name, default="")
    parser.add_argument("--keep", action="store_true", help="keep the folder of the runs and print its name")
    parser.add_argument("case", nargs="?")
    words = parser.parse_args()
    if words.list:
        print(";".join(sorted(CASES)), end="")
        return 0
    for name in ("lmp", "plugin", "launcher", "mpiexec", "library_path", "kramers", "frame_eval", "data", "models"):
        setattr(Site, name, getattr(words, name))
    folder = tempfile.mkdtemp(prefix="kramers-lammps-")
    os.chdir(folder)
    try:
        CASES[words.case]()
    except AssertionError as problem:
        print("FAILED %s: %s" % (words.case, problem))
        return 1
    finally:
        if words.keep:
            print("folder", folder)
        else:
            shutil.rmtree(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
