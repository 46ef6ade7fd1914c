// SPDX-License-Identifier: Apache-2.0

// Integer convolution of one image with the layout of integer_quads.h: blocks of output pixels
// times pairs of weight panels, or lines of a depthwise convolution.

/// Bytes of scratch: rows as gathered, and 16 more (depthwise: interleaved columns), their sums,
/// accumulators of a masked run.
typedef struct ck_quad_scratch {
    ptrdiff_t rows, sums, accumulators;
} ck_quad_scratch;

CK_INLINE ck_quad_scratch quad_scratch(const ck_integer_convolution *c) {
    const ck_plan *plan = &c->plan;
    const ck_geometry *g = &plan->geometry;
    ck_quad_scratch sizes = {0, 0, plan->block_rows * 2 * CK_PANEL * (ptrdiff_t)sizeof(int32_t)};
    if (plan->method == CK_DEPTHWISE) {
        sizes.rows = depthwise_columns(g) * ((g->kernel_height + 3) / 4) * 64;
        sizes.accumulators =
            g->output_width * g->output_channels * (ptrdiff_t)sizeof(int32_t);
        return sizes;
    }
    if (!is_direct(plan)) sizes.rows = ck_round_up(plan->block_rows * c->padded_depth + 16, 64);
    if (c->offsets) {
        sizes.sums = ck_round_up(plan->block_rows * (ptrdiff_t)sizeof(int32_t), 64);
    }
    return sizes;
}

CK_FUNCTION size_t integer_convolution_scratch(const ck_integer_convolution *c) {
    ck_quad_scratch sizes = quad_scratch(c);
    return (size_t)(sizes.rows + sizes.sums + ck_round_up(sizes.accumulators, 64));
}

/// One block of rows against panel `panel` of a group and the one behind it, if there is one.
CK_FUNCTION void quad_block(
    const ck_integer_convolution *c, ptrdiff_t group, ptrdiff_t panel, ptrdiff_t rows,
    const ck_quad_rows *a, ck_sink sink) {
    ptrdiff_t index = group * c->plan.panels + panel;
    int vectors = panel + 1 < c->plan.panels ? 2 : 1;
    ck_quad_panels panels = {.panel_bytes = c->parts * c->padded_depth * CK_PANEL, .parts = 1};
    panels.weights = (const int8_t *)c->weights + index * panels.panel_bytes;
    for (int v = 0; v < vectors; v++) {
        ptrdiff_t slot = (index + v) * CK_PANEL;
        ptrdiff_t left = c->plan.group_output - (panel + v) * CK_PANEL;
        ck_sink half = sink_at(sink, 0, v * CK_PANEL);
        panels.lanes[v] = sink.bytes ? make_lanes(1, left, c->constants + slot, &half)
                                     : make_lanes(0, left, c->constants + slot, &half);
        if (c->offsets) panels.offsets[v] = _mm512_load_si512(c->offsets + slot);
        if (c->panel_parts[index + v] > panels.parts) panels.parts = c->panel_parts[index + v];
    }
    if (sink.bytes) {
        quad_bytes(rows, a, vectors, &panels, &sink);
    } else {
        quad_sums(rows, a, vectors, &panels, &sink);
    }
}

/// Output pixels [first_row, end_row) into `sink`; with `pass`, through accumulators, and its mask
/// too.
CK_FUNCTION void quad_convolution(
    const ck_integer_convolution *c, const uint8_t *input, ptrdiff_t first_row, ptrdiff_t end_row,
    ck_sink sink, const ck_pass *pass, uint8_t *scratch) {
    const ck_plan *plan = &c->plan;
    const ck_geometry *g = &plan->geometry;
    ptrdiff_t mask_stride = ck_mask_stride(g->output_channels);
    ck_quad_scratch sizes = quad_scratch(c);
    int32_t *row_sums = c->offsets ? (int32_t *)(scratch + sizes.rows) : NULL;
    int32_t *accumulators = (int32_t *)(scratch + sizes.rows + sizes.sums);
    for (ptrdiff_t group = 0; group < g->groups; group++) {
        for (ptrdiff_t row = first_row; row < end_row; row += plan->block_rows) {
            ptrdiff_t left = end_row - row;
            ptrdiff_t rows = left < plan->block_rows ? left : plan->block_rows;
            ck_quad_rows a = {
                .bytes = scratch, .stride = c->padded_depth, .quads = c->padded_depth / 4,
                .sums = row_sums};
            if (is_direct(plan)) {
                a.bytes = input + row * g->input_channels + group * plan->group_input;
                a.stride = g->input_channels;
            } else {
                gather_quads(c, group, row, rows, input, scratch);
            }
            if (row_sums) quad_row_sums(rows, a.bytes, a.stride, c->padded_depth, row_sums);
            for (ptrdiff_t panel = 0; panel < plan->panels; panel += 2) {
                ptrdiff_t first = group * plan->group_output + panel * CK_PANEL;
                ck_sink block = sink_at(sink, row - first_row, first);
                if (!pass) {
                    quad_block(c, group, panel, rows, &a, block);
                    continue;
                }
                ptrdiff_t rest = plan->group_output - panel * CK_PANEL;
                ck_sink sums = {.sums = accumulators, .stride = 2 * CK_PANEL};
                quad_block(c, group, panel, rows, &a, sums);
                requantize_masked(
                    rows, rest < 2 * CK_PANEL ? rest : 2 * CK_PANEL, accumulators, 2 * CK_PANEL,
                    block.bias, block.multipliers, sink.target, block.bytes, sink.stride,
                    pass->low + first, pass->high + first, pass->mask + row * mask_stride,
                    mask_stride, first);
            }
        }
    }
}

/// Output rows [first, end) of a depthwise convolution.
CK_FUNCTION void quad_depthwise(
    const ck_integer_convolution *c, const uint8_t *input, ptrdiff_t first, ptrdiff_t end,
    ck_sink sink, const ck_pass *pass, uint8_t *scratch) {
    const ck_geometry *g = &c->plan.geometry;
    ptrdiff_t channels = g->output_channels, width = g->output_width;
    ptrdiff_t mask_stride = ck_mask_stride(channels);
    int32_t *accumulators = (int32_t *)(scratch + quad_scratch(c).rows);
    for (ptrdiff_t oy = first; oy < end; oy++) {
        ck_sink line = sink_at(sink, (oy - first) * width, 0);
        if (!pass) {
            depthwise_line(c, oy, input, scratch, line);
            continue;
        }
        ck_sink sums = {.sums = accumulators, .stride = channels};
        depthwise_line(c, oy, input, scratch, sums);
        requantize_masked(
            width, channels, accumulators, channels, line.bias, line.multipliers, sink.target,
            line.bytes, channels, pass->low, pass->high, pass->mask + oy * width * mask_stride,
            mask_stride, 0);
    }
}

/// Output rows [first, end); with `pass`, all of them.
CK_FUNCTION void quad_run(
    const ck_integer_convolution *c, const uint8_t *input, ptrdiff_t first, ptrdiff_t end,
    ck_sink sink, const ck_pass *pass, void *scratch) {
    if (c->plan.method == CK_DEPTHWISE) {
        quad_depthwise(c, input, first, end, sink, pass, scratch);
    } else {
        ptrdiff_t width = c->plan.geometry.output_width;
        quad_convolution(c, input, first * width, end * width, sink, pass, scratch);
    }
}

CK_FUNCTION void integer_convolution_accumulate(
    const ck_integer_convolution *c, const uint8_t *input, ptrdiff_t first, ptrdiff_t end,
    int32_t *accumulators, void *scratch) {
    assert((uintptr_t)scratch % 64 == 0);
    ck_sink sink = {.sums = accumulators, .stride = c->plan.geometry.output_channels};
    quad_run(c, input, first, end, sink, NULL, scratch);
}

CK_FUNCTION void integer_convolution_run(
    const ck_integer_convolution *c, const uint8_t *input, uint8_t *output, const int32_t *bias,
    const float *multipliers, ck_target target, const ck_pass *pass, void *scratch) {
    assert((uintptr_t)scratch % 64 == 0);
    ptrdiff_t channels = c->plan.geometry.output_channels;
    if (pass) memset(pass->mask, 0, (size_t)(c->plan.rows * ck_mask_stride(channels)));
    ck_sink sink = {
        .bytes = output, .stride = channels, .bias = bias, .multipliers = multipliers,
        .target = target};
    quad_run(c, input, 0, c->plan.geometry.output_height, sink, pass, scratch);
}
