// SPDX-License-Identifier: Apache-2.0

// Packed float convolutions: creation, layout of weights, scratch size; pairs of them.
#include "plan.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static void pack_depthwise(ck_float_convolution *c, const float *weights) {
    const ck_plan *plan = &c->plan;
    ptrdiff_t padded = plan->panels * CK_PANEL;
    for (ptrdiff_t channel = 0; channel < plan->geometry.output_channels; channel++) {
        for (ptrdiff_t tap = 0; tap < plan->depth; tap++) {
            c->weights[tap * padded + channel] = weights[channel * plan->depth + tap];
        }
    }
}

static void pack_panels(ck_float_convolution *c, const float *weights) {
    const ck_plan *plan = &c->plan;
    for (ptrdiff_t channel = 0; channel < plan->geometry.output_channels; channel++) {
        ptrdiff_t group = channel / plan->group_output, within = channel % plan->group_output;
        ptrdiff_t panel = group * plan->panels + within / CK_PANEL;
        float *packed = c->weights + panel * plan->depth * CK_PANEL + within % CK_PANEL;
        for (ptrdiff_t k = 0; k < plan->depth; k++) {
            packed[k * CK_PANEL] = weights[channel * plan->depth + k];
        }
    }
}

ck_float_convolution *ck_float_convolution_create(
    const ck_geometry *geometry, const float *weights, const float *bias, ck_clamp clamp) {
    ck_float_convolution *c = calloc(1, sizeof *c);
    if (!c) return NULL;
    c->plan = ck_make_plan(geometry, sizeof(float));
    c->clamp = clamp;
    const ck_plan *plan = &c->plan;
    ptrdiff_t groups = plan->method == CK_DEPTHWISE ? 1 : geometry->groups;
    size_t width = (size_t)(groups * plan->panels * CK_PANEL);
    size_t weight_bytes = width * (size_t)plan->depth * sizeof(float);
    c->weights = aligned_alloc(64, weight_bytes);
    c->bias = aligned_alloc(64, width * sizeof(float));
    if (!c->weights || !c->bias) {
        ck_float_convolution_destroy(c);
        return NULL;
    }
    memset(c->weights, 0, weight_bytes);
    memset(c->bias, 0, width * sizeof(float));
    if (plan->method == CK_DEPTHWISE) {
        pack_depthwise(c, weights);
        memcpy(c->bias, bias, (size_t)geometry->output_channels * sizeof(float));
    } else {
        pack_panels(c, weights);
        for (ptrdiff_t group = 0; group < groups; group++) {
            memcpy(
                c->bias + group * plan->panels * CK_PANEL, bias + group * plan->group_output,
                (size_t)plan->group_output * sizeof(float));
        }
    }
    return c;
}

void ck_float_convolution_destroy(ck_float_convolution *c) {
    if (!c) return;
    free(c->weights);
    free(c->bias);
    free(c);
}

size_t ck_float_convolution_scratch(const ck_float_convolution *c) {
    if (c->plan.method != CK_GATHERED) return 0;
    ptrdiff_t bytes = c->plan.block_rows * c->plan.depth * (ptrdiff_t)sizeof(float);
    return (size_t)ck_round_up(bytes, 64);
}

ptrdiff_t ck_float_statistics_rows(const ck_float_convolution *c) {
    const ck_geometry *g = &c->plan.geometry;
    ptrdiff_t bytes = g->output_width * g->output_channels * (ptrdiff_t)sizeof(float);
    return bytes < CK_STATISTICS_BYTES ? CK_STATISTICS_BYTES / bytes : 1;
}

int ck_float_pair_exists(
    const ck_float_convolution *pointwise, const ck_float_convolution *depthwise) {
    const ck_geometry *first = &pointwise->plan.geometry, *second = &depthwise->plan.geometry;
    return pointwise->plan.method == CK_POINTWISE && depthwise->plan.method == CK_DEPTHWISE
        && first->output_height == second->input_height
        && first->output_width == second->input_width
        && first->output_channels == second->input_channels;
}

static ptrdiff_t row_bytes(const ck_geometry *g) {
    return g->input_width * g->input_channels * (ptrdiff_t)sizeof(float);
}

ptrdiff_t ck_float_pair_rows(const ck_float_convolution *depthwise) {
    const ck_geometry *g = &depthwise->plan.geometry;
    ptrdiff_t least = (g->kernel_height - 1) * g->dilation_height + g->stride_height;
    ptrdiff_t rows = CK_BAND_BYTES / row_bytes(g);
    return rows > least ? rows : least;
}

int ck_float_pair_is_faster(const ck_float_convolution *depthwise) {
    const ck_geometry *g = &depthwise->plan.geometry;
    return g->input_height * row_bytes(g) > 2 * CK_BAND_BYTES;
}

size_t ck_float_pair_scratch(const ck_float_convolution *depthwise) {
    ptrdiff_t bytes = ck_float_pair_rows(depthwise) * row_bytes(&depthwise->plan.geometry);
    return (size_t)ck_round_up(bytes, 64);
}
