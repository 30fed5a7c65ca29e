/* Shared by the files that turn a kr_model into a neutral tree (model_write*.c).
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * All return NULL after a failure, which the maker remembers. */
#ifndef KR_POTENTIAL_MODEL_WRITER_H
#define KR_POTENTIAL_MODEL_WRITER_H

#include "potential/model.h"
#include "potential/tree_maker.h"

const char *kr_write_precision(kr_dtype dtype);
const char *kr_write_activation(const kr_activation *activation);
kr_tree *kr_write_null(kr_tree_maker *m);
/* dtype: of the section; a layer that was read keeps its own. */
kr_tree *kr_write_layer(kr_tree_maker *m, const kr_layer *layer, const double *theta, kr_dtype dtype);
/* in_dim, neuron of the first `hidden` layers, layers …: what the two classes of networks have in common. */
kr_tree *kr_write_net(kr_tree_maker *m, const char *class_name, int version, const kr_net *net, int hidden,
                      const kr_activation *activation, int resnet_dt, const double *theta, kr_dtype dtype);
kr_tree *kr_write_embedding(kr_tree_maker *m, const kr_net *net, const kr_activation *activation, int resnet_dt,
                            const double *theta, kr_dtype dtype);
/* Takes the list of networks over. */
kr_tree *kr_write_collection(kr_tree_maker *m, const char *type, int ndim, int ntypes, kr_tree *networks);
kr_tree *kr_write_descriptor(kr_tree_maker *m, const kr_model *model);

#endif
