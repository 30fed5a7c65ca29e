/* The selection as a table for people and scripts; words, and DP-GEN's rules for how many.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "core/error.h"
#include "core/file.h"
#include "core/text.h"
#include <kramers/select.h>

const char *kr_decision_word(kr_decision decision) {
    static const char *const words[] = {
#define KR_DECISION_WORD(name, word) word,
        KR_DECISION_LIST(KR_DECISION_WORD)
#undef KR_DECISION_WORD
    };
    return decision >= 0 && decision < KR_DECISION_COUNT ? words[decision] : "unknown";
}

long kr_select_taper(long most, double accurate, double soft, double hard) {
    if (accurate < soft) return most;
    if (!(accurate < hard)) return 0;
    return (long)((double)most * (accurate - hard) / (soft - hard));
}

long kr_select_least(long count, long least) { return count < least ? 0 : count; }

kr_status kr_selection_write(kr_context *ctx, const kr_selection *selection, const kr_dataset *candidates,
                             const kr_candidate *meta, const char *path) {
    kr_status status = KR_OK;
    kr_file_writer writer = {0};
    if (!selection || !candidates || !path)
        return KR_ERROR(ctx, KR_ERR_ARGUMENT, "selection, candidates and path must not be NULL");
    KR_TRY(kr_file_begin(ctx, path, &writer));
    fprintf(writer.stream, "candidate\tsystem\tframe\trun\tcell\ttime_ps\tu_eV_per_A\tdecision\torder\tscore\tdistance"
                           "\treason\n");
    long i = 0;
    for (int s = 0; s < candidates->nsystems; s++)
        for (int f = 0; f < candidates->system[s]->nframes && i < selection->n; f++, i++) {
            const kr_choice *c = &selection->choice[i];
            const kr_candidate *m = meta ? &meta[i] : &kr_candidate_unknown;
            char time[32], u[32], score[32], distance[32];
            fprintf(writer.stream, "%ld\t%s\t%d\t%d\t%d\t%s\t%s\t%s\t%ld\t%s\t%s\t%s\n", i, candidates->system[s]->name,
                    f, m->run, m->cell, kr_format_real(m->time_ps, time), kr_format_real(m->u, u),
                    kr_decision_word(c->decision), c->order, kr_format_real(c->score, score),
                    kr_format_real(c->distance, distance), c->reason);
        }
    KR_TRY(kr_file_commit(ctx, &writer));
done:
    kr_file_abandon(&writer);
    return status;
}
