# What LAMMPS users combine a pair style with.
# SPDX-License-Identifier: BSD-3-Clause
import os
import shutil
import subprocess

from harness import (BAR_A3_PER_EV, Site, box_of_dump, case, close, columns, contains, data, library, load_json, run, worst, write_data)

FORCE = ("fx", "fy", "fz")


def devi_model(m):
    return data("deepmd_kit", "model_devi", "m%d.dp" % m)


HEAD = """
units metal
atom_style atomic
atom_modify map yes
box tilt large
read_data %s
mass * 1.0
velocity all set 0 0 0
PLUGIN
""" % "WATER"

TAIL = """
thermo_style custom step temp pe etotal press pxx pyy pzz pxy pxz pyz vol
thermo_modify format float %22.16g
dump 1 all custom 1 out.dump id type x y z fx fy fz
dump_modify 1 sort id format float %22.17g
"""


def head():
    return HEAD.replace("WATER", data("deepmd_kit", "lammps", "water_tri.lmp"))


def style(words="", models=(0,)):
    return "pair_style kramers %s table off %s\n" % (" ".join(devi_model(m) for m in models), words)


def point(pair_lines, before="", np=1, body="run 0\n", threads=1, **more):
    result = run(head() + before + pair_lines + TAIL + body, np=np, threads=threads, **more)
    return result


def forces(result, frame=-1):
    return columns(result.dump("out.dump")[frame], *FORCE)


MD = "timestep 0.0005\nvelocity all create 100 1234 loop geom\nfix 1 all nve\nthermo 1\n"


@case
def restart():
    """A restarted run goes on as the uninterrupted one; model files are named by the restart file itself."""
    first = style() + "pair_coeff * * O H\n"
    for np in (1, 2):
        whole = run(head() + first + MD + TAIL + "restart 10 md.restart\nrun 20\n", np=np)
        again = run("PLUGIN\nread_restart md.restart.10\ntimestep 0.0005\nfix 1 all nve\nthermo 1\n" + TAIL + "run 10\n",
                    np=np)
        a, b = whole.thermo()[10:], again.thermo()
        for column in ("PotEng", "TotEng", "Press"):
            close("restart on %d ranks: %s" % (np, column), [r[column] for r in b], [r[column] for r in a], 0, 1e-11)
        close("restart on %d ranks: forces at the end" % np, forces(again), forces(whole), 1e-10)
        # the same with pair_style and pair_coeff given again, at other paths than the restart file says
        shutil.copy(devi_model(0), "moved.dp")
        third = run("PLUGIN\nread_restart md.restart.10\npair_style kramers ./moved.dp table off\npair_coeff * * O H\n"
                    "timestep 0.0005\nfix 1 all nve\nthermo 1\n" + TAIL + "run 10\n", np=np)
        close("restart with pair_style given again", forces(third), forces(again), 1e-13)


@case
def restart_hybrid():
    """Inside hybrid LAMMPS keeps the words of pair_style, and pair_coeff is given again."""
    styles = "pair_style hybrid/overlay kramers %s tabulate off lj/cut 5.0\n" % devi_model(0)
    coeffs = "pair_coeff * * kramers O H\npair_coeff * * lj/cut 0.0001 0.5\n"
    whole = run(head() + styles + coeffs + MD + TAIL + "restart 5 md.restart\nrun 10\n")
    again = run("PLUGIN\nread_restart md.restart.5\n" + coeffs + "timestep 0.0005\nfix 1 all nve\nthermo 1\n" + TAIL +
                "run 5\n", np=2)
    close("restart of hybrid/overlay", forces(again), forces(whole), 1e-10)


@case
def restart_moved_model():
    """A model that is gone when the restart file is read can be named anew."""
    shutil.copy(devi_model(0), "gone.dp")
    run(head() + "pair_style kramers gone.dp table off\npair_coeff * * O H\n" + MD + "run 1\nwrite_restart a.restart\n")
    os.remove("gone.dp")
    bad = run("PLUGIN\nread_restart a.restart\nfix 1 all nve\nrun 1\n", expect=None)
    assert bad.code != 0
    contains(bad.text, "gone.dp")
    run("PLUGIN\nread_restart a.restart\n" + style() + "fix 1 all nve\nrun 1\n")


@case
def restart_appends_deviation():
    models = style("out_freq 5 out_file devi.out", (0, 1)) + "pair_coeff * * O H\n"
    run(head() + models + MD + "run 10\nwrite_restart a.restart\n")
    before = open("devi.out").read()
    run("PLUGIN\nread_restart a.restart\ntimestep 0.0005\nfix 1 all nve\nrun 10\n")
    after = open("devi.out").read()
    assert after.startswith(before), "the file was not continued"
    steps = [int(line.split()[0]) for line in after.splitlines()[1:]]
    assert steps == [0, 5, 10, 10, 15, 20], steps
    assert after.count("#") == 1


LJ = "pair_coeff %s lj/cut 0.01 2.0\n"


@case
def hybrid_overlay():
    """Two styles over the same atoms add up: forces, energy, pressure."""
    ours = point(style() + "pair_coeff * * O H\n")
    theirs = point("pair_style lj/cut 5.0\npair_coeff * * 0.01 2.0\n")
    both = point("pair_style hybrid/overlay kramers %s tabulate off lj/cut 5.0\n" % devi_model(0) +
                 "pair_coeff * * kramers O H\n" + LJ % "* *")
    sums = [[a + b for a, b in zip(x, y)] for x, y in zip(forces(ours), forces(theirs))]
    close("hybrid/overlay forces", forces(both), sums, 1e-10, 1e-12)
    for column in ("PotEng", "Pxx", "Pxy", "Pyz"):
        close("hybrid/overlay " + column, both.thermo()[0][column],
              ours.thermo()[0][column] + theirs.thermo()[0][column], 0, 1e-10)


@case
def hybrid_null():
    """Hydrogen atoms are ours, oxygen Lennard-Jones: the same forces as overlay with the other type virtual."""
    split = point("pair_style hybrid kramers %s tabulate off lj/cut 5.0\n" % devi_model(0) +
                  "pair_coeff * * kramers NULL H\n" + LJ % "1 1" + LJ % "1 2", np=2)
    # the other order of the commands gives the same
    order = point("pair_style hybrid kramers %s tabulate off lj/cut 5.0\n" % devi_model(0) +
                  LJ % "1 1" + LJ % "1 2" + "pair_coeff * * kramers NULL H\n")
    close("hybrid, order of pair_coeff", forces(split), forces(order), 1e-10)
    ours = point(style() + "pair_coeff * * NULL H\n")
    theirs = point("pair_style lj/cut 5.0\npair_coeff 1 * 0.01 2.0\npair_coeff 2 2 0.0 2.0\n")
    sums = [[a + b for a, b in zip(x, y)] for x, y in zip(forces(ours), forces(theirs))]
    close("hybrid with NULL", forces(split), sums, 1e-10, 1e-12)


@case
def two_instances():
    """Two kramers styles in one hybrid/overlay are independent: their forces add up."""
    single = [point("pair_style kramers %s table off\npair_coeff * * O H\n" % devi_model(m)) for m in (0, 1)]
    both = point("pair_style hybrid/overlay kramers %s tabulate off kramers %s tabulate off\n"
                 % (devi_model(0), devi_model(1)) + "pair_coeff * * kramers 1 O H\npair_coeff * * kramers 2 O H\n", np=2)
    sums = [[a + b for a, b in zip(x, y)] for x, y in zip(forces(single[0]), forces(single[1]))]
    close("two instances", forces(both), sums, 1e-10)


@case
def virtual_atoms():
    """Atoms of a NULL type feel nothing and are not seen: the rest has the forces of a system without them."""
    null = point(style() + "pair_coeff * * O NULL\n", np=2)
    frame = null.dump("out.dump")[0]
    types = [int(t[0]) for t in columns(frame, "type")]
    f, x = columns(frame, *FORCE), columns(frame, "x", "y", "z")
    oxygen = [i for i, t in enumerate(types) if t == 1]
    _, _, rows = library(devi_model(0), box_of_dump(frame), [0] * len(oxygen), [x[i] for i in oxygen])
    close("forces without the virtual atoms", [f[i] for i in oxygen], [r[1:4] for r in rows], 1e-10)
    assert all(f[i] == [0.0, 0.0, 0.0] for i, t in enumerate(types) if t == 2)


@case
def types_by_position():
    """Without elements types follow the model's order, and types beyond it are virtual."""
    named = point(style() + "pair_coeff * * O H\n")
    unnamed = point(style() + "pair_coeff * *\n")
    close("types by position", forces(unnamed), forces(named), 1e-13)
    contains(unnamed.text, "atom types in the order of the model: O H")
    extra = head().replace("read_data " + data("deepmd_kit", "lammps", "water_tri.lmp"),
                           "read_data " + data("deepmd_kit", "lammps", "water_tri.lmp") + " extra/atom/types 1")
    more = run(extra + "create_atoms 3 single 1.0 1.0 1.0\nmass 3 1.0\n" + style() + "pair_coeff * *\n" + TAIL + "run 0\n")
    contains(more.text, "atom types above 2 feel nothing")
    close("a third type is virtual", forces(more)[:192], forces(named), 1e-10)
    assert forces(more)[192] == [0.0, 0.0, 0.0]


@case
def adapt_scale():
    """fix adapt multiplies energy, forces and virial, not the deviation."""
    models = style("out_freq 1 out_file devi.out", (0, 1)) + "pair_coeff * * O H\n"
    plain = point(models)
    unscaled = open("devi.out").read()
    scaled = point(models, before="", body="variable s equal 0.25\nfix a all adapt 1 pair kramers scale * * v_s\n"
                                           "run 0\n")
    close("scaled forces", forces(scaled), [[0.25 * v for v in row] for row in forces(plain)], 1e-12)
    for column in ("PotEng", "Pxx", "Pxy"):
        close("scaled " + column, scaled.thermo()[0][column], 0.25 * plain.thermo()[0][column], 0, 1e-12)
    assert open("devi.out").read() == unscaled, "the deviation was scaled"


@case
def unit_styles():
    """The same frame and a few steps in real, si, electron and other units, converted back to metal."""
    kcal, hartree, bohr = 0.0019872067 / 8.617343e-5, 3.16681534e-6 / 8.617343e-5, 1.88972612
    # units: energy unit per eV (LAMMPS' Boltzmann constants), length per Å, timestep of 0.5 fs, mass per amu
    table = {"metal": (1.0, 1.0, 0.0005, 1.0), "real": (kcal, 1.0, 0.5, 1.0),
             "electron": (hartree, bohr, 0.5, 1.0),
             "si": (1.3806504e-23 / 8.617343e-5, 1e-10, 0.5e-15, 1.0 / 6.02214129e26),
             "cgs": (1.3806504e-16 / 8.617343e-5, 1e-8, 0.5e-15, 1.0 / 6.02214129e23),
             "micro": (1.3806504e-8 / 8.617343e-5, 1e-4, 0.5e-9, 1.0 / 6.02214129e11),
             "nano": (0.013806504 / 8.617343e-5, 0.1, 0.5e-6, 1.0 / 602214.129)}
    frame = load_json("deepmd_kit", "models", "se_a_one_tanh.json")["frames"][0]
    model = data("deepmd_kit", "models", "se_a_one_tanh.dp")
    for name, (energy, length, step, mass) in table.items():
        write_data("frame.lmp", frame["box"], frame["atype"], frame["coord"], 2, length)
        result = run("""
units %s
atom_style atomic
box tilt large
neighbor %.17g bin
read_data frame.lmp
mass 1 %.17g
mass 2 %.17g
PLUGIN
pair_style kramers %s %s table off out_freq 1 out_file devi.out
pair_coeff * * O H
timestep %.17g
fix 1 all nve
compute pe all pe/atom
thermo_style custom step pe press vol
thermo_modify format float %%22.16g
dump 1 all custom 1 out.dump id x y z fx fy fz c_pe
dump_modify 1 sort id format float %%22.17g
run 1
""" % (name, 0.5 * length, 16 * mass, mass, model, model, step))
        first, second = result.dump("out.dump")
        close(name + " energy", result.thermo()[0]["PotEng"] / energy, frame["energy"], 0, 1e-12)
        close(name + " atomic energy", columns(first, "c_pe"), [[e * energy] for e in frame["atomic_energy"]], 0, 1e-12)
        close(name + " force", [[v * length / energy for v in row] for row in columns(first, *FORCE)], frame["force"],
              1e-9)
        positions = [[v / length for v in row] for row in columns(second, "x", "y", "z")]
        if name == "metal":
            metal = positions
        close(name + " positions after a step", positions, metal, 1e-6)
        rows = [[float(v) for v in line.split()] for line in open("devi.out").read().splitlines()[1:]]
        assert all(v == 0.0 for row in rows for v in row[1:]), "twice the same model deviates"


@case
def deviation_units():
    """Deviations and levels are in user units; relative ones have none."""
    frame = load_json("deepmd_kit", "models", "se_a_one_tanh.json")["frames"][0]
    write_data("frame.lmp", frame["box"], frame["atype"], frame["coord"], 2)
    factor = 0.0019872067 / 8.617343e-5

    def rows(units, words):
        run("units %s\natom_style atomic\nbox tilt large\nread_data frame.lmp\nmass * 1.0\nPLUGIN\n"
            "pair_style kramers %s %s table off out_freq 1 out_file devi.out %s\npair_coeff * * O H\nrun 0\n"
            % (units, devi_model(0), devi_model(1), words))
        return [float(v) for v in open("devi.out").read().splitlines()[1].split()[1:]]
    metal, real = rows("metal", ""), rows("real", "")
    close("absolute deviations", real, [v * factor for v in metal], 0, 1e-6)
    metal = rows("metal", "relative 0.5 relative_v 0.1")
    real = rows("real", "relative %.17g relative_v %.17g" % (0.5 * factor, 0.1 * factor))
    close("relative deviations", real, metal, 0, 2e-6)


@case
def minimize():
    result = run(head() + style() + "pair_coeff * * O H\n" + TAIL + "thermo 10\nminimize 0 1e-2 40 80\n")
    energies = [r["PotEng"] for r in result.thermo()]
    assert energies[-1] < energies[0] - 1.0, energies
    assert all(b <= a + 1e-9 for a, b in zip(energies, energies[1:])), energies
    print("  energy %.3f -> %.3f eV" % (energies[0], energies[-1]))


@case
def npt_triclinic():
    """A changing triclinic box on 1 and 2 ranks: the same trajectory, and an enthalpy that is conserved."""
    body = ("timestep 0.0002\nvelocity all create 300 99 loop geom\n"
            "fix 1 all npt temp 300 300 0.1 tri 1.0 1.0 1.0\nthermo 5\nrun 40\n")
    a = point(style() + "pair_coeff * * O H\n", body=body)
    b = point(style() + "pair_coeff * * O H\n", body=body, np=2)
    for column in ("PotEng", "Vol" if "Vol" in a.thermo()[0] else "Volume", "Pxy"):
        x, y = [r[column] for r in a.thermo()], [r[column] for r in b.thermo()]
        close("npt on 2 ranks: " + column, y, x, 0, 1e-8)
    volumes = [r["Volume"] for r in a.thermo()]
    assert volumes[0] != volumes[-1], "the box does not move"
    total = [r["TotEng"] for r in a.thermo()]
    print("  conserved quantity moves by %.3g eV, volume by %.3g A^3" % (max(total) - min(total),
                                                                       max(volumes) - min(volumes)))


@case
def virial_by_strain():
    """Pressure components against central differences of the energy under small strains of a triclinic cell."""
    frame = load_json("deepmd_kit", "models", "se_a_one_tanh.json")["frames"][0]
    model = data("deepmd_kit", "models", "se_a_one_tanh.dp")

    def energy(a, b, h):
        """Energy and thermo row after r_a += h r_b of atoms and cell."""
        def strain(r):
            return [v + h * r[b] * (k == a) for k, v in enumerate(r)]
        rows = [strain(frame["box"][3 * k:3 * k + 3]) for k in range(3)]
        write_data("frame.lmp", sum(rows, []), frame["atype"], [strain(r) for r in frame["coord"]], 2)
        result = run("units metal\natom_style atomic\nbox tilt large\nread_data frame.lmp\nmass * 1.0\nPLUGIN\n"
                     "pair_style kramers %s table off\npair_coeff * * O H\n" % model + TAIL + "run 0\n")
        return result.thermo()[0]
    base, h = energy(0, 0, 0.0), 1e-4
    # b >= a keeps the cell lower triangular
    for a, b in ((0, 0), (1, 1), (2, 2), (0, 1), (0, 2), (1, 2)):
        strained = -(energy(a, b, h)["PotEng"] - energy(a, b, -h)["PotEng"]) / (2 * h)
        virial = base["P" + "xyz"[a] + "xyz"[b]] * base["Volume"] / BAR_A3_PER_EV
        close("virial %s%s" % ("xyz"[a], "xyz"[b]), virial, strained, 1e-6, 1e-6)


@case
def empty_ranks():
    """Two atoms on four ranks: some ranks own nothing, and one has no atom at all within reach."""
    script = """
units metal
atom_style atomic
processors 4 1 1
region box block 0 60 0 60 0 60
create_box 2 box
create_atoms 1 single 1.0 1.0 1.0
create_atoms 2 single 1.9 1.0 1.2
mass * 1.0
PLUGIN
""" + style("out_freq 1 atomic", (0, 1)) + "pair_coeff * * O H\n" + TAIL + "timestep 0.0001\nfix 1 all nve\nrun 3\n"
    four = run(script, np=4)
    rows = open("model_devi.out").read()
    one = run(script.replace("processors 4 1 1\n", ""))
    close("two atoms on four ranks", forces(four), forces(one), 1e-10)
    assert open("model_devi.out").read() == rows, "deviations differ"
    none = script.replace("create_atoms 1", "#").replace("create_atoms 2", "#").replace("run 3", "run 0").replace("processors 4", "processors 2")
    run(none.replace("out_freq 1 atomic", "out_freq 0"), np=2)


@case
def frame_parameters():
    """fparam and aparam: constant, from computes, from a fix; all give the fixture's numbers.
    Nothing moves; step 1 is looked at, since fix ave/time has no value before the end of step 0."""
    frame = load_json("deepmd_kit", "models", "se_a_fparam_aparam.json")["frames"][0]
    model = data("deepmd_kit", "models", "se_a_fparam_aparam.dp")
    write_data("frame.lmp", frame["box"], frame["atype"], frame["coord"], 2)
    f = frame["fparam"]
    atoms = "".join("set atom %d d_ap %.17g\n" % (i + 1, v[0]) for i, v in enumerate(frame["aparam"]))
    setup = ("units metal\natom_style atomic\nbox tilt large\nread_data frame.lmp\nmass * 1.0\n"
             "fix ap all property/atom d_ap\n" + atoms + "compute ap all property/atom d_ap\n"
             "variable f1 equal %.17g\nvariable f2 equal %.17g\nvariable zero equal 0.0\n" % tuple(f) +
             "fix fp all vector 1 v_f1 v_f2\nfix fa all ave/time 1 1 1 v_zero v_f1 v_f2\n"
             "variable g1 atom v_f1/count(all)\nvariable g2 atom v_f2/count(all)\n"
             "compute fc all reduce sum v_g1 v_g2\nPLUGIN\n")

    def energy(words, np=1):
        script = setup + "pair_style kramers %s table off %s\npair_coeff * * O H\n" % (model, words) + TAIL + "run 1\n"
        result = run(script, np=np)
        return result
    numbers = " fparam %.17g %.17g " % tuple(f)
    for words in (numbers, " fparam_from_fix fa 2 ", " fparam_from_compute fc "):
        for np in (1, 2):
            result = energy(words + "aparam_from_compute ap", np)
            close(words.strip()[:24] + " on %d ranks" % np, forces(result), frame["force"], 1e-10)
            close("energy", result.thermo()[-1]["PotEng"], frame["energy"], 1e-10)
    # one aparam for all atoms equals the same value set atom by atom
    constant = energy(numbers + "aparam 0.3")
    each = run(setup + "set group all d_ap 0.3\npair_style kramers %s table off %s aparam_from_compute ap\n"
               "pair_coeff * * O H\n" % (model, numbers) + TAIL + "run 0\n")
    close("one aparam for all atoms", forces(constant), forces(each), 1e-13)
    assert worst(forces(constant), frame["force"]) > 1e-6, "aparam makes no difference"


@case
def frame_parameter_follows_compute():
    """fparam_from_compute is taken at every step, not once."""
    frame = load_json("deepmd_kit", "models", "se_a_fparam_aparam.json")["frames"][0]
    model = data("deepmd_kit", "models", "se_a_fparam_aparam.dp")
    write_data("frame.lmp", frame["box"], frame["atype"], frame["coord"], 2)
    script = ("units metal\natom_style atomic\nbox tilt large\nread_data frame.lmp\nmass * 1.0\n"
              "variable g atom (0.1+0.2*step)/count(all)\ncompute fc all reduce sum v_g v_g\nPLUGIN\n"
              "pair_style kramers %s table off %%s aparam 0.3\npair_coeff * * O H\nthermo 1\n" % model +
              TAIL.replace("%", "%%") + "fix 1 all setforce 0 0 0\nrun %d\n")
    moving = run(script % ("fparam_from_compute fc", 3)).thermo()
    for step in (0, 3):
        value = 0.1 + 0.2 * step
        fixed = run(script % ("fparam %.17g %.17g" % (value, value), 0)).thermo()
        close("step %d" % step, moving[step]["PotEng"], fixed[0]["PotEng"], 1e-10)


@case
def default_frame_parameter():
    frame = load_json("deepmd_kit", "models", "se_a_default_fparam.json")["frames"]
    model = data("deepmd_kit", "models", "se_a_default_fparam.dp")
    write_data("frame.lmp", frame[0]["box"], frame[0]["atype"], frame[0]["coord"], 2)
    result = run("units metal\natom_style atomic\nbox tilt large\nread_data frame.lmp\nmass * 1.0\nPLUGIN\n"
                 "pair_style kramers %s table off%s\npair_coeff * * O H\n" %
                 (model, "".join([" fparam"] + [" %.17g" % v for v in frame[0]["fparam"]]) if frame[0].get("fparam")
                  else "") + TAIL + "run 0\n")
    close("default fparam", forces(result), frame[0]["force"], 1e-10)


@case
def rerun():
    """Forces of a dump read back are those of the run that wrote it."""
    first = style("out_freq 1", (0, 1)) + "pair_coeff * * O H\n"
    whole = run(head() + first + MD + TAIL + "run 4\n")
    expected = [columns(f, *FORCE) for f in whole.dump("out.dump")]
    rows = open("model_devi.out").read()
    shutil.move("out.dump", "trajectory.dump")
    again = run(head() + first + TAIL + "rerun trajectory.dump dump x y z box yes\n", np=2)
    got = [columns(f, *FORCE) for f in again.dump("out.dump")]
    close("rerun", got, expected, 1e-9)
    a, b = ([[float(v) for v in line.split()] for line in text.splitlines()[1:]]
            for text in (rows, open("model_devi.out").read()))
    close("rerun: deviations", b, a, 0, 1e-6)


@case
def no_deviation_between():
    """The trajectory does not depend on how often deviations are computed, to the bit."""
    dumps = []
    for words, models in (("", (0,)), ("out_freq 3", (0, 1, 2)), ("out_freq 0", (0, 1))):
        dumps.append(forces(run(head() + style(words, models) + "pair_coeff * * O H\n" + MD + TAIL + "run 6\n")))
    assert dumps[0] == dumps[1] == dumps[2]
    assert not os.path.exists("model_devi.out") or open("model_devi.out").read().count("\n") == 4


@case
def thread_bits():
    """1 and 2 threads give the same bits."""
    one = run(head() + style() + "pair_coeff * * O H\n" + MD + TAIL + "run 5\n")
    two = run(head() + style() + "pair_coeff * * O H\n" + MD + TAIL + "run 5\n", threads=2)
    assert forces(one) == forces(two)
    contains(two.text, "2 OpenMP thread")


@case
def overflow_warning():
    """sel overflow: one warning when it happens, one at the end of the run with the numbers; nearest are kept."""
    reference = load_json("deepmd_kit", "overflow", "both_types.json")
    write_data("frame.lmp", reference["box"], reference["atype"], reference["coord"], 2)
    model = data("deepmd_kit", "overflow", "both_types.dp")
    for np in (1, 2):
        result = run("units metal\natom_style atomic\nbox tilt large\nread_data frame.lmp\nmass * 1.0\nPLUGIN\n"
                     "pair_style kramers %s table off\npair_coeff * * O H\n" % model + TAIL + "run 0\n", np=np)
        close("overflow on %d ranks" % np, forces(result), reference["results"]["tensorflow_lammps"]["force"], 1e-9)
        contains(result.text, "sel overflowed for", "of 24 environments")
        count = result.text.count("sel overflowed")
        assert count == 2, "%d warnings" % count
    fine = point(style() + "pair_coeff * * O H\n")
    assert "sel overflowed" not in fine.text


@case
def compute_pair():
    """The latest deviations are there for thermo output, variables and fix halt."""
    result = run(head() + style("out_freq 1", (0, 1, 2, 3)) + "pair_coeff * * O H\n" + MD + "compute dv all pair kramers\n"
                 "thermo_style custom step c_dv[1] c_dv[2] c_dv[3] c_dv[4] c_dv[5] c_dv[6]\n"
                 "thermo_modify format float %19.6e\nrun 2\n", np=2)
    rows = [[float(v) for v in line.split()[1:]] for line in open("model_devi.out").read().splitlines()[1:]]
    got = [[r["c_dv[%d]" % k] for k in range(1, 7)] for r in result.thermo()]
    close("compute pair", got, rows, 0, 1e-6)


@case
def special_bonds_warning():
    script = """
units metal
atom_style bond
region box block 0 10 0 10 0 10
create_box 2 box bond/types 1 extra/bond/per/atom 2 extra/special/per/atom 4
create_atoms 1 single 1.0 1.0 1.0
create_atoms 2 single 1.9 1.0 1.2
create_atoms 2 single 5.9 1.0 1.2
mass * 1.0
create_bonds single/bond 1 1 2
bond_style zero
bond_coeff *
%s
PLUGIN
""" + (style() + "pair_coeff * * O H\n" + TAIL + "run 0\n").replace("%", "%%")
    bad, good = run(script % ""), run(script % "special_bonds lj/coul 1 1 1")
    contains(bad.text, "special_bonds")
    assert "leaves bonded neighbours out" not in good.text
    assert worst(forces(bad), forces(good)) > 1e-3


@case
def launcher():
    """A liblammps without the PLUGIN package: the launcher has the style built in."""
    if not Site.launcher:
        print("  no launcher was built")
        return
    for np in (1, 2):
        script = head() + style() + "pair_coeff * * O H\n" + TAIL + "run 0\n"
        a, b = forces(run(script)), forces(run(script, program=Site.launcher, np=np))
        close("launcher on %d ranks" % np, b, a, 1e-10)


@case
def plugin_path():
    """LAMMPS_PLUGIN_PATH loads the plugin without a command."""
    script = (head() + style() + "pair_coeff * * O H\nrun 0\n").replace("PLUGIN", "")
    with open("in.path", "w") as stream:
        stream.write(script)
    env = dict(os.environ, LAMMPS_PLUGIN_PATH=os.path.dirname(Site.plugin), OMP_NUM_THREADS="1")
    if Site.library_path:
        env["LD_LIBRARY_PATH"] = Site.library_path
    done = subprocess.run([Site.lmp, "-in", "in.path", "-log", "none"], env=env, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, universal_newlines=True)
    assert done.returncode == 0, done.stdout[-2000:]


@case
def communication_cutoff():
    """A communication cutoff that is asked for too small is raised by LAMMPS, and the forces are right."""
    plain = point(style() + "pair_coeff * * O H\n")
    short = point(style() + "pair_coeff * * O H\n", before="comm_modify cutoff 1.0\n", np=2)
    close("comm_modify cutoff 1.0", forces(short), forces(plain), 1e-10)


@case
def documented_examples():
    """The input lines of docs/lammps.md run."""
    page = open(os.path.join(Site.data, "..", "..", "docs", "lammps.md")).read()
    blocks = [block for block in page.split("```")[1::2] if "pair_coeff" in block or "compute dv" in block]
    assert len(blocks) >= 5
    ran = 0
    for block in blocks:
        if "model1" in block:
            continue
        for line in ("water.dp", "m0.dp", "m1.dp", "m2.dp", "m3.dp"):
            block = block.replace(" " + line, " " + devi_model(int(line[1]) if line[0] == "m" else 0))
        block = block.replace("plugin load kramersplugin.so", "PLUGIN")
        if "copper" in block:
            block = block.replace(" copper", " " + os.path.join(Site.models, "copper")).replace("run 10000", "run 2")
            run(block.replace("0 8 0 8 0 8", "0 3 0 3 0 3"))
        else:
            start = head().replace("water_tri.lmp", "water_tri.lmp extra/atom/types 1" if "NULL" in block else "water_tri.lmp")
            if "compute dv" in block:
                block = block.replace("compute dv", "pair_coeff * * O H\ncompute dv")
            run((start if "PLUGIN" not in block else start.replace("PLUGIN", "")) + block + "fix nve all nve\nrun 2\n")
        ran += 1
    print("  %d examples ran" % ran)
