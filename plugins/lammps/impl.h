/* The inside of PairKramers: the options, the library's objects and the arrays that are handed to it.
 * SPDX-License-Identifier: GPL-2.0-only */
#ifndef KRAMERS_LAMMPS_IMPL_H
#define KRAMERS_LAMMPS_IMPL_H

#include "options.h"
#include "pair_kramers.h"
#include <kramers/kramers.h>
#include <string>
#include <vector>

namespace LAMMPS_NS {

struct PairKramers::Impl {
    Impl() { kr_context_create(&ctx); }
    ~Impl() {
        kr_devi_file_close(&devi_file);
        unload();
        kr_context_destroy(&ctx);
    }
    Impl(const Impl &) = delete;
    Impl &operator=(const Impl &) = delete;

    void drop_potentials() {
        kr_workspace_destroy(&driver_scratch);
        kr_workspace_destroy(&others_scratch);
        kr_potential_destroy(&driver);
        kr_potential_destroy(&others);
    }
    void unload() {
        drop_potentials();
        for (kr_model *&model : models) kr_model_destroy(&model);
        models.clear();
    }
    int nmodels() const { return static_cast<int>(models.size()); }
    bool deviates() const { return nmodels() > 1 && options.out_freq > 0; }

    double cutoff() const // user units
    {
        const double one = kr_potential_rcut(driver), rest = others ? kr_potential_rcut(others) : 0.0;
        return length_unit * (one > rest ? one : rest);
    }

    // what the user asked for; the words are kept for restart files
    std::vector<std::string> style_words;
    std::vector<std::string> elements; // of pair_coeff; empty = types by position
    kramers_lammps::Options options;
    bool restarted = false; // the deviation file is continued

    // The first model drives the dynamics. The others are only evaluated, over the same list, when deviations are due,
    // so the trajectory does not depend on them.
    kr_context *ctx = nullptr;
    std::vector<kr_model *> models;
    kr_potential *driver = nullptr, *others = nullptr;
    kr_workspace *driver_scratch = nullptr, *others_scratch = nullptr;
    std::vector<int> type_map;       // [ntypes + 1] model type of a LAMMPS type, -1 = virtual
    std::vector<unsigned char> used; // [types of the model] 1 = some LAMMPS type is mapped to it
    int pad_type = 0;                // model type of the atom with the lowest id: what DPA-1 puts into empty slots

    // user units per eV, Å and eV/Å
    double energy_unit = 1.0, length_unit = 1.0, force_unit = 1.0;

    // results of one step in eV, Å; grown when needed and kept
    std::vector<double> energy, virial;        // [nmodels], [nmodels][9]
    std::vector<double> atom_energy;           // [nlocal]
    std::vector<double> atom_virial;           // [nlocal + nghost][9]
    std::vector<double> force;                 // [nmodels][nlocal + nghost][3], when deviations are due
    std::vector<double> fparam, aparam_buffer; // [dim_fparam], [nlocal][dim_aparam]
    const double *aparam = nullptr;            // [nlocal][dim_aparam]
    double *reverse = nullptr;                 // [nlocal + nghost][3] forces being sent to their owners

    kr_devi_file *devi_file = nullptr;             // rank 0
    kr_deviation deviation = {};                   // user units
    bigint deviation_step = -1;                    // of `deviation`
    double last_deviation[6] = {0, 0, 0, 0, 0, 0}; // what `compute pair` shows; on rank 0
    std::vector<double> epsilon;                   // [nlocal] force deviation of the local atoms

    // sel overflow is looked at after 1, 10, 100, … evaluations and at the end of a run
    bigint calls = 0, next_look = 1;
    bool overflow_told = false;
};

} // namespace LAMMPS_NS

#endif
