# Every mistake a user can make gives one sentence, on any number of ranks, and no hang.
# SPDX-License-Identifier: BSD-3-Clause

from harness import case, contains, data, run



def m0():
    return data("deepmd_kit", "model_devi", "m0.dp")


def one_error(style, coeff, *parts, units="metal", before="", ranks=(1, 3), run_it=True):
    head = "units %s\natom_style atomic\natom_modify map yes\nbox tilt large\n%sread_data %s\nmass * 1.0\nPLUGIN\n" % (
        units, before, data("deepmd_kit", "lammps", "water_tri.lmp"))
    for np in ranks:
        result = run(head + "pair_style kramers %s\npair_coeff %s\n" % (style, coeff) + ("run 0\n" if run_it else ""),
                     np=np, expect=None)
        assert result.code != 0, "no error for: %s | %s" % (style, coeff)
        count = result.text.count("ERROR")
        assert count == 1, "%d errors on %d ranks for %s | %s:\n%s" % (count, np, style, coeff, result.text[-1500:])
        line = next(line for line in result.text.splitlines() if "ERROR" in line)
        contains(line, "kramers", *parts)
        print("  [%d] %s" % (np, line.strip()[:230]))


@case
def error_files():
    one_error("no_such_file.dp", "* * O H", "no_such_file.dp")
    with open("empty.dp", "w"):
        pass
    one_error("empty.dp", "* * O H", "empty.dp")
    with open("text.dp", "w") as stream:
        stream.write("this is no model\n" * 100)
    one_error("text.dp", "* * O H", "text.dp")
    with open(m0(), "rb") as stream:
        half = stream.read()[:30000]
    with open("half.dp", "wb") as stream:
        stream.write(half)
    one_error("half.dp", "* * O H", "half.dp")
    one_error(m0() + " no_such_file.dp", "* * O H", "no_such_file.dp")
    one_error(m0() + " %s out_file /no/such/folder/devi.out" % data("deepmd_kit", "model_devi", "m1.dp"), "* * O H",
              "/no/such/folder/devi.out")


@case
def error_elements():
    one_error(m0(), "* * O Cu", "element Cu is not in model", "which has O H")
    one_error(m0(), "* * O", "names 1 elements for 2 atom types", "NULL")
    one_error(m0(), "* * O H H", "names 3 elements for 2 atom types")
    one_error(m0(), "1 2 O H", "with * *")
    one_error(m0() + " " + data("deepmd_kit", "models", "se_a_three_types.dp"), "* * O H", "differ in their elements")


@case
def error_words():
    known = "known are out_freq, out_file, atomic, relative, relative_v, fparam"
    one_error(m0() + " out_frq 10", "* * O H", "unknown keyword 'out_frq'", known)
    one_error(m0() + " out_freq 10 outfile x", "* * O H", "unknown keyword 'outfile'", known)
    one_error(m0() + " out_freq", "* * O H", "out_freq needs a number of steps")
    one_error(m0() + " out_freq ten", "* * O H", "out_freq needs a number of steps", "not 'ten'")
    one_error(m0() + " out_freq -1", "* * O H", "not '-1'")
    one_error(m0() + " relative -0.5", "* * O H", "relative needs a level >= 0", "not '-0.5'")
    one_error(m0() + " relative_v", "* * O H", "relative_v needs a level >= 0")
    one_error(m0() + " table", "* * O H", "table needs a force tolerance of 1e-12 to 1 eV/A, off or deepmd")
    one_error(m0() + " table 0", "* * O H", "not '0'")
    one_error(m0() + " table fine", "* * O H", "not 'fine'")
    one_error(m0() + " precision single", "* * O H", "precision needs double or mixed, not 'single'")
    one_error(m0() + " fparam", "* * O H", "fparam needs one or more numbers")
    one_error(m0() + " fparam x", "* * O H", "fparam needs one or more numbers, not 'x'")
    one_error("", "* * O H", "one or more model files are needed")
    one_error("out_freq 10", "* * O H", "one or more model files are needed")
    one_error(m0() + " isa mmx", "* * O H", "mmx")


@case
def error_parameters():
    model = data("deepmd_kit", "models", "se_a_fparam_aparam.dp")
    one_error(model, "* * O H", "takes 2 fparam, none given")
    one_error(model + " fparam 1.0", "* * O H", "takes 2 fparam, 1 given")
    one_error(model + " fparam 1.0 2.0", "* * O H", "takes 1 aparam, none given")
    one_error(model + " fparam 1.0 2.0 aparam 1 2", "* * O H", "takes 1 aparam, 2 given")
    one_error(m0() + " fparam 1.0", "* * O H", "takes 0 fparam, 1 given")
    one_error(model + " fparam_from_compute x aparam 1", "* * O H", "compute x of fparam_from_compute does not exist")
    one_error(model + " fparam_from_fix x aparam 1", "* * O H", "fix x of fparam_from_fix does not exist")
    one_error(model + " fparam 1 2 aparam_from_compute x", "* * O H", "compute x of aparam_from_compute does not exist")
    one_error(model + " fparam_from_compute thermo_temp aparam 1", "* * O H", "does not give the 2 fparam")
    one_error(model + " fparam 1 2 aparam_from_compute thermo_temp", "* * O H", "does not give the 1 aparam per atom")
    one_error(model + " fparam 1 2 fparam_from_compute x aparam 1", "* * O H", "only one of fparam")


@case
def error_settings():
    one_error(m0(), "* * O H", "units lj", units="lj")
    one_error(m0(), "* * O H", "newton on", before="newton off\n")


@case
def error_numbers():
    """Atoms on top of each other: the step and an atom are named, no NaN goes on."""
    script = """
units metal
atom_style atomic
region box block 0 20 0 20 0 20
create_box 2 box
create_atoms 1 single 1.0 1.0 1.0
create_atoms 2 single 1.0 1.0 1.0
mass * 1.0
PLUGIN
pair_style kramers %s table off
pair_coeff * * O H
run 0
""" % m0()
    result = run(script, expect=None)
    assert result.code != 0 or "nan" not in result.text.lower(), result.text
    if result.code:
        contains(result.text, "pair_style kramers", "step 0")
    print("  " + next((line for line in result.text.splitlines() if "ERROR" in line), "no error")[:200])
