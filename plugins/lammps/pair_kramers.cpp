/* pair_style kramers: settings, elements, units and one call per step. Beside it: parameters.cpp,
 * deviation.cpp, overflow.cpp, restart.cpp.
 * SPDX-License-Identifier: GPL-2.0-only
 *
 * Results are in eV and Å; LAMMPS gets them times energy_unit, force_unit = energy_unit / length_unit, and times the
 * scale of fix adapt. Failures that every rank reaches, or that are told to every rank first, end in error->all; a
 * failure inside one rank's evaluation ends in error->one. */
#include "pair_kramers.h"
#include "impl.h"

#include "atom.h"
#include "comm.h"
#include "error.h"
#include "force.h"
#include "memory.h"
#include "neigh_list.h"
#include "neighbor.h"
#include "update.h"
#include "utils.h"

#include <algorithm>
#include <cstring>

using namespace LAMMPS_NS;

PairKramers::PairKramers(LAMMPS *lmp) : Pair(lmp), impl(new Impl), scale(nullptr) {
    restartinfo = 1;
    one_coeff = 1;
    manybody_flag = 1;
    single_enable = 0;
    respa_enable = 0;
    writedata = 0;
    no_virial_fdotr_compute = 1; // the library gives the virial, with hybrid too
    centroidstressflag = CENTROID_AVAIL;
    comm_reverse = 3;
}

PairKramers::~PairKramers() {
    if (!allocated) return;
    memory->destroy(setflag);
    memory->destroy(cutsq);
    memory->destroy(scale);
}

void PairKramers::allocate() {
    const int n = atom->ntypes + 1;
    allocated = 1;
    memory->create(setflag, n, n, "pair:setflag");
    memory->create(cutsq, n, n, "pair:cutsq");
    memory->create(scale, n, n, "pair:scale");
    std::fill_n(&setflag[0][0], n * n, 0);
    std::fill_n(&cutsq[0][0], n * n, 0.0);
    std::fill_n(&scale[0][0], n * n, 1.0);
}

// ---- failures ---------------------------------------------------------------------------------------------------

static std::string sentence(const kr_context *ctx) {
    std::string text = std::string("pair_style kramers: ") + kr_context_message(ctx);
    if (*kr_context_hint(ctx)) text += std::string(" (") + kr_context_hint(ctx) + ")";
    return text;
}

// Every rank brings its status; when one is a failure all stop with the message of the lowest rank that failed.
void PairKramers::fail_together(int status) {
    int me = status < 0 ? comm->me : comm->nprocs, lowest = 0;
    MPI_Allreduce(&me, &lowest, 1, MPI_INT, MPI_MIN, world);
    if (lowest == comm->nprocs) return;
    std::string text = sentence(impl->ctx);
    int length = static_cast<int>(text.size());
    MPI_Bcast(&length, 1, MPI_INT, lowest, world);
    text.resize(length);
    MPI_Bcast(&text[0], length, MPI_CHAR, lowest, world);
    error->all(FLERR, text);
}

// ---- pair_style and pair_coeff ----------------------------------------------------------------------------------

void PairKramers::settings(int narg, char **arg) {
    impl->style_words.assign(arg, arg + narg);
    parse_settings();
    load_models();
    if (allocated) map_types();
}

void PairKramers::parse_settings() {
    if (strcmp(update->unit_style, "lj") == 0)
        error->all(FLERR, "pair_style kramers: units lj have no eV and no Angstrom; use metal, real, si, electron ...");
    const std::string problem = impl->options.parse(impl->style_words);
    if (!problem.empty()) error->all(FLERR, "pair_style kramers: " + problem);
    // a new file name or layout begins a new file
    kr_devi_file_close(&impl->devi_file);
}

// Words that came from a restart file are only now acted on, since pair_style may have been given again. True when
// that was the case.
bool PairKramers::load_restarted() {
    if (!impl->models.empty()) return false;
    parse_settings();
    load_models();
    return true;
}

static void tell(const char *line, void *payload) {
    utils::logmesg(static_cast<LAMMPS *>(payload), std::string("  ") + line + "\n");
}

// Every rank reads the files: they are small and a file that only some nodes see is then found at once.
void PairKramers::load_models() {
    Impl &k = *impl;
    const kramers_lammps::Options &options = k.options;
    k.unload();
    kr_context_set_threads(k.ctx, comm->nthreads);

    int status = KR_OK;
    for (size_t m = 0; m < options.models.size() && status >= 0; m++) {
        kr_model *model = nullptr;
        status = kr_model_load(k.ctx, options.models[m].c_str(), &model);
        if (model) k.models.push_back(model);
    }
    fail_together(status);
    const int n = k.nmodels();
    check_parameters();
    k.energy.assign(n, 0.0);
    k.virial.assign(9 * static_cast<size_t>(n), 0.0);
    nextra = k.deviates() ? 6 : 0;
    pvector = nextra ? k.last_deviation : nullptr;
    k.aparam_buffer.clear();
    k.calls = 0;
    k.next_look = 1;
    k.overflow_told = false;

    if (comm->me) return;
    utils::logmesg(lmp, "pair_style kramers (" + std::string(kr_version()) + ")\n");
    for (const kr_model *model : k.models) kr_model_describe(model, tell, lmp);
}

// Tables are made for the types that pair_coeff names: a model of many elements would take minutes otherwise. Nothing
// is done again when pair_coeff names the same types again.
void PairKramers::prepare_potentials() {
    Impl &k = *impl;
    std::vector<unsigned char> used(kr_model_ntypes(k.models[0]), 0);
    for (const int type : k.type_map)
        if (type >= 0) used[type] = 1;
    if (k.driver && used == k.used) return;
    k.drop_potentials();
    k.used = used;
    kr_potential_options prepare = k.options.potential;
    prepare.isa = k.options.isa.empty() ? nullptr : k.options.isa.c_str();
    prepare.used_types = k.used.data();

    int status = kr_potential_create(k.ctx, 1, &k.models[0], &prepare, &k.driver);
    if (status >= 0) status = kr_workspace_create(k.ctx, k.driver, &k.driver_scratch);
    if (status >= 0 && k.deviates()) {
        status = kr_potential_create(k.ctx, k.nmodels() - 1, &k.models[1], &prepare, &k.others);
        if (status >= 0) status = kr_workspace_create(k.ctx, k.others, &k.others_scratch);
    }
    fail_together(status);
    if (comm->me == 0) kr_potential_describe(k.driver, tell, lmp);
}

void PairKramers::coeff(int narg, char **arg) {
    if (narg < 2 || strcmp(arg[0], "*") != 0 || strcmp(arg[1], "*") != 0)
        error->all(FLERR, "pair_coeff for pair_style kramers begins with * *");
    if (!allocated) allocate();
    load_restarted();
    impl->elements.assign(arg + 2, arg + narg);
    map_types();

    // A pair with a NULL element is ours only when no other style of a hybrid has taken it.
    const bool hybrid = force->pair && force->pair != this;
    for (int i = 1; i <= atom->ntypes; i++)
        for (int j = i; j <= atom->ntypes; j++) {
            const bool real = impl->type_map[i] >= 0 && impl->type_map[j] >= 0;
            setflag[i][j] = real || !(hybrid && force->pair->allocated && force->pair->setflag[i][j]);
            scale[i][j] = scale[j][i] = 1.0;
        }
}

// LAMMPS types to the types of the model: by name, or by position when no names were given.
void PairKramers::map_types() {
    Impl &k = *impl;
    const kr_model *model = k.models.at(0);
    const int ntypes = atom->ntypes, known = kr_model_ntypes(model);
    std::string names;
    for (int t = 0; t < known; t++) names += std::string(t ? " " : "") + kr_model_type_name(model, t);
    if (!k.elements.empty() && static_cast<int>(k.elements.size()) != ntypes)
        error->all(FLERR, "pair_coeff for pair_style kramers names " + std::to_string(k.elements.size()) +
                              " elements for " + std::to_string(ntypes) +
                              " atom types; give one for each type, NULL for a type that the model leaves alone");
    k.type_map.assign(ntypes + 1, -1);
    for (int t = 1; t <= ntypes; t++) {
        if (k.elements.empty()) {
            k.type_map[t] = t <= known ? t - 1 : -1;
            continue;
        }
        const std::string &element = k.elements[t - 1];
        if (element == "NULL") continue;
        k.type_map[t] = kr_model_type_index(model, element.c_str());
        if (k.type_map[t] < 0)
            error->all(FLERR, "pair_coeff for pair_style kramers: element " + element + " is not in model " +
                                  k.options.models[0] + ", which has " + names);
    }
    if (k.elements.empty() && comm->me == 0)
        utils::logmesg(lmp, "pair_style kramers: atom types in the order of the model: " + names + "\n");
    if (k.elements.empty() && ntypes > known && comm->me == 0)
        error->warning(FLERR, "pair_style kramers: atom types above " + std::to_string(known) + " feel nothing");
    prepare_potentials();
}

// ---- before a run -----------------------------------------------------------------------------------------------

void PairKramers::init_style() {
    Impl &k = *impl;
    if (load_restarted()) map_types();
    if (!force->newton_pair) error->all(FLERR, "pair_style kramers needs newton on for pair interactions");
    if (k.deviates() && k.options.atomic && !atom->tag_enable)
        error->all(FLERR, "pair_style kramers: per-atom deviations need atom ids");

    // LAMMPS' own constants: Boltzmann in its metal units is 8.617343e-5 eV/K.
    k.energy_unit = force->boltz / 8.617343e-5;
    k.length_unit = force->angstrom;
    k.force_unit = k.energy_unit / k.length_unit;
    kr_context_set_threads(k.ctx, comm->nthreads);
    neighbor->add_request(this, NeighConst::REQ_FULL);

    if (k.deviates() && !k.devi_file) {
        int status = KR_OK;
        if (comm->me == 0)
            status = kr_devi_file_open(k.ctx, k.options.out_file.c_str(), KR_DEVI_LAMMPS, k.options.atomic, k.restarted,
                                       &k.devi_file);
        fail_together(status);
    }
}

double PairKramers::init_one(int i, int j) {
    scale[j][i] = scale[i][j];
    return impl->cutoff();
}

// Called on every rank before the first step of a run, when lists and ghost atoms exist.
void PairKramers::setup() {
    const double needed = impl->cutoff(), have = comm->get_comm_cutoff();
    if (have < needed)
        error->all(FLERR, "pair_style kramers: the communication cutoff " + std::to_string(have) +
                              " is below the cutoff of the model, " + std::to_string(needed));
    find_pad_type();
    bool excluded = false;
    for (int kind = 1; kind <= 3; kind++) excluded |= atom->molecular && neighbor->special_flag[kind] == 0;
    if (excluded && comm->me == 0)
        error->warning(FLERR, "pair_style kramers: special_bonds leaves bonded neighbours out of the neighbor list, so "
                              "the model does not see them; use special_bonds lj/coul 1 1 1 or 1e-50");
}

// "Atom 0" of DeePMD-kit, on every rank and in any order of the atoms: the one with the lowest id.
void PairKramers::find_pad_type() {
    tagint lowest = MAXTAGINT, global;
    int type = -1;
    for (int i = 0; i < atom->nlocal && atom->tag_enable; i++)
        if (atom->tag[i] < lowest) {
            lowest = atom->tag[i];
            type = impl->type_map[atom->type[i]];
        }
    MPI_Allreduce(&lowest, &global, 1, MPI_LMP_TAGINT, MPI_MIN, world);
    if (lowest != global) type = -1;
    MPI_Allreduce(&type, &impl->pad_type, 1, MPI_INT, MPI_MAX, world);
}

// ---- one step ---------------------------------------------------------------------------------------------------

void PairKramers::compute(int eflag, int vflag) {
    Impl &k = *impl;
    ev_init(eflag, vflag);
    gather_fparam();
    gather_aparam();
    const bool deviation_due = k.deviates() && update->ntimestep % k.options.out_freq == 0;
    evaluate(deviation_due);
    tally();
    if (deviation_due) deviate();
    if (++k.calls >= k.next_look) {
        k.next_look = 10 * k.calls;
        report_overflow(false);
    }
}

// Grows and never shrinks, so that steps do not allocate.
static double *room(std::vector<double> &buffer, size_t count) {
    if (buffer.size() < count) buffer.resize(count);
    return buffer.data();
}

// The library adds the forces of the first model to f itself; other results are taken only when they are wanted.
void PairKramers::evaluate(bool deviation_due) {
    Impl &k = *impl;
    const int nall = atom->nlocal + atom->nghost;
    kr_list view = {};
    view.nlocal = atom->nlocal;
    view.nall = nall;
    view.x = nall ? atom->x[0] : nullptr;
    view.type = atom->type;
    view.type_map = k.type_map.data();
    view.inum = list->inum;
    view.ilist = list->ilist;
    view.numneigh = list->numneigh;
    view.firstneigh = list->firstneigh;
    view.neighmask = NEIGHMASK;
    view.length_unit = 1.0 / k.length_unit;
    view.pad_type = &k.pad_type;
    view.step = static_cast<long>(update->ntimestep);

    kr_result result = {};
    result.energy = k.energy.data();
    if (vflag_global || deviation_due) result.virial = k.virial.data();
    if (eflag_atom) result.atom_energy = room(k.atom_energy, atom->nlocal);
    if (vflag_atom || cvflag_atom) result.atom_virial = room(k.atom_virial, 9 * static_cast<size_t>(nall));
    if (deviation_due) result.force = room(k.force, 3 * static_cast<size_t>(nall) * k.nmodels());
    evaluate_list(k.driver, k.driver_scratch, view, result, nall ? atom->f[0] : nullptr);
    if (!deviation_due) return;

    kr_result rest = {};
    rest.energy = k.energy.data() + 1;
    rest.virial = k.virial.data() + 9;
    rest.force = k.force.data() + 3 * static_cast<size_t>(nall);
    evaluate_list(k.others, k.others_scratch, view, rest, nullptr);
}

// One call of the library. Atom ids have another integer type than the library's, so they are copied only when a
// failure is about to be explained.
void PairKramers::evaluate_list(const kr_potential *potential, kr_workspace *scratch, kr_list &view,
                                const kr_result &result, double *force) {
    Impl &k = *impl;
    const double *fparam = k.fparam.empty() ? nullptr : k.fparam.data();
    const double factor = scale[1][1] * k.force_unit;
    if (kr_potential_compute_list(potential, scratch, &view, fparam, k.aparam, &result, force, factor) >= 0) return;
    std::vector<long> ids;
    if (atom->tag_enable && view.nall) {
        ids.assign(atom->tag, atom->tag + view.nall);
        view.tag = ids.data();
        kr_potential_compute_list(potential, scratch, &view, fparam, k.aparam, &result, nullptr, factor);
    }
    fail_here();
}

void PairKramers::fail_here() { error->one(FLERR, sentence(impl->ctx)); }

// Energies and virials into LAMMPS' accumulators. W[3a+b]: a = force, b = coordinate.
void PairKramers::tally() {
    static const int global[6] = {0, 4, 8, 3, 6, 7};            // xx yy zz xy xz yz
    static const int centroid[9] = {0, 4, 8, 3, 6, 7, 1, 2, 5}; // xx yy zz xy xz yz yx zx zy
    static const int symmetric[6][2] = {{0, 0}, {4, 4}, {8, 8}, {1, 3}, {2, 6}, {5, 7}};
    const Impl &k = *impl;
    const double unit = scale[1][1] * k.energy_unit;
    const int nall = atom->nlocal + atom->nghost;

    if (eflag_global) eng_vdwl += unit * k.energy[0];
    if (vflag_global)
        for (int a = 0; a < 6; a++) virial[a] += unit * k.virial[global[a]];
    if (eflag_atom)
        for (int i = 0; i < atom->nlocal; i++) eatom[i] += unit * k.atom_energy[i];
    for (int i = 0; i < nall && (vflag_atom || cvflag_atom); i++) {
        const double *w = &k.atom_virial[9 * static_cast<size_t>(i)];
        if (vflag_atom)
            for (int a = 0; a < 6; a++) vatom[i][a] += 0.5 * unit * (w[symmetric[a][0]] + w[symmetric[a][1]]);
        if (cvflag_atom)
            for (int a = 0; a < 9; a++) cvatom[i][a] += unit * w[centroid[a]];
    }
}

// ---- the rest of what LAMMPS asks -------------------------------------------------------------------------------

void *PairKramers::extract(const char *name, int &dim) {
    dim = 2;
    return strcmp(name, "scale") == 0 ? static_cast<void *>(scale) : nullptr;
}

double PairKramers::memory_usage() {
    const Impl &k = *impl;
    double bytes = Pair::memory_usage();
    for (const kr_workspace *scratch : {k.driver_scratch, k.others_scratch})
        if (scratch) bytes += static_cast<double>(kr_workspace_bytes(scratch));
    for (const std::vector<double> *buffer : {&k.atom_energy, &k.atom_virial, &k.force, &k.aparam_buffer, &k.epsilon})
        bytes += static_cast<double>(buffer->capacity() * sizeof(double));
    return bytes;
}
