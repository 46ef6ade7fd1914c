// The backward pass without weights: masks with sums per channel, and pools.

#define CK_GRADIENT_RUN 64

/// `lanes` channels, at most 8, of a run of pixels; `mask` or `sums` may be NULL.
CK_INLINE void mask_gradient_block(
    const int lanes, ptrdiff_t pixels, ptrdiff_t stride, const uint8_t *mask,
    ptrdiff_t mask_stride, float *gradient, double *sums) {
    double totals[8] = {0};
    for (int c = 0; c < lanes && sums; c++) totals[c] = sums[c];
    for (ptrdiff_t pixel = 0; pixel < pixels; pixel++, gradient += stride) {
        if (mask) {
            uint32_t bits = mask[pixel * mask_stride];
            for (int c = 0; c < lanes; c++) {
                gradient[c] = bits & (1u << c) ? gradient[c] : 0.0f;
            }
        }
        if (sums) {
            for (int c = 0; c < lanes; c++) totals[c] += (double)gradient[c];
        }
    }
    for (int c = 0; c < lanes && sums; c++) sums[c] = totals[c];
}

CK_FUNCTION void mask_gradient(
    ptrdiff_t pixels, ptrdiff_t channels, const uint8_t *mask, float *gradient, double *sums) {
    ptrdiff_t stride = ck_mask_stride(channels);
    for (ptrdiff_t first = 0; first < pixels; first += CK_GRADIENT_RUN) {
        ptrdiff_t left = pixels - first, run = left < CK_GRADIENT_RUN ? left : CK_GRADIENT_RUN;
        float *block = gradient + first * channels;
        const uint8_t *bits = mask ? mask + first * stride : NULL;
        ptrdiff_t c = 0;
        for (; c + 8 <= channels; c += 8) {
            mask_gradient_block(
                8, run, channels, bits ? bits + c / 8 : NULL, stride, block + c,
                sums ? sums + c : NULL);
        }
        if (c < channels) {
            mask_gradient_block(
                (int)(channels - c), run, channels, bits ? bits + c / 8 : NULL, stride, block + c,
                sums ? sums + c : NULL);
        }
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
