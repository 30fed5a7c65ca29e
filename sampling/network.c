/* First parameters of networks.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * With all biases 0 every unit bends at the same place, and to bend elsewhere the network has to move them there, which
 * a functional that hardly rewards it may never do: the logit of a double well's committor stayed a straight line. */
#include "sampling/network.h"
#include <math.h>

void kr_network_initialize(const kr_net *net, double *theta, kr_stream stream, uint64_t which) {
    for (int l = 0; l < net->nlayers; l++) {
        const kr_layer *layer = &net->layer[l];
        double range = sqrt(6.0 / (layer->in + layer->out));
        for (long i = 0; i < (long)layer->in * layer->out; i++)
            theta[layer->w + (size_t)i] = range * (2 * kr_random_uniform(stream, which, (uint64_t)i, (uint64_t)l) - 1);
    }
}

void kr_network_sharpen(const kr_net *net, double *theta, double factor, kr_stream stream) {
    const kr_layer *first = &net->layer[0];
    double *w = theta + first->w, *bias = theta + first->b;
    for (int i = 0; i < first->in && factor > 0; i++)
        for (int k = 0; k < first->out; k++) {
            double *one = &w[i * first->out + k];
            *one *= factor;
            bias[k] -= *one * 3 * (kr_random_uniform(stream, 1, (uint64_t)k, (uint64_t)i) - 0.5);
        }
}
