# fix kramers/examine inside LAMMPS.
# SPDX-License-Identifier: BSD-3-Clause
import json
import os
import re
import shutil

from cases_features import MD, TAIL, devi_model, head, style
from harness import case, close, contains, library, run

FILES = ("candidates.xyz", "accurate_sample.xyz", "failed.xyz", "last_good.xyz", "examine.json")


def frames(name):
    """Frames of an extended XYZ file: (dictionary of the comment, elements, positions)."""
    if not os.path.exists(name):
        return []
    lines, found, at = open(name).read().splitlines(), [], 0
    while at < len(lines):
        n = int(lines[at])
        pairs = {k: v.strip('"') for k, v in re.findall(r'(\w+)=("[^"]*"|\S+)', lines[at + 1])}
        rows = [line.split() for line in lines[at + 2:at + 2 + n]]
        found.append((pairs, [r[0] for r in rows], [[float(v) for v in r[1:]] for r in rows]))
        at += n + 2
    return found


def lattice(frame):
    return [float(v) for v in frame[0]["Lattice"].split()]


def summary():
    with open("examine.json") as stream:
        return json.load(stream)


def begin():
    """An empty folder: LAMMPS appends to model_devi.out."""
    for name in FILES + ("model_devi.out",):
        if os.path.exists(name):
            os.remove(name)


def examined(words, steps=20, np=1, every=2, models=(0, 1, 2, 3), more="", table="", md=MD, **rest):
    begin()
    return run(head() + style("out_freq %d %s" % (every, table), models) + "pair_coeff * * O H\n" + md + TAIL +
               "fix ex all kramers/examine %d %s\n%srun %d\n" % (every, words, more, steps), np=np, **rest)


def deviation(frame):
    """Largest force deviation and largest virial deviation per atom of the four models, from the library."""
    types = [0 if e == "O" else 1 for e in frame[1]]
    each = [library(devi_model(m), lattice(frame), types, frame[2]) for m in range(4)]
    n, largest, virial = len(types), 0.0, 0.0
    for i in range(n):
        square = 0.0
        for c in (1, 2, 3):
            values = [rows[i][c] for _, _, rows in each]
            mean = sum(values) / 4
            square += sum((v - mean) ** 2 for v in values) / 4
        largest = max(largest, square ** 0.5)
    for k in range(9):
        values = [w[k] / n for _, w, _ in each]
        mean = sum(values) / 4
        virial = max(virial, (sum((v - mean) ** 2 for v in values) / 4) ** 0.5)
    return largest, virial


@case
def examine_deviations():
    """The deviations in the files are those of model_devi.out and of the library at the written positions, and the
    files are the same on 1, 2 and 4 ranks."""
    words = "trust 0.64 5 reservoir 3 correlation 4 seed 7"
    first = None
    for np in (1, 2, 4):
        examined(words, np=np)
        rows = {int(line.split()[0]): line.split() for line in open("model_devi.out").read().splitlines()[1:]}
        kept = [frames(name) for name in ("candidates.xyz", "accurate_sample.xyz", "last_good.xyz")]
        assert kept[0] and kept[1] and len(kept[2]) == 1, "%d candidates, %d accurate" % (len(kept[0]), len(kept[1]))
        for which, group in zip(("candidate", "accurate"), kept):
            for f in group:
                row = rows[int(f[0]["step"])]
                assert f[0]["class"] == which
                assert "%e" % float(f[0]["max_devi_f"]) == row[4] and "%e" % float(f[0]["max_devi_v"]) == row[1]
                assert (float(f[0]["max_devi_f"]) >= 0.64) == (which == "candidate")
        steps = [int(f[0]["step"]) for f in kept[1]]
        assert len(set(s // 4 for s in steps)) == len(steps), steps
        found = summary()
        assert found["end"] == "finished" and found["steps"] == 20 and found["sampled"] == 11 == len(rows)
        assert found["candidate"] == len(kept[0]) and found["accurate"] == 11 - len(kept[0])
        assert sum(found["histogram"]["counts"]) == 11
        if first is None:
            first = kept
            for f in (kept[0][0], kept[0][-1], kept[1][0]):
                dev_f, dev_v = deviation(f)
                close("deviation at step %s" % f[0]["step"], float(f[0]["max_devi_f"]), dev_f, 1e-10)
                close("virial deviation", float(f[0]["max_devi_v"]), dev_v, 1e-10)
            continue
        for a, b in zip(first, kept):
            assert [(f[0]["step"], f[0]["class"], f[1]) for f in a] == [(f[0]["step"], f[0]["class"], f[1]) for f in b]
            close("positions on %d ranks" % np, [f[2] for f in b], [f[2] for f in a], 1e-9)
            close("deviations on %d ranks" % np, [float(f[0]["max_devi_f"]) for f in b],
                  [float(f[0]["max_devi_f"]) for f in a], 1e-9)


@case
def examine_stops():
    """Failed samples in a row end the run cleanly; so does the temperature; earlier candidates stay."""
    for np in (1, 2):
        result = examined("trust 0.1 0.2 stop 3", np=np, more="print before\n")
        contains(result.text, "fix kramers/examine: the run ends at step 4: the models disagree too much",
                 "Total wall time")
        found = summary()
        assert found["end"] == "deviation" and found["steps"] == 4 and found["failed"] == 3, found
        assert len(frames("failed.xyz")) == 1 and not os.path.exists("candidates.xyz")
    hot = MD.replace("timestep 0.0005", "timestep 0.003").replace("create 100", "create 3000")
    result = examined("trust 0.1 off stop 3 temp 0 5000", steps=2000, md=hot)
    found = summary()
    assert found["end"] in ("temperature", "close_contact", "nan"), found["end"]
    assert found["candidate"] == len(frames("candidates.xyz")) > 0
    assert found["steps"] < 2000
    print("  ended at step %d: %s" % (found["steps"], found["end"]))


@case
def examine_lost_atoms():
    """Atoms that leave a box with open faces: noticed by the fix, which ends the run."""
    box = "change_box all boundary f f f\nthermo_modify lost ignore\n"
    result = examined("trust off off", steps=400, more=box, md=MD.replace("create 100", "create 4000"), np=2)
    assert summary()["end"] == "lost_atoms", summary()["end"]
    contains(result.text, "atoms were lost")


@case
def examine_restart():
    """A run that goes on from a restart file leaves the files of the uninterrupted one (LAMMPS itself makes other
    last digits after a restart)."""
    words = "trust 0.64 5 reservoir 3 correlation 4 seed 7"
    for np in (1, 2):
        examined(words, np=np, more="restart 8 md.restart\n")
        names = ("candidates.xyz", "accurate_sample.xyz", "last_good.xyz")
        expected, counts = {name: frames(name) for name in names}, summary()
        assert all(expected.values())
        # what a killed run leaves: candidates up to some later step under the temporary name
        shutil.move("candidates.xyz", "candidates.xyz.part")
        run("PLUGIN\nread_restart md.restart.8\ntimestep 0.0005\nfix 1 all nve\nthermo 1\n" + TAIL +
            "fix ex all kramers/examine 2 %s\nrun 12\n" % words, np=np)
        for name in names:
            again = frames(name)
            assert [f[0]["step"] for f in again] == [f[0]["step"] for f in expected[name]], name
            close("%s after a restart" % name, [f[2] for f in again], [f[2] for f in expected[name]], 1e-9)
            assert [f[0].get("weight") for f in again] == [f[0].get("weight") for f in expected[name]]
        found = summary()
        for key in ("end", "steps", "sampled", "accurate", "candidate", "failed", "histogram"):
            assert found[key] == counts[key], key


@case
def examine_one_model():
    """One model, several runs in one script, atoms that the model leaves alone."""
    begin()
    result = run(head().replace("water_tri.lmp", "water_tri.lmp extra/atom/types 1") + style("", (0,)) +
                 "pair_coeff * * O H NULL\n" + MD + TAIL + "fix ex all kramers/examine 2 reservoir 2\nrun 4\nrun 4\n"
                 'print "counts $(f_ex[1]) $(f_ex[2]) $(f_ex[4])"\n')
    contains(result.text, "one model has no deviation", "counts 5 5 0")
    assert summary()["sampled"] == 5 and len(frames("accurate_sample.xyz")) == 2


@case
def examine_real_units():
    """In units real the levels are in kcal/mol/A, the files in eV and A."""
    unit = 23.060549
    scale = "units real\natom_style atomic\natom_modify map yes\nbox tilt large\nread_data %s\nmass * 1.0\nPLUGIN\n"
    place = head().split("read_data ")[1].split()[0]
    begin()
    run(scale % place + style("out_freq 1", (0, 1, 2, 3)) + "pair_coeff * * O H\nvelocity all set 0 0 0\nfix 1 all nve\n" +
        "fix ex all kramers/examine 1 trust %g %g\nrun 0\n" % (0.6 * unit, 5 * unit))
    inside = frames("candidates.xyz")
    assert len(inside) == 1
    dev_f, _ = deviation(inside[0])
    close("deviation in eV/A", float(inside[0][0]["max_devi_f"]), dev_f, 0, 1e-6)


@case
def examine_errors():
    """Wrong words and settings are refused with a sentence."""
    for words, sentence in (("trust 0.2", "keyword trust needs lo hi"), ("trust 0.2 0.1", "expected 0 <= lo <= hi"),
                            ("reservior 3", "unknown keyword 'reservior'"), ("stop x", "keyword stop needs"),
                            ("temp 5", "keyword temp needs")):
        contains(examined(words, steps=0, expect=None).text, sentence)
    contains(examined("trust off off", steps=2, more="run 4\nundump 1\nreset_timestep 0\n", expect=None).text, "the step went back")
    contains(examined("trust 0.1 0.2", steps=0, every=2, expect=None, table="out_freq 3").text, "out_freq")
    contains(run(head() + "pair_style zero 5\npair_coeff * *\nfix ex all kramers/examine 1\nrun 0\n", expect=None).text,
             "needs pair_style kramers")
