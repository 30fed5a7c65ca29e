/* Layers and networks of a kr_model as sections of a model file.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "potential/model_writer.h"

const char *kr_write_precision(kr_dtype dtype) {
    return dtype == KR_FLOAT32    ? "float32"
           : dtype == KR_FLOAT16  ? "float16"
           : dtype == KR_BFLOAT16 ? "bfloat16"
                                  : "float64";
}

/* DeePMD-kit writes the identity of a layer as "none". */
const char *kr_write_activation(const kr_activation *activation) {
    return activation->name[0] ? activation->name : "none";
}

kr_tree *kr_write_layer(kr_tree_maker *m, const kr_layer *layer, const double *theta, kr_dtype dtype) {
    kr_tree *map = kr_make_map(m, "Layer", 2), *variables = kr_make_map(m, NULL, 0);
    size_t shape[2] = {(size_t)layer->in, (size_t)layer->out};
    if (layer->stored) dtype = (kr_dtype)(layer->stored - 1);
    kr_make_bool(m, map, "bias", layer->b != KR_NO_BLOCK);
    kr_make_bool(m, map, "use_timestep", layer->idt != KR_NO_BLOCK);
    kr_make_string(m, map, "activation_function", kr_write_activation(&layer->activation));
    kr_make_bool(m, map, "resnet", layer->resnet);
    kr_make_string(m, map, "precision", kr_write_precision(dtype));
    kr_make_bool(m, map, "trainable", layer->trainable);
    kr_make_array(m, variables, "w", dtype, 2, shape, theta + layer->w);
    kr_make_array(m, variables, "b", dtype, 1, shape + 1, layer->b == KR_NO_BLOCK ? NULL : theta + layer->b);
    kr_make_array(m, variables, "idt", dtype, 1, shape + 1, layer->idt == KR_NO_BLOCK ? NULL : theta + layer->idt);
    kr_make_set(m, map, "@variables", variables);
    return map;
}

/* What the two classes of networks have in common: in_dim, neuron of the first `hidden` layers, layers. */
kr_tree *kr_write_net(kr_tree_maker *m, const char *class_name, int version, const kr_net *net, int hidden,
                      const kr_activation *activation, int resnet_dt, const double *theta, kr_dtype dtype) {
    kr_tree *map = kr_make_map(m, class_name, version), *neuron = kr_make_list(m), *layers = kr_make_list(m);
    for (int i = 0; i < net->nlayers; i++) kr_make_append(m, layers, kr_write_layer(m, &net->layer[i], theta, dtype));
    for (int i = 0; i < hidden && m->status == KR_OK; i++) {
        kr_tree *width = NULL;
        m->status = kr_tree_new_int(m->ctx, net->layer[i].out, &width);
        kr_make_append(m, neuron, width);
    }
    kr_make_int(m, map, "in_dim", net->in);
    kr_make_set(m, map, "neuron", neuron);
    kr_make_string(m, map, "activation_function", kr_write_activation(activation));
    kr_make_bool(m, map, "resnet_dt", resnet_dt);
    kr_make_string(m, map, "precision", kr_write_precision(dtype));
    kr_make_set(m, map, "layers", layers);
    return map;
}

kr_tree *kr_write_embedding(kr_tree_maker *m, const kr_net *net, const kr_activation *activation, int resnet_dt,
                            const double *theta, kr_dtype dtype) {
    kr_tree *map = kr_write_net(m, "EmbeddingNetwork", 2, net, net->nlayers, activation, resnet_dt, theta, dtype);
    kr_make_bool(m, map, "bias", net->layer[0].b != KR_NO_BLOCK);
    return map;
}

kr_tree *kr_write_null(kr_tree_maker *m) {
    kr_tree *node = NULL;
    if (m->status == KR_OK) m->status = kr_tree_new(m->ctx, KR_TREE_NULL, &node);
    return node;
}

kr_tree *kr_write_collection(kr_tree_maker *m, const char *type, int ndim, int ntypes, kr_tree *networks) {
    kr_tree *map = kr_make_map(m, "NetworkCollection", 1);
    kr_make_int(m, map, "ndim", ndim);
    kr_make_int(m, map, "ntypes", ntypes);
    kr_make_string(m, map, "network_type", type);
    kr_make_set(m, map, "networks", networks);
    return map;
}
