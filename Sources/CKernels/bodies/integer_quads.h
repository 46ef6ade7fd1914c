// SPDX-License-Identifier: Apache-2.0

// Weights for instructions that multiply four unsigned with four signed bytes and add: the layout.
//
//   weights      [group][panel][part][quad][16][4]; a quad is four steps of the reduction
//   (depthwise:
//                [panel][part][row quad][kernel column][16][4], four kernel rows of one column)
//   offsets      a channel's weights are offset + part 0; 0 and NULL where no channel needs one
//   panel_parts  parts of a panel that are not zero throughout: 1 wherever a channel's weights span
//                at most 255, as those of 8 bits do (depthwise: where they fit a signed byte, since
//                it has no offsets)
//   constants    -zero point * sum of the weights, [group][panels * 16]
//
// Then sum((x - zero) * w) = constant + offset * sum(x) + sum over parts(sum(x * part)), all modulo
// 2^32. Padding is the zero point.

/// Columns that one output row reads, padding included.
CK_INLINE ptrdiff_t depthwise_columns(const ck_geometry *g) {
    return (g->output_width - 1) * g->stride_width + (g->kernel_width - 1) * g->dilation_width + 1;
}

/// The part of `weight` for a signed byte; the rest goes to the next part.
CK_INLINE int32_t byte_part(int32_t weight) {
    return weight < -128 ? -128 : weight > 127 ? 127 : weight;
}

/// Where step `k` of a channel lies in its panel part.
CK_INLINE ptrdiff_t quad_index(const ck_plan *plan, ptrdiff_t k) {
    if (plan->method != CK_DEPTHWISE) return k / 4 * 64 + k % 4;
    ptrdiff_t ky = k / plan->geometry.kernel_width, kx = k % plan->geometry.kernel_width;
    return (ky / 4 * plan->geometry.kernel_width + kx) * 64 + ky % 4;
}

/// What packing has to know of a channel's weights.
typedef struct weight_span {
    int32_t least, most, sum;
} weight_span;

CK_INLINE weight_span span_of(ptrdiff_t count, const int16_t *weights) {
    assert(count > 0);
    weight_span span = {weights[0], weights[0], 0};
    for (ptrdiff_t k = 0; k < count; k++) {
        span.least = weights[k] < span.least ? weights[k] : span.least;
        span.most = weights[k] > span.most ? weights[k] : span.most;
        span.sum += weights[k];
    }
    return span;
}

/// What brings the weights of a channel into a signed byte; 0 if nothing does.
CK_INLINE int32_t byte_offset(weight_span span) {
    if (span.most - span.least > 255) return 0;
    return span.most > 127 ? span.most - 127 : span.least < -128 ? span.least + 128 : 0;
}

/// Signed bytes that add up to `rest`: more for larger magnitudes of the same sign.
CK_INLINE ptrdiff_t part_count(int32_t rest) {
    ptrdiff_t parts = 1;
    for (; rest != byte_part(rest); parts++) rest -= byte_part(rest);
    return parts;
}

/// Quads of weights that need one part and no depthwise order.
CK_INLINE void pack_quads(
    ptrdiff_t depth, const int16_t *weights, int32_t offset, int8_t *column) {
    ptrdiff_t k = 0;
    for (; k + 4 <= depth; k += 4, column += 64) {
        for (int step = 0; step < 4; step++) column[step] = (int8_t)(weights[k + step] - offset);
    }
    for (int step = 0; k + step < depth; step++)
        column[step] = (int8_t)(weights[k + step] - offset);
}

/// Rows per block: whole tiles of 14, as many as the second-level cache takes.
CK_INLINE ptrdiff_t quad_block_rows(const ck_plan *plan, ptrdiff_t row_bytes) {
    ptrdiff_t most = 128 * 1024 / row_bytes;
    if (most > 448) most = 448;
    if (most < 28) most = 28;
    ptrdiff_t blocks = (plan->rows + most - 1) / most;
    return ck_round_up((plan->rows + blocks - 1) / blocks, 14);
}

CK_FUNCTION int integer_pack(ck_integer_convolution *c, const int16_t *weights) {
    ck_plan *plan = &c->plan;
    const ck_geometry *g = &plan->geometry;
    int is_depthwise = plan->method == CK_DEPTHWISE;
    c->padded_depth = is_depthwise ? ck_round_up(g->kernel_height, 4) * g->kernel_width
                                   : ck_round_up(plan->depth, 4);
    if (!is_depthwise) plan->block_rows = quad_block_rows(plan, c->padded_depth);
    ptrdiff_t panels = (is_depthwise ? 1 : g->groups) * plan->panels;
    ptrdiff_t per_group = is_depthwise ? g->output_channels : plan->group_output;
    c->panel_parts = ck_allocate(panels + 1);
    c->constants = ck_allocate(panels * CK_PANEL * (ptrdiff_t)sizeof(int32_t));
    c->offsets = ck_allocate(panels * CK_PANEL * (ptrdiff_t)sizeof(int32_t));
    if (!c->panel_parts || !c->constants || !c->offsets) return 0;
    memset(c->panel_parts, 1, (size_t)panels);
    int has_offsets = 0;
    c->parts = 1;
    for (ptrdiff_t channel = 0; channel < g->output_channels; channel++) {
        ptrdiff_t slot = channel / per_group * plan->panels * CK_PANEL + channel % per_group;
        const int16_t *w = weights + channel * plan->depth;
        weight_span span = span_of(plan->depth, w);
        int32_t offset = is_depthwise ? 0 : byte_offset(span);
        ptrdiff_t low = part_count(span.least - offset), high = part_count(span.most - offset);
        ptrdiff_t parts = low > high ? low : high;
        if (parts > c->panel_parts[slot / CK_PANEL]) {
            c->panel_parts[slot / CK_PANEL] = (uint8_t)parts;
        }
        if (parts > c->parts) c->parts = parts;
        c->offsets[slot] = offset;
        has_offsets |= offset != 0;
        c->constants[slot] = (int32_t)(0u - (uint32_t)c->input_zero_point * (uint32_t)span.sum);
    }
    int8_t *packed = c->weights = ck_allocate(panels * c->parts * c->padded_depth * CK_PANEL);
    if (!packed) return 0;
    for (ptrdiff_t channel = 0; channel < g->output_channels; channel++) {
        ptrdiff_t slot = channel / per_group * plan->panels * CK_PANEL + channel % per_group;
        ptrdiff_t panel_bytes = c->parts * c->padded_depth * CK_PANEL;
        int8_t *column = packed + slot / CK_PANEL * panel_bytes + slot % CK_PANEL * 4;
        if (!is_depthwise && c->parts == 1) {
            pack_quads(plan->depth, weights + channel * plan->depth, c->offsets[slot], column);
            continue;
        }
        for (ptrdiff_t k = 0; k < plan->depth; k++) {
            int32_t rest = weights[channel * plan->depth + k] - c->offsets[slot];
            for (ptrdiff_t part = 0; part < c->parts; part++) {
                column[part * c->padded_depth * CK_PANEL + quad_index(plan, k)] =
                    (int8_t)byte_part(rest);
                rest -= byte_part(rest);
            }
        }
    }
    if (!has_offsets) {
        free(c->offsets);
        c->offsets = NULL;
    }
    return 1;
}

/// Copies a run; a short one in one step that also writes up to 15 bytes behind it.
CK_INLINE void copy_run(uint8_t *target, const uint8_t *source, ptrdiff_t count) {
    if (count > 16) {
        memcpy(target, source, (size_t)count);
        return;
    }
    __mmask16 mask = (__mmask16)((1u << count) - 1);
    _mm_storeu_si128((__m128i *)target, _mm_maskz_loadu_epi8(mask, source));
}
