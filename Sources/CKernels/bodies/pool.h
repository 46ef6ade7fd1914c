// SPDX-License-Identifier: Apache-2.0

// Pooling: every output pixel combines its taps in (row, column) order, vectorized across channels.

/// Taps of one output pixel that lie inside the input, and where the first one is.
typedef struct ck_window {
    ck_taps rows, columns;
    ptrdiff_t y, x;
} ck_window;

CK_INLINE ck_window window_at(const ck_geometry *g, ptrdiff_t oy, ptrdiff_t ox) {
    ptrdiff_t y = oy * g->stride_height - g->pad_top, x = ox * g->stride_width - g->pad_left;
    ck_window window = {
        .rows = valid_taps(y, g->dilation_height, g->kernel_height, g->input_height),
        .columns = valid_taps(x, g->dilation_width, g->kernel_width, g->input_width),
        .y = y,
        .x = x,
    };
    return window;
}

CK_INLINE ptrdiff_t tap_offset(const ck_geometry *g, ck_window w, ptrdiff_t ky, ptrdiff_t kx) {
    ptrdiff_t y = w.y + ky * g->dilation_height, x = w.x + kx * g->dilation_width;
    return (y * g->input_width + x) * g->input_channels;
}

/// Divisor of an average; 1 for a window without any element, whose sum is 0.
CK_INLINE float tap_count(const ck_geometry *g, ck_window w, int count_include_pad) {
    if (count_include_pad) return (float)(g->kernel_height * g->kernel_width);
    ptrdiff_t count = (w.rows.end - w.rows.first) * (w.columns.end - w.columns.first);
    return count > 0 ? (float)count : 1.0f;
}

#define CK_FOR_PIXELS(g) \
    for (ptrdiff_t oy = 0; oy < (g)->output_height; oy++) \
        for (ptrdiff_t ox = 0; ox < (g)->output_width; ox++, output += (g)->input_channels)
#define CK_FOR_TAPS(w) \
    for (ptrdiff_t ky = (w).rows.first; ky < (w).rows.end; ky++) \
        for (ptrdiff_t kx = (w).columns.first; kx < (w).columns.end; kx++)

CK_FUNCTION void float_max_pool(
    const ck_geometry *g, const float *restrict input, float *restrict output) {
    CK_FOR_PIXELS(g) {
        ck_window window = window_at(g, oy, ox);
        for (ptrdiff_t c = 0; c < g->input_channels; c++) output[c] = -INFINITY;
        CK_FOR_TAPS(window) {
            const float *x = input + tap_offset(g, window, ky, kx);
            for (ptrdiff_t c = 0; c < g->input_channels; c++) {
                output[c] = x[c] > output[c] ? x[c] : output[c];
            }
        }
    }
}

CK_FUNCTION void float_average_pool(
    const ck_geometry *g, int count_include_pad, const float *restrict input,
    float *restrict output) {
    CK_FOR_PIXELS(g) {
        ck_window window = window_at(g, oy, ox);
        float count = tap_count(g, window, count_include_pad);
        for (ptrdiff_t c = 0; c < g->input_channels; c++) output[c] = 0.0f;
        CK_FOR_TAPS(window) {
            const float *x = input + tap_offset(g, window, ky, kx);
            for (ptrdiff_t c = 0; c < g->input_channels; c++) output[c] += x[c];
        }
        for (ptrdiff_t c = 0; c < g->input_channels; c++) output[c] /= count;
    }
}

CK_FUNCTION void float_global_average_pool(
    ptrdiff_t pixels, ptrdiff_t channels, const float *restrict input, float *restrict output) {
    for (ptrdiff_t c = 0; c < channels; c++) output[c] = 0.0f;
    for (ptrdiff_t pixel = 0; pixel < pixels; pixel++, input += channels) {
        for (ptrdiff_t c = 0; c < channels; c++) output[c] += input[c];
    }
    for (ptrdiff_t c = 0; c < channels; c++) output[c] /= (float)pixels;
}

CK_FUNCTION void integer_max_pool(
    const ck_geometry *g, const uint8_t *restrict input, uint8_t *restrict output) {
    // Bytes may alias `*g`: its members would be read again for each.
    ptrdiff_t channels = g->input_channels;
    CK_FOR_PIXELS(g) {
        ck_window window = window_at(g, oy, ox);
        memset(output, 0, (size_t)channels);
        CK_FOR_TAPS(window) {
            const uint8_t *x = input + tap_offset(g, window, ky, kx);
            for (ptrdiff_t c = 0; c < channels; c++) {
                output[c] = x[c] > output[c] ? x[c] : output[c];
            }
        }
    }
}

/// Also the place of the first maximum.
CK_FUNCTION void integer_max_pool_indexed(
    const ck_geometry *g, const uint8_t *restrict input, uint8_t *restrict output,
    uint16_t *restrict indices) {
    assert(g->kernel_height * g->kernel_width < UINT16_MAX);
    CK_FOR_PIXELS(g) {
        ck_window window = window_at(g, oy, ox);
        memset(output, 0, (size_t)g->input_channels);
        memset(indices, 0xFF, (size_t)g->input_channels * sizeof *indices);
        int is_first = 1;
        CK_FOR_TAPS(window) {
            const uint8_t *x = input + tap_offset(g, window, ky, kx);
            uint16_t tap = (uint16_t)(ky * g->kernel_width + kx);
            for (ptrdiff_t c = 0; c < g->input_channels; c++) {
                int is_larger = is_first | (x[c] > output[c]);
                indices[c] = is_larger ? tap : indices[c];
                output[c] = is_larger ? x[c] : output[c];
            }
            is_first = 0;
        }
        indices += g->input_channels;
    }
}

/// As ONNX Runtime: the average of dequantized values in float, the zero point added before
/// rounding. `mask` may be NULL.
CK_FUNCTION void integer_average_pool_masked(
    const ck_geometry *g, int count_include_pad, const uint8_t *restrict input, float input_scale,
    int32_t input_zero_point, float scale, ck_target target, ck_clamp clamp,
    uint8_t *restrict output, uint8_t *restrict mask) {
    ck_target shifted = {0, target.lower, target.upper};
    ck_open_range range = open_range(clamp);
    CK_FOR_PIXELS(g) {
        ck_window window = window_at(g, oy, ox);
        float count = tap_count(g, window, count_include_pad);
        for (ptrdiff_t first = 0; first < g->input_channels; first += 64) {
            ptrdiff_t left = g->input_channels - first, width = left < 64 ? left : 64;
            float sums[64] = {0};
            CK_FOR_TAPS(window) {
                const uint8_t *x = input + tap_offset(g, window, ky, kx) + first;
                for (ptrdiff_t c = 0; c < width; c++) {
                    sums[c] += (float)(x[c] - input_zero_point) * input_scale;
                }
            }
            uint8_t pass[64] = {0};
            for (ptrdiff_t c = 0; c < width; c++) {
                float average = sums[c] / count;
                float value = average / scale + (float)target.zero_point;
                output[first + c] = to_byte(value, shifted);
                pass[c] = is_representable(value) & is_inside(average, range);
            }
            if (!mask) continue;
            for (ptrdiff_t c = 0; c < width; c += 8) *mask++ = pack_bits(pass + c);
        }
    }
}

CK_FUNCTION void integer_average_pool(
    const ck_geometry *g, int count_include_pad, const uint8_t *input, float input_scale,
    int32_t input_zero_point, float scale, ck_target target, uint8_t *output) {
    integer_average_pool_masked(
        g, count_include_pad, input, input_scale, input_zero_point, scale, target, (ck_clamp){0},
        output, NULL);
}

CK_FUNCTION void integer_global_average_pool(
    ptrdiff_t pixels, ptrdiff_t channels, const uint8_t *restrict input, float input_scale,
    int32_t input_zero_point, float scale, ck_target target, uint8_t *restrict output) {
    float multiplier = input_scale / (scale * (float)pixels);
    for (ptrdiff_t first = 0; first < channels; first += 64) {
        ptrdiff_t left = channels - first, width = left < 64 ? left : 64;
        int32_t sums[64] = {0};
        for (ptrdiff_t pixel = 0; pixel < pixels; pixel++) {
            const uint8_t *x = input + pixel * channels + first;
            for (ptrdiff_t c = 0; c < width; c++) sums[c] += x[c] - input_zero_point;
        }
        for (ptrdiff_t c = 0; c < width; c++) {
            output[first + c] = to_byte((float)sums[c] * multiplier, target);
        }
    }
}
