/* The words of `fix ID all kramers/examine`: parsed without LAMMPS, so that every rank gets the same answer.
 * SPDX-License-Identifier: GPL-2.0-only */
#ifndef KRAMERS_LAMMPS_FIX_OPTIONS_H
#define KRAMERS_LAMMPS_FIX_OPTIONS_H

#include <kramers/watch.h>
#include <string>
#include <vector>

namespace kramers_lammps {

struct FixOptions {
    int every = 0;
    kr_watch_options watch; // levels in user units; names are those below
    std::string candidates, accurate, failed, last_good, summary;

    // words: those after the style. One sentence about what is wrong, or "".
    std::string parse(const std::vector<std::string> &words);
};

} // namespace kramers_lammps

#endif
