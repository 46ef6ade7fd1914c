// SPDX-License-Identifier: Apache-2.0

// Packed integer convolutions: creation and destruction. The layout belongs to the instruction set.
#include "plan.h"

#include <stdlib.h>
#include <string.h>

void *ck_allocate(ptrdiff_t bytes) {
    size_t padded = (size_t)ck_round_up(bytes, 64);
    void *memory = aligned_alloc(64, padded);
    return memory ? memset(memory, 0, padded) : NULL;
}

ck_integer_convolution *ck_integer_convolution_create(
    const ck_isa *isa, const ck_geometry *geometry, const int16_t *weights,
    uint8_t input_zero_point) {
    ck_integer_convolution *c = calloc(1, sizeof *c);
    if (!c) return NULL;
    c->isa = isa;
    c->plan = ck_make_plan(geometry, sizeof(int16_t));
    c->input_zero_point = input_zero_point;
    if (isa->integer_pack(c, weights)) return c;
    ck_integer_convolution_destroy(c);
    return NULL;
}

void ck_integer_convolution_destroy(ck_integer_convolution *c) {
    if (!c) return;
    free(c->weights), free(c->panel_parts), free(c->constants), free(c->offsets);
    free(c->extra_starts), free(c->extra_quads), free(c->extra_weights);
    free(c);
}
