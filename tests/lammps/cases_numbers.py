# Numbers: against DeePMD-kit's LAMMPS runs, against the library, over ranks and threads, along trajectories.
# SPDX-License-Identifier: BSD-3-Clause
import glob
import math
import os

from harness import (BAR_A3_PER_EV, Site, box_of_dump, case, close, columns, data, library, load_json,
                     read_dump, run, write_data)

FORCE = ("fx", "fy", "fz")
STRESS = tuple("c_cs[%d]" % k for k in range(1, 10))


def water_model():
    return os.path.join(Site.models, "water_se_e2_a.dp")


def fixture_script(name, model, settings):
    """A fixture's input script with our pair style."""
    lines = []
    for line in open(data("deepmd_kit", *name)).read().splitlines():
        if line.startswith("plugin load"):
            line = "PLUGIN"
        elif line.startswith("pair_style"):
            line = "pair_style kramers %s %s" % (model, settings)
        elif line.startswith("read_data"):
            line = "read_data " + data("deepmd_kit", "lammps", os.path.basename(line.split()[1]))
        lines.append(line)
    return "\n".join(lines) + "\n"


def against_fixture(name):
    folder = data("deepmd_kit", "lammps")
    result = run(fixture_script(("lammps", "in." + name), water_model(), "table off"))
    for dump, extra in ((name + ".dump", ("c_pe",)), (name + "_nve.dump", ())):
        expected, got = read_dump(os.path.join(folder, dump)), result.dump(dump)
        assert [f["step"] for f in got] == [f["step"] for f in expected]
        for e, g in zip(expected, got):
            # the second frame of the NVE run follows 20 steps
            tolerance = 1e-10 if g["step"] == 0 else 1e-9
            close("%s step %d forces" % (dump, g["step"]), columns(g, *FORCE), columns(e, *FORCE), tolerance)
            for column in extra:
                close("%s energies of atoms" % dump, columns(g, column), columns(e, column), 1e-10)
            if extra:
                close("%s centroid stress" % dump, columns(g, *STRESS), columns(e, *STRESS), 0, 1e-12)
            else:
                close("%s positions" % dump, columns(g, "xu", "yu", "zu"), columns(e, "xu", "yu", "zu"), 1e-10)
                close("%s velocities" % dump, columns(g, "vx", "vy", "vz"), columns(e, "vx", "vy", "vz"), 1e-9)
    lines = open(os.path.join(folder, name + "_thermo.txt")).read().splitlines()
    names = lines[0].split()[1:]
    expected = [dict(zip(names, map(float, line.split()))) for line in lines[1:]]
    got = result.thermo(1)
    assert len(got) == len(expected) == 21, "rows: %d" % len(got)
    for column in names:
        # a component that passes through zero is compared with the size of the whole column
        close("thermo " + column, [r[column] for r in got], [r[column] for r in expected], 0, 1e-8)


@case
def fixture_water():
    against_fixture("water")


@case
def fixture_water_tri():
    against_fixture("water_tri")


@case
def deviation_files():
    """model_devi.out of DeePMD-kit's runs, byte by byte, on one rank and on three."""
    settings = {"plain": "", "atomic": "atomic", "relative": "relative 1.0", "relative_v": "relative_v 0.01",
                "all": "atomic relative 1.0 relative_v 0.01"}
    models = " ".join(data("deepmd_kit", "model_devi", "m%d.dp" % m) for m in range(4))
    for name, words in settings.items():
        for np in (1, 3) if name in ("plain", "all") else (1,):
            words_all = "out_freq 1 out_file md.out table off " + words
            result = run(fixture_script(("model_devi", "in." + name), models, words_all), np=np)
            expected = open(data("deepmd_kit", "model_devi", "md_%s.out" % name)).read()
            got = result.file("md.out")
            assert got == expected, first_difference(name, np, got, expected)
            print("  md_%s.out on %d ranks: identical, %d bytes" % (name, np, len(got)))


def first_difference(name, np, got, expected):
    for k, (g, e) in enumerate(zip(got.splitlines(), expected.splitlines())):
        if g != e:
            at = next(i for i, pair in enumerate(zip(g + "\0", e + "\0")) if pair[0] != pair[1])
            return "md_%s.out on %d ranks: line %d, column %d: %r for %r" % (name, np, k, at, g[at - 15:at + 15],
                                                                            e[at - 15:at + 15])
    return "md_%s.out on %d ranks: %d lines for %d" % (name, np, got.count("\n"), expected.count("\n"))


SINGLE_POINT = """
units metal
atom_style atomic
atom_modify map yes
box tilt large
read_data %(data)s
mass * 1.0
velocity all set 0 0 0
PLUGIN
pair_style kramers %(style)s
pair_coeff * * %(elements)s
compute pe all pe/atom
compute cs all centroid/stress/atom NULL virial
compute s6 all stress/atom NULL virial
thermo_style custom step pe press pxx pyy pzz pxy pxz pyz vol
thermo_modify format float %%22.16g
dump 1 all custom 1 point.dump id type x y z fx fy fz c_pe c_cs[*] c_s6[*]
dump_modify 1 sort id format float %%22.17g
run 0
"""


def against_library(model, style, mode, np, threads, elements="O H", tolerance=1e-10, frame="water_tri.lmp"):
    result = run(SINGLE_POINT % {"data": data("deepmd_kit", "lammps", frame), "style": model + " " + style,
                                 "elements": elements}, np=np, threads=threads)
    frame = result.dump("point.dump")[0]
    box = box_of_dump(frame)
    energy, virial, rows = library(model, box, [int(t[0]) - 1 for t in columns(frame, "type")],
                                   columns(frame, "x", "y", "z"), mode)
    name = "%d ranks, %d threads, %s: " % (np, threads, style)
    close(name + "forces", columns(frame, *FORCE), [r[1:4] for r in rows], tolerance)
    close(name + "atom energies", columns(frame, "c_pe"), [[r[0]] for r in rows], tolerance)
    thermo = result.thermo()[0]
    close(name + "energy", thermo["PotEng"], energy, 0, 1e-12 if tolerance < 1e-9 else 1e-8)
    reach = 6.0  # Å: a force error at the cutoff changes a virial by this much more
    pressure = [thermo[p] * thermo["Volume"] / BAR_A3_PER_EV for p in ("Pxx", "Pyy", "Pzz", "Pxy", "Pxz", "Pyz")]
    # a sum over all atoms: at the wider tolerance of mixed precision the channels left out shift it by about 5e-6 eV
    # per atom, in double with that tolerance too; sqrt(N) leaves room for that up to a few thousand atoms
    atoms = len(rows) ** 0.5 if tolerance > 1e-9 else 1
    close(name + "virial", pressure, [virial[k] for k in (0, 4, 8, 3, 6, 7)], reach * tolerance * atoms)
    # stress/atom: the symmetric part of the nine components, with LAMMPS' sign
    order = (0, 4, 8, 3, 6, 7, 1, 2, 5)
    close(name + "centroid/stress/atom", columns(frame, *STRESS),
          [[-r[4 + k] * BAR_A3_PER_EV for k in order] for r in rows], reach * tolerance * BAR_A3_PER_EV)
    six = columns(frame, *("c_s6[%d]" % k for k in range(1, 7)))
    nine = columns(frame, *STRESS)
    close(name + "stress/atom is symmetric part", six,
          [c[:3] + [0.5 * (c[3] + c[6]), 0.5 * (c[4] + c[7]), 0.5 * (c[5] + c[8])] for c in nine], 0, 1e-13)


@case
def ranks_and_threads():
    model = data("deepmd_kit", "model_devi", "m0.dp")
    for np, threads in ((1, 1), (1, 2), (2, 1), (2, 2), (4, 1)):
        against_library(model, "table off", "off", np, threads)


@case
def ranks_water():
    for np in (1, 2, 4):
        against_library(water_model(), "table off", "off", np, 1)


@case
def ranks_spline():
    model = data("deepmd_kit", "model_devi", "m0.dp")
    for np, threads in ((1, 1), (1, 2), (4, 1)):
        against_library(model, "", "spline", np, threads)


@case
def precision_mixed():
    """Mixed precision and tables stay within their stated errors of the exact network in double."""
    model = water_model()
    for np in (1, 2):
        against_library(model, "precision mixed", "off", np, 1, tolerance=5e-5, frame="water.lmp")
    point = {"data": data("deepmd_kit", "lammps", "water.lmp"), "elements": "O H"}
    forces = []
    for style in ("precision mixed", "table off", "table 1e-6", "table deepmd"):
        result = run(SINGLE_POINT % dict(point, style=model + " " + style))
        forces.append(columns(result.dump("point.dump")[0], *FORCE))
    close("mixed against double", forces[0], forces[1], 5e-5)
    close("splines against the exact network", forces[2], forces[1], 1e-6)
    close("DeePMD-kit's tables against the exact network", forces[3], forces[1], 1e-4)


@case
def every_model():
    """The first frame of every fixture model, all per-atom results."""
    for path in sorted(glob.glob(data("deepmd_kit", "models", "*.json"))):
        name = os.path.basename(path)[:-5]
        reference = load_json("deepmd_kit", "models", name + ".json")
        frame = reference["frames"][0]
        names = load_type_map(reference)
        if frame["box"] is None or min(frame["atype"]) < 0:
            continue
        write_data("frame.lmp", frame["box"], frame["atype"], frame["coord"], len(names))
        style = data("deepmd_kit", "models", name + ".dp") + " table off"
        if "fparam" in frame:
            style += " fparam " + " ".join("%.17g" % v for v in frame["fparam"])
        script = SINGLE_POINT
        if "aparam" in frame:
            names_ap = ["d_ap%d" % k for k in range(len(frame["aparam"][0]))]
            sets = "".join("set atom %d %s %.17g\n" % (i + 1, n, v) for i, row in enumerate(frame["aparam"])
                           for n, v in zip(names_ap, row))
            prelude = "fix ap all property/atom %s\n%scompute ap all property/atom %s\n" % (
                " ".join(names_ap), sets, " ".join(names_ap))
            script = script.replace("PLUGIN", prelude + "PLUGIN")
            style += " aparam_from_compute ap"
        # DPA-1's empty slots must not depend on which atom a rank happens to have first
        for np in (1, 3) if name.startswith("dpa1") else (1,):
            result = run(script % {"data": "frame.lmp", "style": style, "elements": " ".join(names)}, np=np)
            same_atoms("%s on %d ranks" % (name, np), result.dump("point.dump")[0], frame, reference["tolerance"])


def same_atoms(name, got, frame, tolerance):
    order = (0, 4, 8, 3, 6, 7, 1, 2, 5)
    close(name + ": forces", columns(got, *FORCE), frame["force"], tolerance)
    close(name + ": atomic energies", columns(got, "c_pe"), [[e] for e in frame["atomic_energy"]], tolerance)
    close(name + ": atomic virials", columns(got, *STRESS),
          [[-w[k] * BAR_A3_PER_EV for k in order] for w in frame["atomic_virial"]], tolerance * BAR_A3_PER_EV)


def load_type_map(reference):
    """Elements of a fixture: three types in the files that say so, O and H elsewhere."""
    sel = reference["input"]["descriptor"]["sel"]
    three = "three_types" in reference["model"] or (isinstance(sel, list) and len(sel) == 3)
    return ["O", "Na", "H"] if three else ["O", "H"]


NVE = """
units metal
atom_style atomic
read_data %(data)s
mass 1 15.9994
mass 2 1.00794
PLUGIN
pair_style kramers %(model)s
pair_coeff * * O H
timestep 0.0005
%(before)s
fix 1 all nve
thermo_style custom step etotal temp
thermo_modify format float %%22.16g
thermo %(every)d
run %(steps)d
"""


def drift(steps):
    """Slope of the total energy (meV/atom/ns) and its error for liquid water at 0.5 fs with the default splines.
    The first quarter, where the cold start warms up, is left out; means over 50 fs average vibrations out."""
    every, block = 10, 10
    result = run(NVE % {"data": data("deepmd_kit", "lammps", "water.lmp"), "model": water_model(), "every": every,
                        "steps": steps, "before": "velocity all create 300 4711 mom yes rot no"}, threads=1)
    energy = [r["TotEng"] * 1000.0 / 192 for r in result.thermo()]
    energy = energy[len(energy) // 4:]
    e = [sum(energy[k:k + block]) / block for k in range(0, len(energy) - block + 1, block)]
    t = [k * every * block * 0.5e-6 for k in range(len(e))]     # ns
    mt, me = sum(t) / len(t), sum(e) / len(e)
    sxx = sum((a - mt) ** 2 for a in t)
    slope = sum((a - mt) * (b - me) for a, b in zip(t, e)) / sxx
    rest = sum((b - me - slope * (a - mt)) ** 2 for a, b in zip(t, e)) / (len(t) - 2)
    fluctuation = math.sqrt(sum((b - me) ** 2 for b in energy) / len(energy))
    print("  %d steps: drift %.3f ± %.3f meV/atom/ns, rms fluctuation of a step %.4f meV/atom"
          % (steps, slope, math.sqrt(rest / sxx), fluctuation))
    return slope, math.sqrt(rest / sxx), fluctuation


@case
def nve_drift():
    """2 ps: no drift beyond 1 meV/atom/ns and three standard errors, and a small fluctuation."""
    slope, error, fluctuation = drift(4000)
    assert abs(slope) <= 1.0 + 3.0 * error, "drift %.3f ± %.3f meV/atom/ns" % (slope, error)
    assert fluctuation < 0.05, "the total energy fluctuates by %.3f meV/atom" % fluctuation
