/* Entry point of kramersplugin.so for LAMMPS' command `plugin load` and for LAMMPS_PLUGIN_PATH.
 * SPDX-License-Identifier: GPL-2.0-only */
#include "fix_kramers_examine.h"
#include "lammps.h"
#include "pair_kramers.h"
#include "plugin_abi.h"
#include <kramers/context.h>
#include <string>

using namespace LAMMPS_NS;

static void *create_pair(void *lmp) { return new PairKramers(static_cast<LAMMPS *>(lmp)); }

static void *create_examine(void *lmp, int narg, char **arg) {
    return new FixKramersExamine(static_cast<LAMMPS *>(lmp), narg, arg);
}

extern "C" void lammpsplugin_init(void *lmp, void *handle, void *regfunc) {
    static const std::string info = std::string("Deep Potential models, Kramers ") + kr_version();
    lammpsplugin_t plugin;
    plugin.version = static_cast<LAMMPS *>(lmp)->version;
    plugin.style = "pair";
    plugin.name = "kramers";
    plugin.info = info.c_str();
    plugin.author = "The Kramers developers";
    plugin.creator.v1 = create_pair;
    plugin.handle = handle;
    reinterpret_cast<lammpsplugin_regfunc>(regfunc)(&plugin, lmp);

    plugin.style = "fix";
    plugin.name = "kramers/examine";
    plugin.creator.v2 = create_examine;
    reinterpret_cast<lammpsplugin_regfunc>(regfunc)(&plugin, lmp);
}
