// Packed integer convolutions: creation, layout of weights, scratch size.
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "plan.h"

static void pack_depthwise(ck_integer_convolution *c, const int16_t *weights) {
    const ck_plan *plan = &c->plan;
    ptrdiff_t padded = plan->panels * CK_PANEL;
    for (ptrdiff_t channel = 0; channel < plan->geometry.output_channels; channel++) {
        for (ptrdiff_t tap = 0; tap < plan->depth; tap++) {
            c->weights[tap * padded + channel] = weights[channel * plan->depth + tap];
        }
    }
}

static void pack_panels(ck_integer_convolution *c, const int16_t *weights) {
    const ck_plan *plan = &c->plan;
    for (ptrdiff_t channel = 0; channel < plan->geometry.output_channels; channel++) {
        ptrdiff_t group = channel / plan->group_output, within = channel % plan->group_output;
        ptrdiff_t panel = group * plan->panels + within / CK_PANEL;
        int16_t *packed =
            c->weights + panel * c->padded_depth * CK_PANEL + within % CK_PANEL * 2;
        for (ptrdiff_t k = 0; k < plan->depth; k++) {
            packed[k / 2 * (2 * CK_PANEL) + k % 2] = weights[channel * plan->depth + k];
        }
    }
}

ck_integer_convolution *ck_integer_convolution_create(
    const ck_geometry *geometry, const int16_t *weights, uint8_t input_zero_point) {
    ck_integer_convolution *c = calloc(1, sizeof *c);
    if (!c) return NULL;
    c->plan = ck_make_plan(geometry, sizeof(int16_t));
    c->input_zero_point = input_zero_point;
    const ck_plan *plan = &c->plan;
    int is_depthwise = plan->method == CK_DEPTHWISE;
    c->padded_depth = is_depthwise ? plan->depth : ck_round_up(plan->depth, 2);
    ptrdiff_t groups = is_depthwise ? 1 : geometry->groups;
    size_t elements = (size_t)(groups * plan->panels * CK_PANEL * c->padded_depth);
    size_t bytes = (size_t)ck_round_up((ptrdiff_t)(elements * sizeof(int16_t)), 64);
    c->weights = aligned_alloc(64, bytes);
    if (!c->weights) {
        ck_integer_convolution_destroy(c);
        return NULL;
    }
    memset(c->weights, 0, bytes);
    if (is_depthwise) {
        pack_depthwise(c, weights);
    } else {
        pack_panels(c, weights);
    }
    return c;
}

void ck_integer_convolution_destroy(ck_integer_convolution *c) {
    if (!c) return;
    free(c->weights);
    free(c);
}

/// Widened rows, then one panel of accumulators (depthwise: one output row of accumulators).
size_t ck_integer_convolution_scratch(const ck_integer_convolution *c) {
    const ck_plan *plan = &c->plan;
    ptrdiff_t rows = 0, width = plan->geometry.output_channels;
    if (plan->method != CK_DEPTHWISE) {
        rows = plan->block_rows * c->padded_depth * (ptrdiff_t)sizeof(int16_t);
        width = CK_PANEL;
    }
    ptrdiff_t accumulators = plan->block_rows * width * (ptrdiff_t)sizeof(int32_t);
    return (size_t)(ck_round_up(rows, 64) + ck_round_up(accumulators, 64));
}
