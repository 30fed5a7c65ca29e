/* Campaigns: explore with the current models, examine, select, label, train, until the potential is accurate everywhere
 * on a window of temperature and pressure, and a certificate says so.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * One file, eelt.json (docs/campaigns.md), describes a campaign; its folder holds everything else: the ledger, models,
 * runs, labels, report. A run that was killed at whatever moment goes on where it was. */
#ifndef KRAMERS_CAMPAIGN_H
#define KRAMERS_CAMPAIGN_H

#include <kramers/context.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Hears one mistake of the input: a line with its place, and a hint ("" = none). */
typedef void (*kr_campaign_mistake_fn)(const char *text, const char *hint, void *payload);
typedef void (*kr_campaign_line_fn)(const char *text, void *payload);

/* Reads eelt.json and everything it names, starts nothing. Every mistake is told to `mistake`, facts to `line` (either
 * may be NULL). *count: mistakes. Fails only when it cannot go on (a file that is no JSON, memory). */
kr_status kr_campaign_check(kr_context *ctx, const char *input, kr_campaign_mistake_fn mistake,
                            kr_campaign_line_fn line, void *payload, int *count);

typedef struct kr_campaign_options {
    const char *input;        /* path of eelt.json */
    const char *program;      /* path of the program `kramers`, which the runners start */
    int break_lock;           /* take over the lock that a process of another host left */
    int iterations;           /* stop after so many of this call; 0 = go on to the end */
    kr_campaign_line_fn line; /* hears what happens, for people; may be NULL */
    /* For tests of interrupted programs: called before and after everything that makes a result durable. */
    void (*point)(void *payload);
    void *payload; /* of line and point */
} kr_campaign_options;
void kr_campaign_options_default(kr_campaign_options *options);

/* Runs a campaign, or goes on with it, to its end. KR_OK: converged. KR_NOT_CONVERGED: stopped before (budget,
 * iterations, disk, too many failures of one kind; the message tells). KR_CANCELLED: by the progress function; what
 * runs comes to its end first. */
kr_status kr_campaign_run(kr_context *ctx, const kr_campaign_options *options);

/* ---- a campaign's folder ---- */

/* report.html and the tables beside it, from the ledger. */
kr_status kr_campaign_report(kr_context *ctx, const char *folder);
/* Asks the program that runs the campaign to stop after the running tasks; another host's cannot be reached. */
kr_status kr_campaign_stop(kr_context *ctx, const char *folder);
/* Takes frames (numbers of report_frames.tsv) out of the campaign of this input: they are not labelled, and data sets
 * that hold them are written again without them. *count of them. */
kr_status kr_campaign_drop(kr_context *ctx, const char *input, int n, const long *frames, long *count);
/* Copies labelled data into the campaign: the next training uses them. *count: frames. */
kr_status kr_campaign_add(kr_context *ctx, const char *input, int n, const char *const *paths, long *count);
/* Hides iteration `iteration` and all later ones: the next run begins there again. Labels stay in the store. */
kr_status kr_campaign_rollback(kr_context *ctx, const char *folder, int iteration, long *hidden);

typedef struct kr_campaign_export_options {
    const char *folder, *target; /* the campaign's; to be made */
    int dpgen;                   /* names of DP-GEN */
    int force;                   /* replace target */
} kr_campaign_export_options;
/* Data sets (deepmd/npy), the last models, certificate, report. */
kr_status kr_campaign_export(kr_context *ctx, const kr_campaign_export_options *options);

typedef struct kr_dpgen_options {
    const char *param, *machine; /* paths; machine may be NULL */
    const char *iterations;      /* folder with finished iterations whose data are taken over; NULL = none */
    const char *folder;          /* where templates of labelling programs are written */
    kr_campaign_line_fn line;    /* hears what became of every key: "mapped", "differs", "ignored", "refused" */
    void *payload;
} kr_dpgen_options;
/* DP-GEN's inputs as the text of an eelt.json (kr_dpgen_text_free). *refused: keys without which it is another
 * campaign. */
kr_status kr_dpgen_import(kr_context *ctx, const kr_dpgen_options *options, char **text, int *refused);
void kr_dpgen_text_free(char **text);

#ifdef __cplusplus
}
#endif
#endif
