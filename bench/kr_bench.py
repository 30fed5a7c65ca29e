"""What the benchmarks share: finding programs, running LAMMPS pinned to cores, statistics, one table.

Only the standard library of Python is used, with the interpreter that is there (bench/* are scripts, no part of
Kramers). Times are CPU time per atom and step unless said otherwise: LAMMPS' loop time times its CPU use, set-up
excluded, so that other work on the machine does not count.
SPDX-License-Identifier: BSD-3-Clause
"""
import glob
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
DATA = os.environ.get("KRAMERS_DATA", os.path.join(os.path.dirname(ROOT), "shared", "data"))
WORK = os.environ.get("KRAMERS_BENCH_WORK", f"{ROOT}/build/bench")
BUILD = os.environ.get("KRAMERS_BENCH_BUILD", f"{ROOT}/build/release")
MODEL = {"copper": f"{ROOT}/examples/models/copper_se_e2_a.dp", "water": f"{ROOT}/examples/models/water_se_e2_a.dp"}


def lammps():
    """Folder of the LAMMPS virtual environment, or None."""
    for path in (os.environ.get("KRAMERS_LAMMPS"), f"{ROOT}/.venv-lammps"):
        if path and os.path.exists(f"{path}/bin/lmp"):
            return path
    return None


def plugin():
    """The LAMMPS plugin of the release build, or None."""
    given = os.environ.get("KRAMERS_PLUGIN")
    path = given or f"{BUILD}/plugins/lammps/kramersplugin.so"
    return path if os.path.exists(path) else None


def peer():
    """Folder of the virtual environment that has DeePMD-kit, or None."""
    path = os.environ.get("KRAMERS_PEER_VENV", f"{ROOT}/.venv-deepmd")
    return path if os.path.exists(f"{path}/bin/dp") else None


def build():
    """Builds the release preset with the plugin; returns a sentence when that is not possible."""
    if os.environ.get("KRAMERS_BENCH_BUILD") or not lammps():
        return None if lammps() else "LAMMPS is missing: scripts/setup"
    chosen = [f"-DKRAMERS_LAMMPS={lammps()}"] if os.environ.get("KRAMERS_LAMMPS") else []
    for command in (["cmake", "--preset", "release", *chosen], ["cmake", "--build", BUILD, "-j2"]):
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
        if done.returncode:
            return f"{' '.join(command)} failed:\n{(done.stdout + done.stderr)[-1500:]}"
    return None if plugin() else "the LAMMPS plugin was not built"


def cores(count):
    """The last `count` cores that this process may use, as taskset wants them."""
    allowed = sorted(os.sched_getaffinity(0))
    return ",".join(map(str, allowed[-count:]))


# --- systems -------------------------------------------------------------------------------------------------------

COPPER = """units metal
atom_style atomic
atom_modify map yes
lattice fcc 3.615
region box block 0 {nx} 0 {ny} 0 {nz}
create_box 1 box
create_atoms 1 box
mass 1 63.546
displace_atoms all random 0.1 0.1 0.1 7
velocity all create 330 9 dist gaussian
timestep 0.001
neighbor 2.0 bin
neigh_modify every 50 delay 0 check no
"""

WATER = """units metal
atom_style atomic
atom_modify map yes
box tilt large
read_data {root}/tests/data/deepmd_kit/lammps/water.lmp
replicate {nx} {ny} {nz}
mass 1 15.9994
mass 2 1.00794
velocity all create 330 9 dist gaussian
timestep 0.0005
neighbor 2.0 bin
neigh_modify every 50 delay 0 check no
"""


def system(name, cells):
    """LAMMPS commands of a periodic system; cells = (nx, ny, nz)."""
    nx, ny, nz = cells
    text = COPPER if name == "copper" else WATER
    return text.format(nx=nx, ny=ny, nz=nz, root=ROOT)


ELEMENTS = {"copper": "Cu", "water": "O H"}


# --- running -------------------------------------------------------------------------------------------------------

class Code:
    """One program variant: how to load it and what to write for the pair style."""

    def __init__(self, name, lmp, style, load=None, threads=1, environment=None, kind="", precision=""):
        self.name, self.lmp, self.style, self.load, self.threads = name, lmp, style, load, threads
        self.environment, self.kind, self.precision = environment or {}, kind, precision

    def commands(self, elements):
        load = f"plugin load {self.load}\n" if self.load else ""
        coeff = "pair_coeff * *" if self.style.startswith("zero") else f"pair_coeff * * {self.coeff or elements}"
        return f"{load}pair_style {self.style}\n{coeff}\n"

    coeff = None


def ours(model, precision="double", table=None, threads=1):
    words = f"kramers {MODEL[model]} precision {precision}" + (f" table {table}" if table else "")
    label = f"Kramers {precision}" + (f", table {table}" if table else "") + (f", {threads} threads" if threads > 1 else "")
    return Code(label, f"{lammps()}/bin/lmp", words, plugin(), threads, kind="ours", precision=precision)


def deepmd(model, precision):
    folder = peer()
    load = glob.glob(f"{folder}/lib/python3*/site-packages/deepmd/lib/libdeepmd_lmp*.so")[0]
    environment = {"DP_INTRA_OP_PARALLELISM_THREADS": "1", "DP_INTER_OP_PARALLELISM_THREADS": "1",
                   "TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": ""}
    return Code(f"DeePMD-kit {precision}, compressed", f"{folder}/bin/lmp",
                f"deepmd {WORK}/{model}_{precision}.pb", load, 1, environment, "peer", precision)


def eam():
    """EAM of copper with the potential of the data folder, or None."""
    path = f"{DATA}/potentials/Cu_mishin1.eam.alloy"
    if not os.path.exists(path):
        return None
    code = Code("EAM (Mishin)", f"{lammps()}/bin/lmp", "eam/alloy", kind="eam")
    code.coeff = f"{path} Cu"
    return code


def run(code, script, ranks=1):
    """Runs LAMMPS in a temporary folder; returns (log text, peak resident bytes, CPU seconds, folder contents reader)."""
    with tempfile.TemporaryDirectory() as folder:
        with open(f"{folder}/in", "w") as f:
            f.write(script)
        environment = {**os.environ, "OMP_NUM_THREADS": str(code.threads), **code.environment}
        command = ["taskset", "-c", cores(code.threads * ranks)]
        if ranks > 1:
            command += [f"{os.path.dirname(code.lmp)}/mpirun", "-np", str(ranks)]
        command += [code.lmp, "-in", "in", "-log", "log", "-screen", "none"]
        with open(f"{folder}/out", "w") as out:
            child = subprocess.Popen(command, cwd=folder, env=environment, stdout=out, stderr=out)
            _, status, usage = os.wait4(child.pid, 0)
            child.returncode = os.waitstatus_to_exitcode(status)
        log = open(f"{folder}/log").read() if os.path.exists(f"{folder}/log") else ""
        if child.returncode:
            raise RuntimeError(f"{code.name}: LAMMPS failed\n{log[-800:]}\n{open(f'{folder}/out').read()[-800:]}")
        forces = None
        if os.path.exists(f"{folder}/forces"):
            lines = open(f"{folder}/forces").read().splitlines()[9:]
            forces = [tuple(map(float, line.split()[1:4])) for line in lines]
        return log, usage.ru_maxrss * 1024, forces


def loops(log):
    """Every run of a log as (wall seconds, CPU seconds, steps, atoms)."""
    found = re.findall(r"Loop time of (\S+) on \d+ procs for (\d+) steps with (\d+) atoms.*?([\d.]+)% CPU use with (\d+) MPI",
                       log, re.S)
    return [(float(t), float(t) * float(cpu) / 100 * int(ranks), int(n), int(atoms)) for t, n, atoms, cpu, ranks in found]


def measure(code, head, elements, steps, warm=20, ranks=1):
    """CPU and wall µs per atom and step of an NVE run after a warm-up."""
    script = f"{head}{code.commands(elements)}fix 1 all nve\nthermo 1000\nrun {warm}\nrun {steps}\n"
    log, rss, _ = run(code, script, ranks)
    wall, cpu, n, atoms = loops(log)[-1]
    return {"cpu": cpu / n / atoms * 1e6, "wall": wall / n / atoms * 1e6, "atoms": atoms, "rss": rss}


def forces(code, head, elements):
    script = (f"{head}{code.commands(elements)}dump 1 all custom 1 forces id fx fy fz\n"
              "dump_modify 1 sort id format float %.17g\nrun 0\n")
    return run(code, script)[2]


def difference(a, b):
    """Largest difference of two force arrays, eV/Å."""
    return max(abs(x - y) for p, q in zip(a, b) for x, y in zip(p, q))


# --- reporting -----------------------------------------------------------------------------------------------------

def spread(values, digits=2):
    """median (min–max)"""
    m = statistics.median(values)
    return f"{m:.{digits}f} ({min(values):.{digits}f}–{max(values):.{digits}f})"


def table(head, rows):
    rows = [[str(c) for c in r] for r in rows]
    width = [max(len(r[k]) for r in [head, *rows]) for k in range(len(head))]
    for r in (head, ["-" * w for w in width], *rows):
        print("  ".join(c.ljust(w) for c, w in zip(r, width)).rstrip())
    sys.stdout.flush()


def machine():
    """Facts of the machine and its measured ceilings (program bench/ceiling of the release build)."""
    name = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), "?")
    print(f"machine: {name}, {len(os.sched_getaffinity(0))} cores, load {os.getloadavg()[0]:.2f}")
    program = f"{BUILD}/bench/ceiling"
    if os.path.exists(program):
        done = subprocess.run(["taskset", "-c", cores(1), program], capture_output=True, text=True,
                              env={**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"})
        print(done.stdout.strip())
    else:
        print("ceiling: bench/ceiling is not built")
    sys.stdout.flush()


def save(path, data):
    if path:
        with open(path, "w") as f:
            json.dump(data, f, indent=1)
