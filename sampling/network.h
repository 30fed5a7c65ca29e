/* First parameters of networks. SPDX-License-Identifier: BSD-3-Clause */
#ifndef KR_SAMPLING_NETWORK_H
#define KR_SAMPLING_NETWORK_H

#include "core/net.h"
#include "core/random.h"

/* Weights uniform in ±sqrt(6/(in + out)) (Glorot), by step `which` of the stream; biases stay as they are. */
void kr_network_initialize(const kr_net *net, double *theta, kr_stream stream, uint64_t which);
/* The first weights times `factor`, and the middle of every first unit anywhere within ±1.5 of the standardized inputs
 * instead of at their mean: steep or bent functions are within reach from the start. 0: nothing. */
void kr_network_sharpen(const kr_net *net, double *theta, double factor, kr_stream stream);

#endif
