/* pair_style kramers: Deep Potential models in LAMMPS through libkramers.
 * SPDX-License-Identifier: GPL-2.0-only
 *
 * The shim passes LAMMPS' own arrays to the library; units, elements, files and collective calls are what is left to
 * do here. Everything that is not LAMMPS is hidden in Impl (impl.h). */
#ifdef PAIR_CLASS
// clang-format off
PairStyle(kramers,PairKramers);
// clang-format on
#else

#ifndef LMP_PAIR_KRAMERS_H
#define LMP_PAIR_KRAMERS_H

#include "pair.h"
#include <cstdio>
#include <memory>

struct kr_potential;
struct kr_workspace;
struct kr_list;
struct kr_result;
struct kr_deviation;

namespace LAMMPS_NS {

class PairKramers : public Pair {
  public:
    PairKramers(class LAMMPS *);
    ~PairKramers() override;

    void settings(int, char **) override;
    void coeff(int, char **) override;
    void init_style() override;
    double init_one(int, int) override;
    void setup() override;
    void compute(int, int) override;
    void finish() override;
    void *extract(const char *, int &) override;
    double memory_usage() override;

    void write_restart(FILE *) override;
    void read_restart(FILE *) override;
    void write_restart_settings(FILE *) override;
    void read_restart_settings(FILE *) override;

    int pack_reverse_comm(int, int, double *) override;
    void unpack_reverse_comm(int, int *, double *) override;

    // What fix kramers/examine asks; the same on every rank.
    int models() const;
    int deviation_every() const;                // steps; 0 = never
    const char *element(int type) const;        // of a LAMMPS type; nullptr when the model leaves it alone
    double length_unit() const;                 // user units per Angstrom
    bool deviation_now(kr_deviation &) const;   // of this step, in eV and eV/A (relative ones without unit)
    double deviation_unit(bool of_force) const; // user units per eV/A or eV, 1 for relative deviations

  private:
    struct Impl;
    std::unique_ptr<Impl> impl;
    double **scale; // [type][type] factor of energy, force and virial, set by fix adapt

    void allocate();
    void parse_settings();
    void load_models();
    void prepare_potentials();
    bool load_restarted();
    void map_types();
    void check_parameters();
    void find_pad_type();
    void fail_together(int status);
    void gather_fparam();
    void gather_aparam();
    void evaluate(bool deviation_due);
    void evaluate_list(const kr_potential *, kr_workspace *, kr_list &, const kr_result &, double *force);
    void fail_here();
    void tally();
    void deviate();
    void write_deviation();
    void report_overflow(bool at_end);
};

} // namespace LAMMPS_NS

#endif
#endif
