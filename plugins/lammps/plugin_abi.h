/* What LAMMPS' plugin command expects of a shared object (its lammpsplugin.h is not among the installed headers).
 * SPDX-License-Identifier: GPL-2.0-only
 *
 * Layout documented in LAMMPS' developer guide, "Writing plugins"; unchanged since 2021. */
#ifndef KRAMERS_LAMMPS_PLUGIN_ABI_H
#define KRAMERS_LAMMPS_PLUGIN_ABI_H

extern "C" {
typedef void *(*lammpsplugin_factory1)(void *lmp);
typedef void *(*lammpsplugin_factory2)(void *lmp, int narg, char **arg);

struct lammpsplugin_t {
    const char *version; // of the LAMMPS it was made for; a difference to the host's gives a warning
    const char *style;   // "pair", "fix", …
    const char *name;
    const char *info;
    const char *author;
    union {
        lammpsplugin_factory1 v1;
        lammpsplugin_factory2 v2;
    } creator;
    void *handle;
};

typedef void (*lammpsplugin_regfunc)(lammpsplugin_t *, void *lmp);
typedef void (*lammpsplugin_initfunc)(void *lmp, void *handle, void *regfunc);

__attribute__((visibility("default"))) void lammpsplugin_init(void *lmp, void *handle, void *regfunc);
}

#endif
