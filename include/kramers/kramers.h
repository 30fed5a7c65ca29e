/* Kramers: learned potentials and rare events. Includes every public header.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef KRAMERS_H
#define KRAMERS_H

#include <kramers/audit.h>
#include <kramers/campaign.h>
#include <kramers/context.h>
#include <kramers/dataset_tools.h>
#include <kramers/devi_file.h>
#include <kramers/deviation.h>
#include <kramers/eelt.h>
#include <kramers/examine.h>
#include <kramers/features.h>
#include <kramers/model.h>
#include <kramers/potential.h>
#include <kramers/sampling.h>
#include <kramers/select.h>
#include <kramers/status.h>
#include <kramers/system.h>
#include <kramers/training.h>
#include <kramers/watch.h>

#endif
