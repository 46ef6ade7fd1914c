// Float convolution of one image: blocks of output pixels times weight panels (float_gemm), or
// rows of pixels (CK_FLOAT_DEPTHWISE_ROW).

/// Writes the windows of output pixels [first, first + rows) as matrix rows [rows][depth]; padding
/// is zero.
CK_FUNCTION void gather_float(
    const ck_plan *plan, ptrdiff_t group, ptrdiff_t first, ptrdiff_t rows, const float *input,
    float *gathered) {
    const ck_geometry *g = &plan->geometry;
    ptrdiff_t run = plan->group_input;
    size_t row_bytes = (size_t)(g->kernel_width * run) * sizeof(float);
    for (ptrdiff_t row = 0; row < rows; row++) {
        ptrdiff_t oy = (first + row) / g->output_width, ox = (first + row) % g->output_width;
        ptrdiff_t iy = oy * g->stride_height - g->pad_top;
        ptrdiff_t ix = ox * g->stride_width - g->pad_left;
        ck_taps columns = valid_taps(ix, g->dilation_width, g->kernel_width, g->input_width);
        int is_whole = g->groups == 1 && g->dilation_width == 1
            && columns.first == 0 && columns.end == g->kernel_width;
        for (ptrdiff_t ky = 0; ky < g->kernel_height; ky++, gathered += g->kernel_width * run) {
            ptrdiff_t y = iy + ky * g->dilation_height;
            if (y < 0 || y >= g->input_height) {
                memset(gathered, 0, row_bytes);
                continue;
            }
            const float *line = input + y * g->input_width * g->input_channels + group * run;
            if (is_whole) {
                const float *source = line + ix * run;
                copy_floats(g->kernel_width * run, source, gathered);
                continue;
            }
            for (ptrdiff_t kx = 0; kx < g->kernel_width; kx++) {
                float *target = gathered + kx * run;
                if (kx < columns.first || kx >= columns.end) {
                    memset(target, 0, (size_t)run * sizeof(float));
                } else {
                    ptrdiff_t x = ix + kx * g->dilation_width;
                    memcpy(target, line + x * g->input_channels, (size_t)run * sizeof(float));
                }
            }
        }
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
        for (ptrdiff_t k = 0; k < plan->depth; k += CK_DEPTH_BLOCK) {
            ptrdiff_t rest = plan->depth - k;
            int is_last = rest <= CK_DEPTH_BLOCK;
            float_gemm(
                rows, is_last ? rest : CK_DEPTH_BLOCK, a + k, a_stride, weights + k * CK_PANEL,
                w_panel, k == 0, is_last ? bias : NULL, clamp, channels, target, stride);
        }
    }
}

CK_FUNCTION void float_depthwise_image(
    const ck_float_convolution *c, ck_clamp clamp, const float *input, float *output) {
    const ck_geometry *g = &c->plan.geometry;
    ptrdiff_t channels = g->output_channels, w_column = c->plan.panels * CK_PANEL;
    for (ptrdiff_t oy = 0; oy < g->output_height; oy++) {
        ptrdiff_t iy = oy * g->stride_height - g->pad_top;
        ck_taps rows = valid_taps(iy, g->dilation_height, g->kernel_height, g->input_height);
        iy += rows.first * g->dilation_height;
        CK_FLOAT_DEPTHWISE_ROW(
            c, clamp, rows.end - rows.first, input + iy * g->input_width * channels,
            c->weights + rows.first * g->kernel_width * w_column,
            output + oy * g->output_width * channels);
    }
}

CK_FUNCTION void float_convolution(
    const ck_float_convolution *c, int clamped, const float *input, float *output, void *scratch) {
    const ck_plan *plan = &c->plan;
    ck_clamp clamp = c->clamp;
    if (!clamped) clamp.has_lower = clamp.has_upper = 0;
    if (plan->method == CK_DEPTHWISE) {
        float_depthwise_image(c, clamp, input, output);
        return;
    }
    for (ptrdiff_t group = 0; group < plan->geometry.groups; group++) {
        for (ptrdiff_t row = 0; row < plan->rows; row += plan->block_rows) {
            ptrdiff_t left = plan->rows - row;
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
                output + row * plan->geometry.output_channels);
        }
    }
}
