#!/usr/bin/env python3
"""Makes the silicon frames of this folder: configurations, one pw.x run each, extended XYZ.

usage: label.py WORK [--frames N] [--lmp PROGRAM] [--sw FILE] [--pw PROGRAM] [--pseudo FOLDER]

WORK keeps every input and output; a second call goes on where the first one stopped. Units of the result: Å, eV, eV/Å,
virial in eV (positive when compressed). Needs LAMMPS (MANYBODY), Si.sw of its potentials, Quantum ESPRESSO.
SPDX-License-Identifier: BSD-3-Clause
"""
import argparse
import math
import pathlib
import random
import re
import subprocess

RYDBERG, BOHR = 13.605693122994, 0.529177210903  # eV, Å
LATTICE = 5.38  # Å, near the minimum of this functional and pseudopotential


def crystal(a):
    """16 atoms: the primitive cell doubled along each vector, turned so that LAMMPS takes it."""
    length = 2 * a / math.sqrt(2)
    cell = [[length, 0, 0], [length / 2, length * math.sqrt(3) / 2, 0],
            [length / 2, length * math.sqrt(3) / 6, length * math.sqrt(2 / 3)]]
    fractions = [((i + s) / 2, (j + s) / 2, (k + s) / 2)
                 for i in range(2) for j in range(2) for k in range(2) for s in (0, 0.25)]
    return cell, [cartesian(f, cell) for f in fractions]


def cartesian(fraction, cell):
    return [sum(fraction[i] * cell[i][x] for i in range(3)) for x in range(3)]


def strained(rng):
    """Random strain up to 5 %, atoms displaced by a random amount."""
    cell, positions = crystal(LATTICE * rng.uniform(0.97, 1.03))
    strain = [[0.0] * 3 for _ in range(3)]
    for i in range(3):
        for j in range(i + 1):
            strain[i][j] = strain[j][i] = rng.uniform(-0.05, 0.05) / (1 if i == j else 2)

    def deform(v):
        return [v[x] + sum(v[y] * strain[y][x] for y in range(3)) for x in range(3)]
    sigma = rng.choice([0.0, 0.02, 0.05, 0.1, 0.15])
    return [deform(v) for v in cell], [[c + rng.gauss(0, sigma) for c in deform(p)] for p in positions]


def sampled(work, arguments, name, temperature, melt, scale, count, seed):
    """Frames of molecular dynamics with Stillinger-Weber silicon."""
    cell, positions = crystal(LATTICE * scale)
    folder = work / "sampling"
    folder.mkdir(exist_ok=True)
    data, dump = folder / f"{name}.lmp", folder / f"{name}.dump"
    with open(data, "w") as f:
        f.write(f"silicon\n\n{len(positions)} atoms\n1 atom types\n")
        for axis, value in zip("xyz", (cell[0][0], cell[1][1], cell[2][2])):
            f.write(f"0 {value:.10f} {axis}lo {axis}hi\n")
        f.write(f"{cell[1][0]:.10f} {cell[2][0]:.10f} {cell[2][1]:.10f} xy xz yz\n\nMasses\n\n1 28.0855\n\nAtoms\n\n")
        for i, p in enumerate(positions):
            f.write("%d 1 %.10f %.10f %.10f\n" % (i + 1, *p))
    variables = dict(data=data, potential=arguments.sw, melt=melt, temperature=temperature, seed=seed,
                     steps=500 * (count - 1), every=500, dump=dump)
    command = [arguments.lmp, "-in", str(pathlib.Path(__file__).with_name("sample.in")), "-log", "none", "-screen", "none"]
    for key, value in variables.items():
        command += ["-var", key, str(value)]
    subprocess.run(command, check=True)
    frames = []
    for block in open(dump).read().split("ITEM: TIMESTEP")[1:]:
        rows = block.split("ITEM: ATOMS id x y z")[1].split()
        frames.append((cell, [[float(v) for v in rows[i + 1:i + 4]] for i in range(0, len(rows), 4)]))
    return frames


def configurations(work, arguments):
    rng = random.Random(20260101)
    frames = [("strain", strained(rng)) for _ in range(90)]
    runs = [("t0300", 300, 0, 1.0, 25), ("t0900", 900, 0, 1.0, 30), ("t0900_dense", 900, 0, 0.98, 15),
            ("t0900_thin", 900, 0, 1.02, 15), ("t1500", 1500, 0, 1.01, 45), ("t1500_dense", 1500, 0, 0.97, 15),
            ("liquid2000", 2000, 5000, 0.97, 45), ("liquid2500", 2500, 5000, 0.99, 30),
            ("liquid3500", 3500, 5000, 1.0, 30)]
    for number, (name, temperature, melt, scale, count) in enumerate(runs):
        for frame in sampled(work, arguments, name, temperature, melt, scale, count, 1000 + number):
            frames.append((name, frame))
    rng.shuffle(frames)  # any beginning of the list has all groups
    return frames


def lines(rows):
    return "\n".join("%s%.10f %.10f %.10f" % (row[0], *row[1]) for row in rows)


def run_pw(work, arguments, name, cell, positions):
    output = work / f"{name}.out"
    if not output.exists() or "JOB DONE" not in output.read_text():
        template = pathlib.Path(__file__).with_name("pw.in").read_text()
        scratch = work / f"{name}.tmp"
        text = template.format(name=name, scratch=scratch, pseudo=arguments.pseudo, natoms=len(positions),
                               cell=lines([("", v) for v in cell]), positions=lines([("Si ", p) for p in positions]))
        (work / f"{name}.in").write_text(text)
        with open(output, "w") as f:
            subprocess.run([arguments.pw, "-in", str(work / f"{name}.in")], stdout=f, stderr=subprocess.STDOUT)
        subprocess.run(["rm", "-rf", str(scratch)])
    return read_pw(output.read_text(), len(positions))


def read_pw(text, natoms):
    """Energy (eV), forces (eV/Å), pressure tensor (eV/Å³); None when the run did not converge."""
    if "convergence has been achieved" not in text or "JOB DONE" not in text:
        return None
    energy = float(re.findall(r"^!\s+total energy\s+=\s+(\S+) Ry", text, re.M)[-1]) * RYDBERG
    rows = re.findall(r"atom\s+\d+ type\s+\d+\s+force =\s+(\S+)\s+(\S+)\s+(\S+)", text)[:natoms]
    forces = [[float(v) * RYDBERG / BOHR for v in row] for row in rows]
    after = text.split("total   stress")[1].splitlines()[1:4]
    pressure = [[float(v) * RYDBERG / BOHR**3 for v in row.split()[:3]] for row in after]
    return energy, forces, pressure


def volume(c):
    return (c[0][0] * (c[1][1] * c[2][2] - c[1][2] * c[2][1]) - c[0][1] * (c[1][0] * c[2][2] - c[1][2] * c[2][0]) +
            c[0][2] * (c[1][0] * c[2][1] - c[1][1] * c[2][0]))


def frame_text(group, cell, positions, label):
    energy, forces, pressure = label
    virial = " ".join("%.8f" % (pressure[i][j] * volume(cell)) for i in range(3) for j in range(3))
    head = 'Lattice="%s" Properties=species:S:1:pos:R:3:forces:R:3 energy=%.8f virial="%s" pbc="T T T" group=%s' % (
        " ".join("%.10f" % x for v in cell for x in v), energy, virial, group)
    rows = ["Si " + " ".join("%.8f" % x for x in p + f) for p, f in zip(positions, forces)]
    return "\n".join([str(len(positions)), head] + rows) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", type=pathlib.Path)
    parser.add_argument("--frames", type=int, default=300)
    parser.add_argument("--lmp", default="lmp")
    parser.add_argument("--sw", default="/usr/share/lammps/potentials/Si.sw")
    parser.add_argument("--pw", default="pw.x")
    parser.add_argument("--pseudo", default="/usr/share/espresso/pseudo")
    arguments = parser.parse_args()
    arguments.work.mkdir(parents=True, exist_ok=True)
    frames = configurations(arguments.work, arguments)[:arguments.frames]
    text, failed = [], 0
    for number, (group, (cell, positions)) in enumerate(frames):
        label = run_pw(arguments.work, arguments, f"{number:04d}", cell, positions)
        if label is None:
            failed += 1
        else:
            text.append(frame_text(group, cell, positions, label))
        print(f"\rframe {number + 1} of {len(frames)}, {failed} failed", end="", flush=True)
        (arguments.work / "silicon.xyz").write_text("".join(text))
    print()


if __name__ == "__main__":
    main()
