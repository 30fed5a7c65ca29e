/* fix kramers/examine (fix_kramers_examine.h).
 * SPDX-License-Identifier: GPL-2.0-only
 *
 * Rank 0 has the watch; the others send it their atoms. Atoms are written in the order of their ids, not wrapped (image
 * flags count), measured from the lower corner of the box. Everything below is reached by all ranks. */
#include "fix_kramers_examine.h"
#include "fix_options.h"
#include "pair_kramers.h"

#include "atom.h"
#include "comm.h"
#include "domain.h"
#include "error.h"
#include "force.h"
#include "timer.h"
#include "update.h"
#include "utils.h"

#include <kramers/kramers.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <string>
#include <vector>

using namespace LAMMPS_NS;

struct FixKramersExamine::Impl {
    Impl() { kr_context_create(&ctx); }
    ~Impl() {
        kr_watch_destroy(&watch);
        kr_context_destroy(&ctx);
    }
    Impl(const Impl &) = delete;
    Impl &operator=(const Impl &) = delete;

    kr_context *ctx = nullptr;
    kramers_lammps::FixOptions options;
    PairKramers *pair = nullptr;
    std::vector<int> name_of;  // [ntypes + 1] index of the element's name, -1 = not of the model
    kr_watch *watch = nullptr; // rank 0
    std::vector<char> state;   // of a restart file, until the watch is there; rank 0
    bool restarted = false, stopped = false;
    kr_watch_counts counts = {}; // the same on every rank
    kr_watch_verdict verdict = {};

    // one frame; rank 0 has all atoms in the end
    std::vector<double> x, all_x; // [n][3] Å
    std::vector<tagint> tag, all_tag;
    std::vector<int> type, all_type, order, sorted_type;
    std::vector<double> sorted_x;
};

FixKramersExamine::FixKramersExamine(LAMMPS *lmp, int narg, char **arg) : Fix(lmp, narg, arg), impl(new Impl) {
    const std::string problem = impl->options.parse(std::vector<std::string>(arg + 3, arg + narg));
    if (!problem.empty()) error->all(FLERR, "fix kramers/examine: " + problem);
    if (igroup != 0) error->all(FLERR, "fix kramers/examine: the group must be all");
    if (!atom->tag_enable) error->all(FLERR, "fix kramers/examine needs atom ids");
    nevery = impl->options.every;
    restart_global = 1;
    vector_flag = 1;
    size_vector = 5;
    global_freq = nevery;
    extvector = 0;
}

FixKramersExamine::~FixKramersExamine() = default;

int FixKramersExamine::setmask() { return FixConst::END_OF_STEP; }

// Rank 0 brings a status; when it is a failure all stop with its message.
void FixKramersExamine::check(int status) {
    MPI_Bcast(&status, 1, MPI_INT, 0, world);
    if (status >= 0) return;
    std::string text = comm->me ? "" : std::string("fix kramers/examine: ") + kr_context_message(impl->ctx);
    int length = static_cast<int>(text.size());
    MPI_Bcast(&length, 1, MPI_INT, 0, world);
    text.resize(length);
    MPI_Bcast(&text[0], length, MPI_CHAR, 0, world);
    error->all(FLERR, text);
}

// ---- before a run -----------------------------------------------------------------------------------------------

void FixKramersExamine::init() {
    Impl &k = *impl;
    k.pair = dynamic_cast<PairKramers *>(force->pair_match("kramers", 1));
    if (!k.pair) error->all(FLERR, "fix kramers/examine needs pair_style kramers");
    const int every = k.pair->deviation_every();
    if (k.pair->models() > 1 && (every == 0 || nevery % every != 0))
        error->all(FLERR, "fix kramers/examine: a sample every " + std::to_string(nevery) +
                              " steps needs an out_freq of pair_style kramers that divides it, not " +
                              std::to_string(every));
    if (k.pair->models() == 1 && comm->me == 0)
        error->warning(FLERR, "fix kramers/examine: one model has no deviation, only broken frames are recognized");
    if (k.name_of.empty()) create_watch();
}

// At the first run, when the elements are known.
void FixKramersExamine::create_watch() {
    Impl &k = *impl;
    std::vector<const char *> names;
    k.name_of.assign(atom->ntypes + 1, -1);
    for (int t = 1; t <= atom->ntypes; t++) {
        const char *name = k.pair->element(t);
        if (!name) continue;
        size_t at = 0;
        while (at < names.size() && strcmp(names[at], name) != 0) at++;
        if (at == names.size()) names.push_back(name);
        k.name_of[t] = static_cast<int>(at);
    }
    int status = KR_OK;
    if (comm->me == 0) {
        kr_watch_options options = k.options.watch;
        for (double *level : {&options.f_lo, &options.f_hi}) *level /= k.pair->deviation_unit(true);
        for (double *level : {&options.v_lo, &options.v_hi}) *level /= k.pair->deviation_unit(false);
        options.candidates = k.options.candidates.c_str();
        options.accurate = k.options.accurate.c_str();
        options.failed = k.options.failed.c_str();
        options.last_good = k.options.last_good.c_str();
        options.summary = k.options.summary.c_str();
        status = kr_watch_create(k.ctx, &options, static_cast<int>(names.size()), names.data(), &k.watch);
        if (status >= 0)
            status = k.restarted ? kr_watch_unpack(k.ctx, k.watch, k.state.data(), k.state.size())
                                 : kr_watch_begin(k.ctx, k.watch);
        if (status >= 0) kr_watch_get_counts(k.watch, &k.counts);
    }
    check(status);
    MPI_Bcast(&k.counts, static_cast<int>(sizeof k.counts), MPI_CHAR, 0, world);
}

void FixKramersExamine::setup(int) {
    impl->stopped = false;
    if (update->ntimestep < impl->counts.last_step)
        error->all(FLERR, "fix kramers/examine: the step went back from " + std::to_string(impl->counts.last_step) +
                              " to " + std::to_string(update->ntimestep) + "; unfix it and define it again");
    if (update->ntimestep % nevery == 0) examine();
}
void FixKramersExamine::min_setup(int flag) { setup(flag); }
void FixKramersExamine::end_of_step() { examine(); }

// ---- one sample -------------------------------------------------------------------------------------------------

// K, of all atoms, three degrees of freedom each.
double FixKramersExamine::temperature() {
    double mine = 0.0, all = 0.0;
    for (int i = 0; i < atom->nlocal; i++) {
        const double *v = atom->v[i], mass = atom->rmass ? atom->rmass[i] : atom->mass[atom->type[i]];
        mine += mass * (v[0] * v[0] + v[1] * v[1] + v[2] * v[2]);
    }
    MPI_Allreduce(&mine, &all, 1, MPI_DOUBLE, MPI_SUM, world);
    return atom->natoms ? all * force->mvv2e / (3.0 * static_cast<double>(atom->natoms) * force->boltz) : 0.0;
}

// Atoms of the model to rank 0, sorted by id. False when atoms are missing.
bool FixKramersExamine::gather() {
    Impl &k = *impl;
    const double unit = 1.0 / k.pair->length_unit();
    bigint here = atom->nlocal, everywhere = 0;
    MPI_Allreduce(&here, &everywhere, 1, MPI_LMP_BIGINT, MPI_SUM, world);
    if (everywhere != atom->natoms) return false;
    k.x.clear();
    k.tag.clear();
    k.type.clear();
    for (int i = 0; i < atom->nlocal; i++) {
        const int name = k.name_of[atom->type[i]];
        if (name < 0) continue;
        double whole[3];
        domain->unmap(atom->x[i], atom->image[i], whole);
        for (int c = 0; c < 3; c++) k.x.push_back((whole[c] - domain->boxlo[c]) * unit);
        k.tag.push_back(atom->tag[i]);
        k.type.push_back(name);
    }
    const int n = static_cast<int>(k.tag.size()), nprocs = comm->nprocs;
    std::vector<int> count(nprocs), offset(nprocs), count3(nprocs), offset3(nprocs);
    MPI_Gather(&n, 1, MPI_INT, count.data(), 1, MPI_INT, 0, world);
    int total = 0;
    for (int p = 0; p < nprocs && comm->me == 0; p++) {
        offset[p] = total;
        total += count[p];
        count3[p] = 3 * count[p];
        offset3[p] = 3 * offset[p];
    }
    k.all_x.resize(3 * static_cast<size_t>(total));
    k.all_tag.resize(total);
    k.all_type.resize(total);
    MPI_Gatherv(k.tag.data(), n, MPI_LMP_TAGINT, k.all_tag.data(), count.data(), offset.data(), MPI_LMP_TAGINT, 0,
                world);
    MPI_Gatherv(k.type.data(), n, MPI_INT, k.all_type.data(), count.data(), offset.data(), MPI_INT, 0, world);
    MPI_Gatherv(k.x.data(), 3 * n, MPI_DOUBLE, k.all_x.data(), count3.data(), offset3.data(), MPI_DOUBLE, 0, world);
    k.order.resize(total);
    for (int i = 0; i < total; i++) k.order[i] = i;
    std::sort(k.order.begin(), k.order.end(), [&](int a, int b) { return k.all_tag[a] < k.all_tag[b]; });
    k.sorted_x.resize(3 * static_cast<size_t>(total));
    k.sorted_type.resize(total);
    for (int i = 0; i < total; i++) {
        std::copy_n(&k.all_x[3 * static_cast<size_t>(k.order[i])], 3, &k.sorted_x[3 * static_cast<size_t>(i)]);
        k.sorted_type[i] = k.all_type[k.order[i]];
    }
    return true;
}

void FixKramersExamine::examine() {
    Impl &k = *impl;
    if (k.stopped || update->ntimestep <= k.counts.last_step) return; // a restarted run begins with a known step
    kr_watch_sample sample = {};
    sample.step = update->ntimestep;
    sample.temperature = temperature();
    if (k.pair->models() > 1 && !k.pair->deviation_now(sample.deviation))
        error->all(FLERR, "fix kramers/examine: pair_style kramers was not computed at this step");
    const bool whole = gather();
    int status = KR_OK;
    if (comm->me == 0) {
        const double unit = 1.0 / k.pair->length_unit();
        const double box[9] = {
            unit * domain->xprd, 0, 0, unit * domain->xy, unit * domain->yprd, 0, unit * domain->xz, unit * domain->yz,
            unit * domain->zprd};
        unsigned char pbc[3];
        for (int c = 0; c < 3; c++) pbc[c] = domain->periodicity[c] != 0;
        sample.natoms = whole ? static_cast<int>(k.sorted_type.size()) : 0;
        sample.lost = whole ? 0 : 1;
        sample.type = k.sorted_type.data();
        static const double nothing[3] = {0, 0, 0};
        sample.x = !whole ? nullptr : k.sorted_x.empty() ? nothing : k.sorted_x.data();
        sample.box = pbc[0] || pbc[1] || pbc[2] ? box : nullptr;
        sample.pbc = pbc;
        status = kr_watch_take(k.ctx, k.watch, &sample, &k.verdict);
        kr_watch_get_counts(k.watch, &k.counts);
    }
    check(status);
    MPI_Bcast(&k.verdict, static_cast<int>(sizeof k.verdict), MPI_CHAR, 0, world);
    MPI_Bcast(&k.counts, static_cast<int>(sizeof k.counts), MPI_CHAR, 0, world);
    if (!k.verdict.stop) return;
    k.stopped = true;
    if (comm->me == 0)
        utils::logmesg(lmp, "fix kramers/examine: the run ends at step " + std::to_string(update->ntimestep) + ": " +
                                kr_end_text(k.verdict.reason) + "\n");
    timer->force_timeout();
}

void FixKramersExamine::post_run() {
    Impl &k = *impl;
    if (k.name_of.empty()) return;
    const bool whole = k.stopped || update->ntimestep >= update->laststep;
    int status = KR_OK;
    if (comm->me == 0)
        status = kr_watch_end(k.ctx, k.watch, update->ntimestep, whole ? KR_END_FINISHED : KR_END_STOPPED);
    check(status);
}

// Samples, accurate, candidates, failed, failed ones in a row.
double FixKramersExamine::compute_vector(int which) {
    const kr_watch_counts &c = impl->counts;
    const int64_t values[5] = {c.sampled, c.by_class[KR_CLASS_ACCURATE], c.by_class[KR_CLASS_CANDIDATE],
                               c.by_class[KR_CLASS_FAILED], c.in_row};
    return static_cast<double>(values[which]);
}

double FixKramersExamine::memory_usage() {
    return 16.0 * static_cast<double>(impl->x.capacity() + impl->all_x.capacity() + impl->sorted_x.capacity());
}

// ---- restart files ----------------------------------------------------------------------------------------------

// Layout: int bytes that follow, uint64 length of the state, the state of the watch.
void FixKramersExamine::write_restart(FILE *fp) {
    Impl &k = *impl;
    void *state = nullptr;
    size_t bytes = 0;
    int status = KR_OK;
    if (comm->me == 0 && k.watch) status = kr_watch_pack(k.ctx, k.watch, &state, &bytes);
    check(status);
    if (comm->me) return;
    const uint64_t length = bytes;
    const int size = static_cast<int>(sizeof length + bytes);
    fwrite(&size, sizeof size, 1, fp);
    fwrite(&length, sizeof length, 1, fp);
    if (bytes) fwrite(state, 1, bytes, fp);
    kr_watch_free_state(state);
}

// The buffer ends with the run's first steps, the watch is made at its init.
void FixKramersExamine::restart(char *buffer) {
    uint64_t length = 0;
    memcpy(&length, buffer, sizeof length);
    impl->state.assign(buffer + sizeof length, buffer + sizeof length + length);
    impl->restarted = length > 0;
}
