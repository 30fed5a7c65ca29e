/* fix kramers/examine: classifies samples of a run by the model deviation, keeps the frames worth keeping, ends runs
 * that have left the range of the models.
 * SPDX-License-Identifier: GPL-2.0-only
 *
 *   fix ID all kramers/examine N trust lo hi [v_lo v_hi] [keyword value …]
 *
 * All rules and files are the library's (kramers/watch.h); this fix gathers the frame on rank 0. */
#ifdef FIX_CLASS
// clang-format off
FixStyle(kramers/examine,FixKramersExamine);
// clang-format on
#else

#ifndef LMP_FIX_KRAMERS_EXAMINE_H
#define LMP_FIX_KRAMERS_EXAMINE_H

#include "fix.h"
#include <cstdio>
#include <memory>

namespace LAMMPS_NS {

class FixKramersExamine : public Fix {
  public:
    FixKramersExamine(class LAMMPS *, int, char **);
    ~FixKramersExamine() override;

    int setmask() override;
    void init() override;
    void setup(int) override;
    void min_setup(int) override;
    void end_of_step() override;
    void post_run() override;
    void write_restart(FILE *) override;
    void restart(char *) override;
    double compute_vector(int) override;
    double memory_usage() override;

  private:
    struct Impl;
    std::unique_ptr<Impl> impl;

    void create_watch();
    void check(int status);
    void examine();
    double temperature();
    bool gather();
};

} // namespace LAMMPS_NS

#endif
#endif
