/* The words of `pair_style kramers`: parsed without LAMMPS, so that every rank gets the same answer.
 * SPDX-License-Identifier: GPL-2.0-only */
#ifndef KRAMERS_LAMMPS_OPTIONS_H
#define KRAMERS_LAMMPS_OPTIONS_H

#include <kramers/potential.h>
#include <string>
#include <vector>

namespace kramers_lammps {

struct Options {
    std::vector<std::string> models;

    // model deviation (two or more models)
    int out_freq = 100; // 0 = never
    std::string out_file = "model_devi.out";
    bool atomic = false;
    double relative = -1.0, relative_v = -1.0; // levels in user units; negative = absolute deviation

    // frame and atomic parameters: constants, or the id of a compute or fix that gives them at every step
    std::vector<double> fparam, aparam;
    std::string fparam_compute, fparam_fix, aparam_compute;
    int fparam_index = 0; // first element of the fix' vector, from 1; 0 = not given

    kr_potential_options potential = KR_POTENTIAL_OPTIONS_INIT;
    std::string isa; // empty = the best of this processor

    // One sentence about what is wrong, or "" when all words were understood.
    std::string parse(const std::vector<std::string> &words);
};

} // namespace kramers_lammps

#endif
