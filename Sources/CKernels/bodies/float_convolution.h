// SPDX-License-Identifier: Apache-2.0

// Float convolution of one image: blocks of output pixels times weight panels (float_gemm), or
// rows of pixels (CK_FLOAT_DEPTHWISE_ROW); and two of them, the second on the heels of the first.

/// Writes the windows of output pixels [first, first + rows) as matrix rows [rows][depth]; padding
/// is zero.
CK_FUNCTION void gather_float(
    const ck_plan *plan, ptrdiff_t group, ptrdiff_t first, ptrdiff_t rows, const float *input,
    float *gathered) {
    const ck_geometry *g = &plan->geometry;
    ptrdiff_t inputs = plan->group_input, width = g->kernel_width * inputs;
    int is_dense = g->groups == 1 && g->dilation_width == 1;
    ptrdiff_t oy = first / g->output_width, ox = first % g->output_width;
    while (rows > 0) {
        ptrdiff_t ix = ox * g->stride_width - g->pad_left;
        ck_taps columns = valid_taps(ix, g->dilation_width, g->kernel_width, g->input_width);
        // Pixels whose windows are whole lie at equal distances, so they are copied together.
        int is_whole = is_dense && columns.first == 0 && columns.end == g->kernel_width;
        ptrdiff_t run = is_whole ? uniform_run(g, ox, ix, columns) : 1;
        if (run > rows) run = rows;
        for (ptrdiff_t ky = 0; ky < g->kernel_height; ky++) {
            ptrdiff_t y = oy * g->stride_height - g->pad_top + ky * g->dilation_height;
            int is_inside = y >= 0 && y < g->input_height;
            const float *line =
                is_inside ? input + y * g->input_width * g->input_channels + group * inputs : input;
            float *target = gathered + ky * width;
            if (is_inside && is_whole) {
                const float *source = line + ix * inputs;
                for (ptrdiff_t pixel = 0; pixel < run; pixel++) {
                    copy_floats(width, source, target);
                    source += g->stride_width * inputs;
                    target += plan->depth;
                }
                continue;
            }
            for (ptrdiff_t pixel = 0; pixel < run; pixel++, target += plan->depth) {
                memset(target, 0, (size_t)width * sizeof(float));
            }
            if (!is_inside) continue;
            for (ptrdiff_t kx = columns.first; kx < columns.end; kx++) {
                ptrdiff_t x = ix + kx * g->dilation_width;
                memcpy(
                    gathered + ky * width + kx * inputs, line + x * g->input_channels,
                    (size_t)inputs * sizeof(float));
            }
        }
        gathered += run * plan->depth;
        rows -= run, ox += run;
        if (ox == g->output_width) ox = 0, oy++;
    }
}

/// One block of rows against all panels of one group; the reduction is cut so that a panel block
/// stays cached.
CK_FUNCTION void float_block(
    const ck_float_convolution *c, ptrdiff_t group, ptrdiff_t rows, ck_clamp clamp, const float *a,
    ptrdiff_t a_stride, float *output) {
    const ck_plan *plan = &c->plan;
    ptrdiff_t stride = plan->geometry.output_channels;
    const ptrdiff_t most = CK_FLOAT_PANELS * CK_PANEL, w_panel = plan->depth * CK_PANEL;
    for (ptrdiff_t panel = 0; panel < plan->panels; panel += CK_FLOAT_PANELS) {
        ptrdiff_t first = panel * CK_PANEL, left = plan->group_output - first;
        ptrdiff_t channels = left < most ? left : most;
        ptrdiff_t index = group * plan->panels + panel;
        const float *weights = c->weights + index * w_panel;
        const float *bias = c->bias + index * CK_PANEL;
        float *target = output + group * plan->group_output + first;
        for (ptrdiff_t k = 0; k < plan->depth; k += CK_FLOAT_DEPTH) {
            ptrdiff_t rest = plan->depth - k;
            int is_last = rest <= CK_FLOAT_DEPTH;
            float_gemm(
                rows, is_last ? rest : CK_FLOAT_DEPTH, a + k, a_stride, weights + k * CK_PANEL,
                w_panel, k == 0, is_last ? bias : NULL, clamp, channels, target, stride);
        }
    }
}

/// Output rows [first, end); `input` holds the input's rows from `top` on.
CK_FUNCTION void float_depthwise_rows(
    const ck_float_convolution *c, ck_clamp clamp, ptrdiff_t first, ptrdiff_t end,
    const float *input, ptrdiff_t top, float *output) {
    const ck_geometry *g = &c->plan.geometry;
    ptrdiff_t channels = g->output_channels, w_column = c->plan.panels * CK_PANEL;
    for (ptrdiff_t oy = first; oy < end; oy++, output += g->output_width * channels) {
        ptrdiff_t iy = oy * g->stride_height - g->pad_top;
        ck_taps rows = valid_taps(iy, g->dilation_height, g->kernel_height, g->input_height);
        iy += rows.first * g->dilation_height - top;
        CK_FLOAT_DEPTHWISE_ROW(
            c, clamp, rows.end - rows.first, input + iy * g->input_width * channels,
            c->weights + rows.first * g->kernel_width * w_column, output);
    }
}

/// Output pixels [first, end) of a convolution that is not depthwise; `input` is the whole image.
CK_FUNCTION void float_pixels(
    const ck_float_convolution *c, ck_clamp clamp, ptrdiff_t first, ptrdiff_t end,
    const float *input, float *output, void *scratch) {
    const ck_plan *plan = &c->plan;
    for (ptrdiff_t group = 0; group < plan->geometry.groups; group++) {
        for (ptrdiff_t row = first; row < end; row += plan->block_rows) {
            ptrdiff_t left = end - row;
            ptrdiff_t rows = left < plan->block_rows ? left : plan->block_rows;
            const float *a = scratch;
            ptrdiff_t a_stride = plan->depth;
            if (plan->method == CK_POINTWISE) {
                a_stride = plan->geometry.input_channels;
                a = input + row * a_stride + group * plan->group_input;
            } else {
                gather_float(plan, group, row, rows, input, scratch);
            }
            float_block(
                c, group, rows, clamp, a, a_stride,
                output + (row - first) * plan->geometry.output_channels);
        }
    }
}

/// Output rows [first, end) of any convolution. `input` is the whole image; of a depthwise one it
/// may begin at row `top`. With `statistics`, the clamp waits for theirs, which find the rows in
/// the cache.
CK_FUNCTION void float_rows(
    const ck_float_convolution *c, ptrdiff_t first, ptrdiff_t end, const float *input,
    ptrdiff_t top, float *output, const ck_statistics *statistics, void *scratch) {
    const ck_geometry *g = &c->plan.geometry;
    ptrdiff_t width = g->output_width;
    ck_clamp clamp = c->clamp;
    if (statistics) clamp.has_lower = clamp.has_upper = 0;
    if (c->plan.method == CK_DEPTHWISE) {
        float_depthwise_rows(c, clamp, first, end, input, top, output);
    } else {
        float_pixels(c, clamp, first * width, end * width, input, output, scratch);
    }
    if (statistics) {
        float_statistics(
            (end - first) * width, g->output_channels, output, c->clamp, *statistics);
    }
}

CK_FUNCTION void float_convolution_run(
    const ck_float_convolution *c, const float *input, float *output,
    const ck_statistics *statistics, void *scratch) {
    assert((uintptr_t)scratch % 64 == 0);
    const ck_geometry *g = &c->plan.geometry;
    ptrdiff_t row = g->output_width * g->output_channels, height = g->output_height;
    ptrdiff_t band = statistics ? ck_float_statistics_rows(c) : height;
    for (ptrdiff_t oy = 0; oy < height; oy += band) {
        ptrdiff_t end = oy + band < height ? oy + band : height;
        float_rows(c, oy, end, input, 0, output + oy * row, statistics, scratch);
    }
}

/// Rows [first, end) that no depthwise row reads: of interest to statistics alone.
CK_FUNCTION void float_unread_rows(
    const ck_float_convolution *pointwise, ptrdiff_t first, ptrdiff_t end, ptrdiff_t most,
    const float *input, float *band, const ck_statistics *statistics) {
    if (!statistics) return;
    for (ptrdiff_t next; first < end; first = next) {
        next = first + most < end ? first + most : end;
        float_rows(pointwise, first, next, input, 0, band, statistics, NULL);
    }
}

/// A pointwise convolution and the depthwise one that reads it. `scratch` holds as many rows
/// between them as `ck_float_pair_rows` says; those that the next output rows read again move to
/// its front.
CK_FUNCTION void float_pair_run(
    const ck_float_convolution *pointwise, const ck_float_convolution *depthwise,
    const float *input, float *output, const ck_statistics *statistics, void *scratch) {
    assert((uintptr_t)scratch % 64 == 0);
    float *band = scratch;
    const ck_statistics *between = statistics, *after = statistics ? statistics + 1 : NULL;
    const ck_geometry *g = &depthwise->plan.geometry;
    ptrdiff_t row = g->input_width * g->input_channels, most = ck_float_pair_rows(depthwise);
    ptrdiff_t reach = (g->kernel_height - 1) * g->dilation_height + 1;
    // Rows [top, bottom) are in the band.
    ptrdiff_t top = 0, bottom = 0;
    for (ptrdiff_t oy = 0, next; oy < g->output_height; oy = next) {
        ptrdiff_t first = oy * g->stride_height - g->pad_top;
        if (first < 0) first = 0;
        if (first > g->input_height) first = g->input_height;
        if (first < bottom) {
            memmove(
                band, band + (first - top) * row, (size_t)((bottom - first) * row) * sizeof *band);
        } else {
            float_unread_rows(pointwise, bottom, first, most, input, band, between);
            bottom = first;
        }
        top = first;
        ptrdiff_t end = top + most < g->input_height ? top + most : g->input_height;
        float_rows(pointwise, bottom, end, input, 0, band + (bottom - top) * row, between, NULL);
        bottom = end;
        next = (bottom - reach + g->pad_top) / g->stride_height + 1;
        if (bottom == g->input_height || next > g->output_height) next = g->output_height;
        float_rows(
            depthwise, oy, next, band, top, output + oy * g->output_width * g->output_channels,
            after, NULL);
    }
    float_unread_rows(pointwise, bottom, g->input_height, most, input, band, between);
}
