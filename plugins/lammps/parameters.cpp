/* pair_style kramers: frame and atomic parameters, checked once and taken anew at every step.
 * SPDX-License-Identifier: GPL-2.0-only
 *
 * Every function here is reached by all ranks with the same facts. */
#include "impl.h"
#include "pair_kramers.h"

#include "atom.h"
#include "compute.h"
#include "error.h"
#include "fix.h"
#include "modify.h"

#include <algorithm>
#include <cstring>

using namespace LAMMPS_NS;

// Frame and atomic parameters against what the models want, and equal type maps of all models.
void PairKramers::check_parameters() {
    Impl &k = *impl;
    const kramers_lammps::Options &o = k.options;
    const kr_model *first = k.models[0];
    for (int m = 1; m < k.nmodels(); m++) {
        const kr_model *other = k.models[m];
        bool same = kr_model_ntypes(first) == kr_model_ntypes(other) &&
                    kr_model_dim_fparam(first) == kr_model_dim_fparam(other) &&
                    kr_model_dim_aparam(first) == kr_model_dim_aparam(other);
        for (int t = 0; same && t < kr_model_ntypes(first); t++)
            same = strcmp(kr_model_type_name(first, t), kr_model_type_name(other, t)) == 0;
        if (!same)
            error->all(FLERR, "pair_style kramers: models " + o.models[0] + " and " + o.models[m] +
                                  " differ in their elements or parameters");
    }
    auto check = [&](const char *name, int wanted, size_t given, bool from_compute, bool has_default) {
        const std::string model = "pair_style kramers: model " + o.models[0] + " takes " + std::to_string(wanted) + " ";
        if (from_compute && wanted > 0) return;
        if (from_compute || (given && wanted != static_cast<int>(given)))
            error->all(FLERR, model + name + ", " + (from_compute ? "a source" : std::to_string(given)) + " given");
        if (wanted && !given && !has_default) error->all(FLERR, model + name + ", none given");
    };
    check("fparam", kr_model_dim_fparam(first), o.fparam.size(), !o.fparam_compute.empty() || !o.fparam_fix.empty(),
          kr_model_has_default_fparam(first));
    check("aparam", kr_model_dim_aparam(first), o.aparam.size(), !o.aparam_compute.empty(), false);
    k.fparam = o.fparam;
    if (!o.fparam_compute.empty() || !o.fparam_fix.empty()) k.fparam.resize(kr_model_dim_fparam(first));
}

// A compute's or fix' values are taken anew at every step, never from an earlier one.
void PairKramers::gather_fparam() {
    Impl &k = *impl;
    const kramers_lammps::Options &o = k.options;
    const int n = static_cast<int>(k.fparam.size());
    if (!o.fparam_compute.empty()) {
        Compute *source = modify->get_compute_by_id(o.fparam_compute);
        const std::string name = "pair_style kramers: compute " + o.fparam_compute;
        if (!source) error->all(FLERR, name + " of fparam_from_compute does not exist");
        if (n == 1 && source->scalar_flag) {
            k.fparam[0] = source->compute_scalar();
        } else if (source->vector_flag && source->size_vector == n) {
            source->compute_vector();
            std::copy_n(source->vector, n, k.fparam.begin());
        } else {
            error->all(FLERR, name + " does not give the " + std::to_string(n) + " fparam of the model");
        }
    } else if (!o.fparam_fix.empty()) {
        Fix *source = modify->get_fix_by_id(o.fparam_fix);
        const std::string name = "pair_style kramers: fix " + o.fparam_fix;
        if (!source) error->all(FLERR, name + " of fparam_from_fix does not exist");
        const int first = o.fparam_index ? o.fparam_index : 1;
        if (n == 1 && !o.fparam_index && source->scalar_flag) {
            k.fparam[0] = source->compute_scalar();
        } else if (source->vector_flag && source->size_vector >= first - 1 + n) {
            for (int a = 0; a < n; a++) k.fparam[a] = source->compute_vector(first - 1 + a);
        } else {
            error->all(FLERR, name + " does not give the " + std::to_string(n) + " fparam of the model");
        }
    }
}

// aparam points into the compute's own array where that has the layout [nlocal][dim_aparam].
void PairKramers::gather_aparam() {
    Impl &k = *impl;
    const kramers_lammps::Options &o = k.options;
    const int n = kr_model_dim_aparam(k.models[0]);
    k.aparam = nullptr;
    if (!n) return;
    const size_t nlocal = atom->nlocal;
    if (o.aparam_compute.empty()) {
        // the same values for every atom; written again only when there are more atoms
        if (k.aparam_buffer.size() < nlocal * n || k.aparam_buffer.empty()) {
            k.aparam_buffer.resize(std::max<size_t>(nlocal, 1) * n);
            for (size_t i = 0; i < k.aparam_buffer.size(); i++) k.aparam_buffer[i] = o.aparam[i % n];
        }
        k.aparam = k.aparam_buffer.data();
        return;
    }
    Compute *source = modify->get_compute_by_id(o.aparam_compute);
    const std::string name = "pair_style kramers: compute " + o.aparam_compute;
    if (!source) error->all(FLERR, name + " of aparam_from_compute does not exist");
    const int columns = source->size_peratom_cols;
    if (!source->peratom_flag || (columns ? columns : 1) != n)
        error->all(FLERR, name + " does not give the " + std::to_string(n) + " aparam per atom of the model");
    source->compute_peratom();
    if (!columns)
        k.aparam = source->vector_atom;
    else
        k.aparam = nlocal ? source->array_atom[0] : nullptr;
}
