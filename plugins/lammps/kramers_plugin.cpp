/* Entry point of kramersplugin.so for LAMMPS' command `plugin load` and for LAMMPS_PLUGIN_PATH.
 * SPDX-License-Identifier: GPL-2.0-only */
#include "lammps.h"
#include "pair_kramers.h"
#include "plugin_abi.h"
#include <kramers/context.h>
#include <string>

using namespace LAMMPS_NS;

static void *create_pair(void *lmp) { return new PairKramers(static_cast<LAMMPS *>(lmp)); }

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
}
