/* pair_style kramers: the model deviation and its file.
 * SPDX-License-Identifier: GPL-2.0-only
 *
 * Definitions and file layout are the library's (kramers/deviation.h, kramers/devi_file.h); this file sums over ranks
 * and converts units. Everything below is reached by all ranks unless it says otherwise. */
#include "impl.h"
#include "pair_kramers.h"

#include "atom.h"
#include "comm.h"
#include "update.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

using namespace LAMMPS_NS;

int PairKramers::pack_reverse_comm(int n, int first, double *buffer) {
    std::copy_n(impl->reverse + 3 * static_cast<size_t>(first), 3 * static_cast<size_t>(n), buffer);
    return 3 * n;
}

void PairKramers::unpack_reverse_comm(int n, int *owner, double *buffer) {
    for (int i = 0; i < n; i++)
        for (int a = 0; a < 3; a++) impl->reverse[3 * static_cast<size_t>(owner[i]) + a] += buffer[3 * i + a];
}

// 1. ghost forces of every model to their owners  2. deviation of each local atom  3. extremes and mean over ranks
// 4. virials summed over ranks, divided by the number of atoms  5. one row.
void PairKramers::deviate() {
    Impl &k = *impl;
    const kramers_lammps::Options &o = k.options;
    const int n = k.nmodels(), nlocal = atom->nlocal;
    const size_t stride = 3 * static_cast<size_t>(atom->nlocal + atom->nghost);
    const double natoms = static_cast<double>(atom->natoms);
    std::vector<const double *> force(n);
    for (int m = 0; m < n; m++) {
        k.reverse = k.force.data() + m * stride;
        comm->reverse_comm(this);
        force[m] = k.reverse;
    }

    // levels come in user units; a relative deviation has no unit
    k.epsilon.resize(std::max<size_t>(k.epsilon.size(), nlocal));
    kr_deviation_force(n, nlocal, force.data(), o.relative < 0 ? -1.0 : o.relative / k.force_unit, k.epsilon.data());
    const double f_unit = o.relative < 0 ? k.force_unit : 1.0, v_unit = o.relative_v < 0 ? k.energy_unit : 1.0;
    double mine[3] = {0.0, -std::numeric_limits<double>::max(), 0.0}, all[3]; // max, −min, sum
    for (int i = 0; i < nlocal; i++) {
        k.epsilon[i] *= f_unit;
        mine[0] = std::max(mine[0], k.epsilon[i]);
        mine[1] = std::max(mine[1], -k.epsilon[i]);
        mine[2] += k.epsilon[i];
    }
    MPI_Allreduce(mine, all, 2, MPI_DOUBLE, MPI_MAX, world);
    MPI_Allreduce(mine + 2, all + 2, 1, MPI_DOUBLE, MPI_SUM, world);
    k.deviation.max_f = all[0];
    k.deviation.min_f = -all[1];
    k.deviation.avg_f = all[2] / natoms;

    std::vector<double> w(9 * static_cast<size_t>(n)), energy(n);
    MPI_Allreduce(k.energy.data(), energy.data(), n, MPI_DOUBLE, MPI_SUM, world);
    k.deviation.devi_e = k.energy_unit * kr_deviation_energy(n, energy.data(), static_cast<int>(atom->natoms));
    k.deviation_step = update->ntimestep;
    MPI_Allreduce(k.virial.data(), w.data(), 9 * n, MPI_DOUBLE, MPI_SUM, world);
    for (double &component : w) component /= natoms;
    double sigma[9], mean, square = 0.0;
    kr_deviation_virial(n, w.data(), o.relative_v < 0 ? -1.0 : o.relative_v / k.energy_unit, sigma);
    for (double &s : sigma) {
        s *= v_unit;
        square += s * s;
    }
    kr_deviation_summary(9, sigma, &k.deviation.max_v, &k.deviation.min_v, &mean);
    k.deviation.avg_v = std::sqrt(square / 9.0);
    write_deviation();
}

// Per-atom values go to rank 0 and are sorted by atom id; only then, so that plain files cost nothing more.
void PairKramers::write_deviation() {
    Impl &k = *impl;
    std::vector<double> sorted;
    if (k.options.atomic) {
        const int nlocal = atom->nlocal, nprocs = comm->nprocs;
        std::vector<int> count(nprocs), offset(nprocs);
        MPI_Gather(&nlocal, 1, MPI_INT, count.data(), 1, MPI_INT, 0, world);
        int total = 0;
        for (int p = 0; p < nprocs && comm->me == 0; p++) {
            offset[p] = total;
            total += count[p];
        }
        std::vector<tagint> tags(total);
        std::vector<double> values(total);
        MPI_Gatherv(atom->tag, nlocal, MPI_LMP_TAGINT, tags.data(), count.data(), offset.data(), MPI_LMP_TAGINT, 0,
                    world);
        MPI_Gatherv(k.epsilon.data(), nlocal, MPI_DOUBLE, values.data(), count.data(), offset.data(), MPI_DOUBLE, 0,
                    world);
        std::vector<std::pair<tagint, double>> rows(total);
        for (int i = 0; i < total; i++) rows[i] = {tags[i], values[i]};
        std::sort(rows.begin(), rows.end());
        for (const auto &row : rows) sorted.push_back(row.second);
    }
    if (comm->me) return;
    const kr_deviation &d = k.deviation;
    const double shown[6] = {d.max_v, d.min_v, d.avg_v, d.max_f, d.min_f, d.avg_f};
    std::copy_n(shown, 6, k.last_deviation);
    if (kr_devi_file_write(k.ctx, k.devi_file, static_cast<long>(update->ntimestep), &d,
                           static_cast<int>(sorted.size()), sorted.data()) < 0)
        fail_here();
}

// ---- for fix kramers/examine --------------------------------------------------------------------------------------

int PairKramers::models() const { return impl->nmodels(); }
int PairKramers::deviation_every() const { return impl->deviates() ? impl->options.out_freq : 0; }
double PairKramers::length_unit() const { return impl->length_unit; }

const char *PairKramers::element(int type) const {
    const int model_type = impl->type_map[type];
    return model_type < 0 ? nullptr : kr_model_type_name(impl->models[0], model_type);
}

double PairKramers::deviation_unit(bool of_force) const {
    const kramers_lammps::Options &o = impl->options;
    if (of_force) return o.relative < 0 ? impl->force_unit : 1.0;
    return o.relative_v < 0 ? impl->energy_unit : 1.0;
}

bool PairKramers::deviation_now(kr_deviation &deviation) const {
    if (impl->deviation_step != update->ntimestep) return false;
    deviation = impl->deviation;
    for (double *f : {&deviation.max_f, &deviation.min_f, &deviation.avg_f}) *f /= deviation_unit(true);
    for (double *v : {&deviation.max_v, &deviation.min_v, &deviation.avg_v}) *v /= deviation_unit(false);
    deviation.devi_e /= impl->energy_unit;
    return true;
}
