/* Are two models the same to the last bit? Shared by the tests of the readers and writers.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef MODEL_EQUAL_H
#define MODEL_EQUAL_H

#include "kr_test.h"
#include "potential/model.h"

static inline int same_numbers(size_t n, const double *a, const double *b) {
    if (!a || !b) return !a && !b;
    return !memcmp(a, b, n * sizeof *a);
}

static inline int same_net(const kr_net *a, const kr_net *b) {
    if (!a || !b) return !a && !b;
    if (a->nlayers != b->nlayers || a->in != b->in || a->out != b->out) return 0;
    for (int i = 0; i < a->nlayers; i++) {
        const kr_layer *x = &a->layer[i], *y = &b->layer[i];
        if (x->in != y->in || x->out != y->out || x->w != y->w || x->b != y->b || x->idt != y->idt) return 0;
        if (kr_layer_skip(x) != kr_layer_skip(y) || x->activation.kind != y->activation.kind) return 0;
        if (x->activation.threshold != y->activation.threshold || x->trainable != y->trainable) return 0;
        if (x->stored != y->stored) return 0;
    }
    return 1;
}

static inline int same_attention(const kr_attention *x, const kr_attention *y) {
    return same_net(x->in_proj, y->in_proj) && same_net(x->out_proj, y->out_proj) && x->num_heads == y->num_heads &&
           x->hidden == y->hidden && x->dotr == y->dotr && x->normalize == y->normalize && x->smooth == y->smooth &&
           x->has_temperature == y->has_temperature && x->trainable_ln == y->trainable_ln &&
           x->scaling_factor == y->scaling_factor && x->temperature == y->temperature && x->ln_eps == y->ln_eps &&
           x->shortest == y->shortest && x->ln_w == y->ln_w && x->ln_b == y->ln_b;
}

static inline void assert_same_descriptor(const kr_model *ma, const kr_model *mb) {
    const kr_descriptor *a = &ma->descriptor, *b = &mb->descriptor;
    size_t nt = (size_t)ma->ntypes;
    assert_string_equal(a->type, b->type);
    assert_true(a->rcut == b->rcut && a->rcut_smth == b->rcut_smth && a->env_protection == b->env_protection);
    assert_true(a->nsel == b->nsel && a->nneuron == b->nneuron && a->axis_neuron == b->axis_neuron);
    assert_memory_equal(a->sel, b->sel, (size_t)a->nsel * sizeof *a->sel);
    assert_memory_equal(a->neuron, b->neuron, (size_t)a->nneuron * sizeof *a->neuron);
    assert_true(a->type_one_side == b->type_one_side && a->set_davg_zero == b->set_davg_zero);
    assert_true(a->resnet_dt == b->resnet_dt && a->trainable == b->trainable && a->precision == b->precision);
    assert_int_equal(a->activation.kind, b->activation.kind);
    assert_true(a->lmax == b->lmax && a->separate_degrees == b->separate_degrees);
    assert_true(a->dim_out == b->dim_out && a->ncolumns == b->ncolumns && a->nembedding == b->nembedding);
    assert_memory_equal(a->excluded, b->excluded, nt * nt);
    assert_true(same_numbers(nt * (size_t)a->nnei * (size_t)a->ncolumns, a->davg, b->davg));
    assert_true(same_numbers(nt * (size_t)a->nnei * (size_t)a->ncolumns, a->dstd, b->dstd));
    for (int i = 0; i < a->nembedding; i++) assert_true(same_net(a->embedding[i], b->embedding[i]));
    assert_true(same_net(a->type_embedding, b->type_embedding) && same_net(a->embedding_strip, b->embedding_strip));
    assert_true(a->tebd_dim == b->tebd_dim && a->strip == b->strip && a->type_padding == b->type_padding);
    assert_true(a->smooth_type_embedding == b->smooth_type_embedding && a->tensorflow == b->tensorflow);
    assert_true(a->concat_output_tebd == b->concat_output_tebd && a->use_econf_tebd == b->use_econf_tebd);
    assert_true(a->use_tebd_bias == b->use_tebd_bias && a->attn == b->attn && a->attn_layer == b->attn_layer);
    assert_true(a->attn_dotr == b->attn_dotr && a->attn_mask == b->attn_mask && a->normalize == b->normalize);
    assert_true(a->has_temperature == b->has_temperature && a->temperature == b->temperature);
    assert_true(a->scaling_factor == b->scaling_factor && a->ln_eps == b->ln_eps);
    for (int i = 0; i < a->attn_layer; i++) assert_true(same_attention(&a->attention[i], &b->attention[i]));
}

static inline void assert_same_fitting(const kr_model *ma, const kr_model *mb) {
    const kr_fitting *a = &ma->fitting, *b = &mb->fitting;
    size_t nt = (size_t)ma->ntypes, nf = (size_t)a->numb_fparam, na = (size_t)a->numb_aparam;
    assert_true(a->dim_descrpt == b->dim_descrpt && a->numb_fparam == b->numb_fparam);
    assert_true(a->numb_aparam == b->numb_aparam && a->dim_case_embd == b->dim_case_embd);
    assert_true(a->use_aparam_as_mask == b->use_aparam_as_mask && a->mixed_types == b->mixed_types);
    assert_true(a->nneuron == b->nneuron && a->resnet_dt == b->resnet_dt && a->tot_ener_zero == b->tot_ener_zero);
    assert_true(a->precision == b->precision && a->activation.kind == b->activation.kind);
    assert_memory_equal(a->trainable, b->trainable, (size_t)(a->nneuron + 1) * sizeof(int));
    assert_true(same_numbers(nf, a->default_fparam, b->default_fparam) &&
                same_numbers(nt, a->bias_atom_e, b->bias_atom_e));
    assert_true(same_numbers(nf, a->fparam_avg, b->fparam_avg) &&
                same_numbers(nf, a->fparam_inv_std, b->fparam_inv_std));
    assert_true(same_numbers(na, a->aparam_avg, b->aparam_avg) &&
                same_numbers(na, a->aparam_inv_std, b->aparam_inv_std));
    assert_true(same_numbers(nt, a->atom_ener, b->atom_ener));
    if (a->atom_ener) assert_memory_equal(a->has_atom_ener, b->has_atom_ener, nt);
    assert_memory_equal(a->excluded, b->excluded, nt);
    assert_int_equal(a->nnets, b->nnets);
    for (int i = 0; i < a->nnets; i++) assert_true(same_net(a->net[i], b->net[i]));
}

static inline void assert_same_model(const kr_model *a, const kr_model *b) {
    size_t nt = (size_t)a->ntypes;
    assert_int_equal(a->ntypes, b->ntypes);
    for (int i = 0; i < a->ntypes; i++) assert_string_equal(a->type_map[i], b->type_map[i]);
    assert_int_equal(a->ntheta, b->ntheta);
    assert_int_equal(a->nblocks, b->nblocks);
    for (int i = 0; i < a->nblocks; i++) {
        const kr_block *x = &a->block[i], *y = &b->block[i];
        if (strcmp(x->name, y->name) || memcmp(a->theta + x->offset, b->theta + y->offset, x->count * sizeof(double)))
            print_error("block %s differs from block %s\n", x->name, y->name);
        assert_string_equal(x->name, y->name);
        assert_true(x->offset == y->offset && x->rows == y->rows && x->columns == y->columns);
        assert_memory_equal(a->theta + x->offset, b->theta + y->offset, x->count * sizeof(double));
    }
    assert_true(same_numbers(nt, a->out_bias, b->out_bias) && same_numbers(nt, a->out_std, b->out_std));
    assert_memory_equal(a->atom_excluded, b->atom_excluded, nt);
    assert_memory_equal(a->pair_excluded, b->pair_excluded, nt * nt);
    assert_true(a->has_min_nbor_dist == b->has_min_nbor_dist && a->min_nbor_dist == b->min_nbor_dist);
    assert_same_descriptor(a, b);
    assert_same_fitting(a, b);
}

#endif
