# Runs LAMMPS with the plugin and reads what it writes. Python's standard library only.
# SPDX-License-Identifier: BSD-3-Clause
import json
import os
import re
import subprocess

BAR_A3_PER_EV = 1.6021765e6   # LAMMPS' nktv2p in metal units
CASES = {}


def case(function):
    CASES[function.__name__] = function
    return function


class Site:
    """Where things are on this machine; filled from the command line by run.py."""
    lmp = plugin = launcher = mpiexec = library_path = kramers = frame_eval = data = models = ""


class Result:
    def __init__(self, text, folder, code):
        self.text, self.folder, self.code = text, folder, code
        # read at once: the next run writes files of the same names
        self.dumps = {name: read_dump(os.path.join(folder, name)) for name in os.listdir(folder)
                      if name.endswith(".dump")} if code == 0 else {}

    def thermo(self, which=0):
        """Rows of numbers of the which-th run, by column name."""
        blocks, rows, names = [], None, None
        for line in self.text.splitlines():
            words = line.split()
            if words[:1] == ["Step"]:
                names, rows = words, []
                blocks.append((names, rows))
            elif rows is not None:
                try:
                    numbers = [float(w) for w in words]
                    if len(numbers) == len(names):
                        rows.append(dict(zip(names, numbers)))
                    else:
                        rows = None
                except ValueError:
                    if not line.startswith("WARNING"):
                        rows = None
        return blocks[which][1]

    def dump(self, name):
        return self.dumps[name]

    def file(self, name):
        with open(os.path.join(self.folder, name)) as stream:
            return stream.read()


def read_dump(path):
    """Frames of a text dump: step, box lines, column names, rows sorted by id."""
    frames, lines = [], open(path).read().splitlines()
    at = 0
    while at < len(lines):
        step, n = int(lines[at + 1]), int(lines[at + 3])
        box = [[float(v) for v in line.split()] for line in lines[at + 5:at + 8]]
        names = lines[at + 8].split()[2:]
        rows = [[float(v) for v in line.split()] for line in lines[at + 9:at + 9 + n]]
        rows.sort(key=lambda row: row[names.index("id")])
        frames.append({"step": step, "box": box, "names": names, "rows": rows})
        at += 9 + n
    return frames


def columns(frame, *names):
    at = [frame["names"].index(name) for name in names]
    return [[row[k] for k in at] for row in frame["rows"]]


def run(script, np=1, threads=1, expect=0, program=None, folder="."):
    """Runs a script; expect=None accepts any exit code. The plugin is loaded by the word PLUGIN."""
    script = script.replace("PLUGIN", "" if program else "plugin load " + Site.plugin)
    with open(os.path.join(folder, "in.test"), "w") as stream:
        stream.write(script)
    command = [program or Site.lmp, "-in", "in.test", "-log", "none", "-nocite"]
    if np > 1:
        command = [Site.mpiexec, "-np", str(np)] + command
    env = dict(os.environ, OMP_NUM_THREADS=str(threads), OMP_WAIT_POLICY="passive")
    env.pop("LAMMPS_PLUGIN_PATH", None)
    if Site.library_path:
        env["LD_LIBRARY_PATH"] = Site.library_path + ":" + env.get("LD_LIBRARY_PATH", "")
    done = subprocess.run(command, cwd=folder, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          stdin=subprocess.DEVNULL, timeout=300, universal_newlines=True)
    if expect is not None and done.returncode != expect:
        raise AssertionError("exit code %d\n%s" % (done.returncode, done.stdout[-3000:]))
    return Result(done.stdout, folder, done.returncode)


def data(*path):
    return os.path.join(Site.data, *path)


def worst(a, b):
    """Largest |difference| of two nested lists of numbers."""
    if isinstance(a, (list, tuple)):
        assert len(a) == len(b), "lengths %d and %d" % (len(a), len(b))
        return max([worst(x, y) for x, y in zip(a, b)], default=0.0)
    return abs(a - b)


def close(what, a, b, absolute=0.0, relative=0.0):
    """|a − b| ≤ absolute + relative·max|b|; prints the largest difference."""
    def largest(v):
        return max([largest(x) for x in v], default=0.0) if isinstance(v, (list, tuple)) else abs(v)
    difference, allowed = worst(a, b), absolute + relative * largest(b)
    print("  %-52s %.3g (allowed %.3g)" % (what, difference, allowed))
    assert difference <= allowed, "%s: largest difference %.6g, allowed %.3g" % (what, difference, allowed)


def contains(text, *parts):
    # LAMMPS wraps nothing, but mpirun may prefix lines
    flat = re.sub(r"\s+", " ", text)
    for part in parts:
        assert part in flat, "not found: %r in\n%s" % (part, text[-2500:])


def library(model, frame_box, types, x, mode="off"):
    """Energy, virial[9], rows [e, fx, fy, fz, w[9]] of one frame from the library itself."""
    text = "%d\n%s\n" % (len(x), " ".join("%.17g" % v for v in frame_box))
    text += "".join("%d %.17g %.17g %.17g\n" % (t, *r) for t, r in zip(types, x))
    done = subprocess.run([Site.frame_eval, model, mode], input=text, stdout=subprocess.PIPE, check=True,
                          universal_newlines=True)
    lines = [[float(v) for v in line.split()] for line in done.stdout.splitlines()]
    return lines[0][0], lines[1], lines[2:]


def box_of_dump(frame):
    """Nine numbers (rows) from a dump's bounding box lines."""
    b = [line + [0.0] * (3 - len(line)) for line in frame["box"]]
    xy, xz, yz = b[0][2], b[1][2], b[2][2]
    xlo, xhi = b[0][0] - min(0, xy, xz, xy + xz), b[0][1] - max(0, xy, xz, xy + xz)
    ylo, yhi = b[1][0] - min(0, yz), b[1][1] - max(0, yz)
    return [xhi - xlo, 0, 0, xy, yhi - ylo, 0, xz, yz, b[2][1] - b[2][0]]


def write_data(path, box, types, x, ntypes, scale=1.0):
    """A LAMMPS data file; box: nine numbers, lower triangular; types from 0."""
    with open(path, "w") as out:
        out.write("test frame\n\n%d atoms\n%d atom types\n" % (len(x), ntypes))
        for axis, k in zip("xyz", (0, 4, 8)):
            out.write("0 %.17g %slo %shi\n" % (box[k] * scale, axis, axis))
        out.write("%.17g %.17g %.17g xy xz yz\n\nAtoms # atomic\n\n" % tuple(box[k] * scale for k in (3, 6, 7)))
        for i, (t, r) in enumerate(zip(types, x)):
            out.write("%d %d %.17g %.17g %.17g\n" % (i + 1, t + 1, *[v * scale for v in r]))


def load_json(*path):
    with open(data(*path)) as stream:
        return json.load(stream)
