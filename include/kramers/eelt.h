/* Labelling by electronic-structure programs: many frames, many jobs, nothing computed twice, nothing lost.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * An input file (JSON) names the program and where it runs; its folder ("campaign") holds a ledger and the labels. A
 * run that was killed, at whatever moment, goes on where it was. Units: Å, eV, eV/Å; virial positive under compression.
 */
#ifndef KRAMERS_EELT_H
#define KRAMERS_EELT_H

#include <kramers/system.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct kr_label_options {
    const char *input;   /* path of the JSON file */
    const char *program; /* path of the program `kramers`, which the runners start */
    int break_lock;      /* take over the lock that a process of another host left */
    int dry;             /* only check input and frames, start nothing */
    /* For tests of interrupted programs: called before and after everything that makes a result durable. */
    void (*point)(void *payload);
    void *payload;
} kr_label_options;
void kr_label_options_default(kr_label_options *options);

typedef struct kr_label_report {
    long frames, unique;   /* asked for; different structures among them */
    long known;            /* labelled before, here or by another campaign that shares the store */
    long labelled, failed; /* unique structures at the end */
    long attempts;
    double cpu_s;
    char failures[512]; /* attempts by class, "not_converged 3, timeout 1" */
} kr_label_report;

/* Labels the frames of a dataset. *labelled: the frames that have a label now, in the order and with the atoms as given
 * (systems without one are left out). KR_CANCELLED: stopped by the progress function, KR_NOT_CONVERGED: too many
 * attempts failed in one way (the message tells); *labelled holds what is there in both cases. */
kr_status kr_label_dataset(kr_context *ctx, const kr_label_options *options, const kr_dataset *dataset,
                           kr_dataset **labelled, kr_label_report *report);

/* Forces and stress of a labelling program against differences of its energies. */
typedef struct kr_stress_check {
    int has_virial;
    double volume;                /* Å³; 0 = not periodic in all directions, nothing is strained then */
    double virial[9], numeric[9]; /* eV: as labelled; −dE/dε, symmetric */
    double force, numeric_force;  /* eV/Å along one random direction of all atoms */
} kr_stress_check;
/* Labels the first frame, and it strained and moved by ±step (0.002) in seven ways; nothing is labelled twice. Other
 * results as of kr_label_dataset. */
kr_status kr_label_check_stress(kr_context *ctx, const kr_label_options *options, const kr_dataset *dataset,
                                double step, kr_label_report *report, kr_stress_check *check);

/* Runs the task of a folder under its limits: what `kramers eelt exec FOLDER` does. */
kr_status kr_task_execute(kr_context *ctx, const char *folder);

/* Start structures as a JSON file describes them (docs/exploring.md). */
kr_status kr_structures_make(kr_context *ctx, const char *path, kr_dataset **dataset);
/* Makes or continues the exploration that is described in a folder (explore.json): what `kramers eelt explore FOLDER`
 * does. KR_CANCELLED: stopped by the progress function; the same call goes on. */
kr_status kr_explore_execute(kr_context *ctx, const char *folder);

/* Lines that tell the state of a campaign's folder: tasks by state, failures by class, last events. */
kr_status kr_campaign_status(kr_context *ctx, const char *folder, void (*line)(const char *text, void *payload),
                             void *payload);
/* Tasks of the given class (NULL = all that were given up or held) may run again; *count of them. */
kr_status kr_campaign_retry(kr_context *ctx, const char *folder, const char *class_name, int break_lock, long *count);

#ifdef __cplusplus
}
#endif
#endif
