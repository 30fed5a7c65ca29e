/* pair_style kramers in binary restart files: the words of pair_style and pair_coeff.
 * SPDX-License-Identifier: GPL-2.0-only
 *
 * Layout: int number of words, then for every word int length and its characters. Models are not stored; they are
 * loaded from their files when the next run begins, so that a new pair_style command may name other paths first. */
#include "impl.h"
#include "pair_kramers.h"

#include "atom.h"
#include "comm.h"
#include "utils.h"

using namespace LAMMPS_NS;

static void write_words(FILE *fp, const std::vector<std::string> &words) {
    const int count = static_cast<int>(words.size());
    fwrite(&count, sizeof count, 1, fp);
    for (const std::string &word : words) {
        const int length = static_cast<int>(word.size());
        fwrite(&length, sizeof length, 1, fp);
        fwrite(word.data(), 1, length, fp);
    }
}

// Rank 0 reads and tells the others.
static void read_words(FILE *fp, std::vector<std::string> &words, Error *error, int me, MPI_Comm world) {
    int count = 0;
    if (me == 0) utils::sfread(FLERR, &count, sizeof count, 1, fp, nullptr, error);
    MPI_Bcast(&count, 1, MPI_INT, 0, world);
    words.assign(count, "");
    for (std::string &word : words) {
        int length = 0;
        if (me == 0) utils::sfread(FLERR, &length, sizeof length, 1, fp, nullptr, error);
        MPI_Bcast(&length, 1, MPI_INT, 0, world);
        word.resize(length);
        if (me == 0 && length) utils::sfread(FLERR, &word[0], 1, length, fp, nullptr, error);
        MPI_Bcast(&word[0], length, MPI_CHAR, 0, world);
    }
}

void PairKramers::write_restart_settings(FILE *fp) { write_words(fp, impl->style_words); }

void PairKramers::read_restart_settings(FILE *fp) {
    read_words(fp, impl->style_words, error, comm->me, world);
    impl->restarted = true;
}

void PairKramers::write_restart(FILE *fp) {
    write_restart_settings(fp);
    write_words(fp, impl->elements);
}

void PairKramers::read_restart(FILE *fp) {
    read_restart_settings(fp);
    read_words(fp, impl->elements, error, comm->me, world);
    allocate();
    for (int i = 1; i <= atom->ntypes; i++)
        for (int j = i; j <= atom->ntypes; j++) setflag[i][j] = 1;
}
