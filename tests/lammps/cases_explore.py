# The explorer "lammps": runs as a campaign makes them.
# SPDX-License-Identifier: BSD-3-Clause
import json
import os
import shutil
import subprocess

from cases_examine import frames
from cases_features import devi_model
from harness import Site, case, close, data

TOOL = "explore_case"


def tool(*words):
    done = subprocess.run([os.path.join(os.path.dirname(Site.frame_eval), TOOL)] + [str(w) for w in words],
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, universal_newlines=True)
    assert done.returncode == 0, done.stdout
    return done.stdout.strip()


def engine(**options):
    options.update(engine="lammps", command=Site.lmp, plugin=Site.plugin, pair_words="table off")
    with open("engine.json", "w") as stream:
        json.dump(options, stream)


def prepare(folder, ensemble="nvt", steps=20, f_lo=0.64, f_hi=5, T=(300, 300), swap=0, previous="-"):
    os.makedirs(folder, exist_ok=True)
    return tool("prepare", folder, "engine.json", data("deepmd_kit", "lammps", "water_tri.lmp"), ensemble, steps, f_lo,
                f_hi, T[0], T[1], swap, previous, *[devi_model(m) for m in range(4)])


def start(folder, command, expect=0):
    env = dict(os.environ, OMP_NUM_THREADS="1")
    if Site.library_path:
        env["LD_LIBRARY_PATH"] = Site.library_path + ":" + env.get("LD_LIBRARY_PATH", "")
    done = subprocess.run(command, shell=True, cwd=folder, env=env, stdin=subprocess.DEVNULL, timeout=300,
                          stdout=open(os.path.join(folder, "stdout"), "w"),
                          stderr=open(os.path.join(folder, "stderr"), "w"))
    if expect is not None and done.returncode != expect:
        raise AssertionError(open(os.path.join(folder, "log.lammps")).read()[-2000:])
    return done.returncode


def read(folder, code=0):
    words = tool("read", folder, "engine.json", code).split(None, 7)
    return dict(zip(("outcome", "end", "steps", "sampled", "accurate", "candidate", "failed", "message"), words))


@case
def explore_ensembles():
    """All ensembles run, with a ramp and with exchanges; what they leave is complete."""
    engine()
    for ensemble, T, swap in (("nve", (300, 300), 0), ("nvt", (300, 600), 0), ("npt-iso", (300, 300), 0.5),
                              ("npt-aniso", (300, 300), 0), ("npt-tri", (300, 300), 0)):
        folder = "run-" + ensemble
        start(folder, prepare(folder, ensemble, T=T, swap=swap))
        found = read(folder)
        print("  %-10s %s" % (ensemble, " ".join(found.values())))
        assert found["outcome"] == "done" and found["end"] == "finished" and found["sampled"] == "11", found
        assert len(frames(folder + "/candidates.xyz")) == int(found["candidate"])
        boxes = set(f[0]["Lattice"] for f in frames(folder + "/candidates.xyz") + frames(folder + "/last_good.xyz"))
        assert (len(boxes) > 1) == ensemble.startswith("npt"), boxes


@case
def explore_goes_on():
    """A killed run goes on from its last whole restart file in a new folder, and ends as the undisturbed one."""
    engine()
    start("whole", prepare("whole"))
    command = prepare("first")
    script = open("first/in.lammps").read()
    with open("first/in.lammps", "w") as stream:   # killed behind step 15: as if by a signal
        stream.write(script.replace("run 20 upto start 0 stop 20", "run 15 upto start 0 stop 20\nshell 'kill -9 $PPID'"))
    assert start("first", command, expect=None) != 0
    shutil.move("first/candidates.xyz", "first/candidates.xyz.part")
    with open("first/restart.16", "wb") as stream:  # one that was being written
        stream.write(open("first/restart.14", "rb").read()[:-30])
    start("second", prepare("second", previous="first"))
    assert "read_restart restart.14" in open("second/in.lammps").read()
    a, b = read("whole"), read("second")
    assert a == b, (a, b)
    for name in ("candidates.xyz", "accurate_sample.xyz", "last_good.xyz"):
        x, y = frames("whole/" + name), frames("second/" + name)
        assert [f[0]["step"] for f in x] == [f[0]["step"] for f in y]
        close(name, [f[2] for f in y], [f[2] for f in x], 1e-9)
    rows = [[line.split()[0] for line in open(folder + "/model_devi.out") if line[0] != "#"]
            for folder in ("whole", "second")]
    assert rows[0] == rows[1], rows[1]


@case
def explore_failures():
    """Physical failures are results; a program that does not run is not."""
    engine()
    start("wild", prepare("wild", f_lo=0.1, f_hi=0.2))
    found = read("wild")
    assert found["outcome"] == "done" and found["end"] == "deviation" and found["failed"] == "5", found
    command = prepare("hot", "nve", steps=2000, f_hi=1e9, T=(60000, 60000))
    found = read("hot", start("hot", command, expect=None))
    print("  " + " ".join(found.values()))
    assert found["outcome"] == "done" and found["end"] != "finished", found
    command = prepare("broken")
    with open("broken/in.lammps", "a") as stream:
        stream.write("no_such_command\n")
    script = open("broken/in.lammps").read()
    open("broken/in.lammps", "w").write("no_such_command\n" + script)
    found = read("broken", start("broken", command, expect=None))
    assert found["outcome"] == "crashed" and "no_such_command" in found["message"], found


@case
def explore_template():
    """A template of the user's with fields."""
    with open("mine.in", "w") as stream:
        stream.write("units metal\natom_style atomic\natom_modify map yes\nbox tilt large\n{{read}}\n{{pair}}\n"
                     "timestep {{dt_ps}}\nvelocity all create {{T_start}} {{seed}}\n"
                     "fix mine all langevin {{T_start}} {{T_end}} {{tau_t}} {{seed}}\nfix move all nve\n{{examine}}\n"
                     "{{run}}\n")
    engine(template="mine.in")
    start("mine", prepare("mine"))
    found = read("mine")
    assert found["outcome"] == "done" and found["sampled"] == "11", found


CAMPAIGN = {
    "campaign": {"name": "test", "folder": "run", "elements": ["O", "H"], "max_iterations": 2, "seed": 7},
    "model": {"ensemble": 2, "training": {
        "model": {"descriptor": {"type": "se_e2_a", "rcut": 3.0, "rcut_smth": 0.5, "neuron": [4], "axis_neuron": 2,
                                 "sel": "auto"}, "fitting_net": {"neuron": [4]}},
        "learning_rate": {"start_lr": 0.002, "stop_lr": 1e-4, "decay_steps": 5},
        "training": {"numb_steps": 10, "disp_freq": 10}}},
    "explore": {"engine": "lammps", "systems": [{"name": "water", "files": ["start.lmp"]}], "bootstrap": {"frames": 2},
                "stages": [{"T_K": [100, [100, 200]], "ensemble": "npt-tri", "steps": 20, "sample_every": 5,
                            "dt_fs": 0.5}]},
    "examine": {"levels": "fixed", "trust": {"f_lo_eV_per_A": 1e-4, "f_hi_eV_per_A": 1000}},
    "select": {"per_iteration": 2, "rule": "topdev", "near_distance": 0},
    "audit": {"per_iteration": 2, "certificate": 4},
    "jobs": {"train": {"slots": 1, "poll_s": 0.05}, "explore": {"slots": 2, "poll_s": 0.05},
             "label": {"slots": 2, "poll_s": 0.05}}}


@case
def explore_campaign():
    """A campaign whose runs LAMMPS makes, from nothing through two iterations; the second run is killed once."""
    shutil.copy(data("deepmd_kit", "lammps", "water_tri.lmp"), "start.lmp")
    once = os.path.join(os.getcwd(), "killed")
    env = "LD_LIBRARY_PATH=%s:$LD_LIBRARY_PATH " % Site.library_path if Site.library_path else ""
    # the first LAMMPS that is started is killed when its run is half done
    with open("lmp.sh", "w") as stream:
        stream.write("#!/bin/sh\nif mkdir '%s' 2>/dev/null; then\n"
                     "    sed 's/^run 20 upto/run 10 upto/' in.lammps >in.half; cat '%s/tail' >>in.half\n"
                     "    shift 2; set -- -in in.half \"$@\"\nfi\n%s exec '%s' \"$@\"\n" % (once, os.getcwd(), env, Site.lmp))
    with open("tail", "w") as stream:
        stream.write("shell 'kill -9 $PPID'\n")
    os.chmod("lmp.sh", 0o755)
    campaign = json.loads(json.dumps(CAMPAIGN))
    campaign["explore"]["options"] = {"command": os.path.join(os.getcwd(), "lmp.sh"), "plugin": Site.plugin}
    oracle = data("deepmd_kit", "models", "se_a_one_tanh.dp")
    campaign["label"] = {"engine": "command", "identity": "oracle",
                         "command": "'%s' eval -m '%s' in.xyz -o out.xyz" % (Site.kramers, oracle),
                         "checks": {"net_force_eV_per_A": 1, "f_max_eV_per_A": 1000}}
    with open("eelt.json", "w") as stream:
        json.dump(campaign, stream)
    done = subprocess.run([Site.kramers, "eelt", "run", "eelt.json"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          env=dict(os.environ, OMP_NUM_THREADS="1"), universal_newlines=True)
    assert done.returncode == 3, done.stdout
    for line in ("explore: 2 runs", "examine: 10 samples", "not converged after 2 iterations"):
        assert line in done.stdout, done.stdout
    assert os.path.isdir(once), "nothing was killed"
    scripts = [os.path.join(folder, name) for folder, _, names in os.walk("run/iter.000001/01.explore") for name in names
               if name == "in.lammps"]
    resumed = sum("read_restart restart.10" in open(name).read() for name in scripts)
    assert len(scripts) == 2 and resumed == 1, (len(scripts), resumed)
