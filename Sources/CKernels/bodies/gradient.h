// SPDX-License-Identifier: Apache-2.0

// The backward pass without weights: masks with sums per channel, and pools.

/// A few pixels, so that memory is read as it lies.
CK_INLINE void mask_gradient_pixels(
    const int run, ptrdiff_t channels, const uint8_t *mask, float *gradient, double *sums) {
    ptrdiff_t stride = ck_mask_stride(channels), c = 0;
    for (; c + 8 <= channels; c += 8) {
        mask_gradient_block(
            8, run, channels, mask ? mask + c / 8 : NULL, stride, gradient + c,
            sums ? sums + c : NULL);
    }
    if (c < channels) {
        mask_gradient_block(
            (int)(channels - c), run, channels, mask ? mask + c / 8 : NULL, stride, gradient + c,
            sums ? sums + c : NULL);
    }
}

CK_FUNCTION void mask_gradient(
    ptrdiff_t pixels, ptrdiff_t channels, const uint8_t *mask, float *gradient, double *sums) {
    ptrdiff_t stride = ck_mask_stride(channels);
    for (; pixels >= 4; pixels -= 4, gradient += 4 * channels) {
        mask_gradient_pixels(4, channels, mask, gradient, sums);
        if (mask) mask += 4 * stride;
    }
    for (; pixels > 0; pixels--, gradient += channels) {
        mask_gradient_pixels(1, channels, mask, gradient, sums);
        if (mask) mask += stride;
    }
}

CK_FUNCTION void max_pool_gradient(
    const ck_geometry *g, const uint16_t *restrict indices, const float *restrict gradient,
    float *restrict input_gradient) {
    ptrdiff_t channels = g->input_channels;
    memset(
        input_gradient, 0, (size_t)(g->input_height * g->input_width * channels) * sizeof(float));
    for (ptrdiff_t oy = 0; oy < g->output_height; oy++) {
        for (ptrdiff_t ox = 0; ox < g->output_width; ox++) {
            ck_window window = window_at(g, oy, ox);
            CK_FOR_TAPS(window) {
                float *target = input_gradient + tap_offset(g, window, ky, kx);
                uint16_t tap = (uint16_t)(ky * g->kernel_width + kx);
                // Adding +0 changes no sum that began with +0.
                for (ptrdiff_t c = 0; c < channels; c++) {
                    target[c] += indices[c] == tap ? gradient[c] : 0.0f;
                }
            }
            indices += channels;
            gradient += channels;
        }
    }
}

CK_FUNCTION void average_pool_gradient(
    const ck_geometry *g, int count_include_pad, const float *restrict gradient,
    float *restrict input_gradient) {
    ptrdiff_t channels = g->input_channels;
    memset(
        input_gradient, 0, (size_t)(g->input_height * g->input_width * channels) * sizeof(float));
    for (ptrdiff_t oy = 0; oy < g->output_height; oy++) {
        for (ptrdiff_t ox = 0; ox < g->output_width; ox++, gradient += channels) {
            ck_window window = window_at(g, oy, ox);
            float count = tap_count(g, window, count_include_pad);
            for (ptrdiff_t first = 0; first < channels; first += 64) {
                ptrdiff_t left = channels - first, width = left < 64 ? left : 64;
                float shares[64];
                for (ptrdiff_t c = 0; c < width; c++) shares[c] = gradient[first + c] / count;
                CK_FOR_TAPS(window) {
                    float *target = input_gradient + tap_offset(g, window, ky, kx) + first;
                    for (ptrdiff_t c = 0; c < width; c++) target[c] += shares[c];
                }
            }
        }
    }
}

CK_FUNCTION void global_average_pool_gradient(
    ptrdiff_t pixels, ptrdiff_t channels, const float *restrict gradient,
    float *restrict input_gradient) {
    for (ptrdiff_t c = 0; c < channels; c++) input_gradient[c] = gradient[c] / (float)pixels;
    for (ptrdiff_t pixel = 1; pixel < pixels; pixel++) {
        memcpy(
            input_gradient + pixel * channels, input_gradient,
            (size_t)channels * sizeof(float));
    }
}
