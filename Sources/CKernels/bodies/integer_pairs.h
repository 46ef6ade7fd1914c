// SPDX-License-Identifier: Apache-2.0

// Weights for an instruction that multiplies unsigned with signed bytes and adds neighbours in 16
// bits, where it would saturate (vpmaddubsw): a pair of bytes holds at most 128 of either sign, so
// that 255 times it fits. What a weight has beyond that goes to further quads of 8 channels: up to
// seven thousandths of all in trained networks where one scale serves a tensor, an eighth to a
// third where every channel has its own (benchmarks/NOTES.md).
//
//   weights        [group][panel][quad][16][4], four steps of the reduction constants      -zero
//   point * sum of the weights, [group][panels * 16] extra_starts   half panel h, 8 channels, has
//   the extra quads [extra_starts[h], extra_starts[h + 1]) extra_quads    which quad of the
//   reduction each belongs to extra_weights  [extra][8][4]
//
// Then sum((x - zero) * w) = constant + sum(x * weights) + sum(x * extra_weights), all modulo 2^32.
// Padding is the zero point.

/// Largest sum of one sign in a pair.
#define CK_PAIR_MOST 128

/// Moves from `rest` what a signed byte and `room` of its sign take.
CK_INLINE int8_t take_byte(int32_t *rest, int32_t room) {
    int32_t lower = -room, upper = room < 127 ? room : 127;
    int32_t taken = *rest < lower ? lower : *rest > upper ? upper : *rest;
    *rest -= taken;
    return (int8_t)taken;
}

/// Moves from a quad of weights what two pairs of bytes take; whether anything is left.
CK_INLINE int take_quad(int32_t rest[4], int8_t taken[4]) {
    int is_left = 0;
    for (int i = 0; i < 4; i += 2) {
        taken[i] = take_byte(&rest[i], CK_PAIR_MOST);
        int32_t used = taken[i] < 0 ? -taken[i] : taken[i];
        int is_same_sign = (taken[i] < 0) == (rest[i + 1] < 0);
        taken[i + 1] = take_byte(&rest[i + 1], is_same_sign ? CK_PAIR_MOST - used : CK_PAIR_MOST);
        is_left |= rest[i] | rest[i + 1];
    }
    return is_left != 0;
}

/// Extra quads of a half panel, of which `channels` exist, and their weights unless `quads` is
/// NULL.
CK_FUNCTION ptrdiff_t pack_extras(
    const ck_plan *plan, const int16_t *weights, ptrdiff_t channels, int32_t *quads,
    int8_t *bytes) {
    ptrdiff_t count = 0;
    for (ptrdiff_t k = 0; k < plan->depth; k += 4) {
        ptrdiff_t most = 0;
        for (ptrdiff_t channel = 0; channel < channels; channel++) {
            int32_t rest[4] = {0, 0, 0, 0};
            int8_t taken[4];
            for (ptrdiff_t i = 0; i < 4 && k + i < plan->depth; i++) {
                rest[i] = weights[channel * plan->depth + k + i];
            }
            ptrdiff_t extras = 0;
            for (int is_left = take_quad(rest, taken); is_left; extras++) {
                is_left = take_quad(rest, taken);
                if (!quads) continue;
                quads[count + extras] = (int32_t)(k / 4);
                memcpy(bytes + (count + extras) * 32 + channel * 4, taken, 4);
            }
            if (extras > most) most = extras;
        }
        count += most;
    }
    return count;
}

/// Extra quads of half panel `half`, counted over all groups; packed unless `quads` is NULL.
CK_FUNCTION ptrdiff_t pack_half(
    const ck_plan *plan, const int16_t *weights, ptrdiff_t half, int32_t *quads, int8_t *bytes) {
    ptrdiff_t group = half / (2 * plan->panels);
    ptrdiff_t first = half % (2 * plan->panels) * 8, left = plan->group_output - first;
    if (left <= 0) return 0;
    return pack_extras(
        plan, weights + (group * plan->group_output + first) * plan->depth, left < 8 ? left : 8,
        quads, bytes);
}

/// Whether few enough weights exceed a pair for this layout to be faster than int16: further quads
/// for two fifths.
CK_FUNCTION int is_fit_for_pairs(const ck_plan *plan, const int16_t *weights) {
    ptrdiff_t groups = plan->geometry.groups, extras = 0;
    for (ptrdiff_t half = 0; half < 2 * groups * plan->panels; half++) {
        extras += pack_half(plan, weights, half, NULL, NULL);
    }
    ptrdiff_t quads = groups * ((plan->group_output + 7) / 8) * ((plan->depth + 3) / 4);
    return 5 * extras <= 2 * quads;
}

CK_FUNCTION int pack_pairs(ck_integer_convolution *c, const int16_t *weights) {
    const ck_plan *plan = &c->plan;
    c->padded_depth = ck_round_up(plan->depth, 4);
    ptrdiff_t panels = plan->geometry.groups * plan->panels;
    ptrdiff_t panel_bytes = c->padded_depth * CK_PANEL;
    int8_t *packed = c->weights = ck_allocate(panels * panel_bytes);
    c->constants = ck_allocate(panels * CK_PANEL * (ptrdiff_t)sizeof(int32_t));
    c->extra_starts = ck_allocate((2 * panels + 1) * (ptrdiff_t)sizeof(int32_t));
    if (!packed || !c->constants || !c->extra_starts) return 0;
    for (ptrdiff_t channel = 0; channel < plan->geometry.output_channels; channel++) {
        const int16_t *w = weights + channel * plan->depth;
        ptrdiff_t group = channel / plan->group_output, within = channel % plan->group_output;
        ptrdiff_t panel = group * plan->panels + within / CK_PANEL;
        int8_t *column = packed + panel * panel_bytes + within % CK_PANEL * 4;
        int32_t sum = 0;
        for (ptrdiff_t k = 0; k < plan->depth; k += 4) {
            int32_t rest[4] = {0, 0, 0, 0};
            for (ptrdiff_t i = 0; i < 4 && k + i < plan->depth; i++) sum += rest[i] = w[k + i];
            take_quad(rest, column + k * CK_PANEL);
        }
        c->constants[panel * CK_PANEL + within % CK_PANEL] =
            (int32_t)(0u - (uint32_t)c->input_zero_point * (uint32_t)sum);
    }
    // Counted first, then packed.
    for (int is_packed = 0; is_packed < 2; is_packed++) {
        for (ptrdiff_t half = 0; half < 2 * panels; half++) {
            ptrdiff_t start = c->extra_starts[half];
            ptrdiff_t count = pack_half(
                plan, weights, half, is_packed ? c->extra_quads + start : NULL,
                is_packed ? c->extra_weights + start * 32 : NULL);
            c->extra_starts[half + 1] = (int32_t)(start + count);
        }
        if (is_packed) break;
        ptrdiff_t extras = c->extra_starts[2 * panels];
        c->extra_quads = ck_allocate((extras + 1) * (ptrdiff_t)sizeof(int32_t));
        c->extra_weights = ck_allocate((extras + 1) * 32);
        if (!c->extra_quads || !c->extra_weights) return 0;
    }
    return 1;
}

/// Copies a run; a short one in two steps that overlap, since a call of memcpy takes longer.
CK_INLINE void copy_run(uint8_t *target, const uint8_t *source, ptrdiff_t count) {
    if (count > 16) {
        memcpy(target, source, (size_t)count);
    } else if (count >= 8) {
        uint64_t first, last;
        memcpy(&first, source, 8), memcpy(&last, source + count - 8, 8);
        memcpy(target, &first, 8), memcpy(target + count - 8, &last, 8);
    } else {
        for (ptrdiff_t i = 0; i < count; i++) target[i] = source[i];
    }
}
