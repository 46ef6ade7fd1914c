// SPDX-License-Identifier: Apache-2.0

#include "CImageCodecs.h"

/// Weights carry 22 fractional bits: 32 less 8 for the pixel and 2 for overshoot and sign.
enum { PRECISION = 22 };

static inline uint8_t clipped(int32_t sum) {
    int32_t value = sum >> PRECISION;
    return value < 0 ? 0 : value > 255 ? 255 : (uint8_t)value;
}

static void resample_row3(const uint8_t *row, int32_t first_column, const cic_taps *taps,
                          uint8_t *out) {
    for (int32_t x = 0; x < taps->outputs; x++) {
        const uint8_t *pixel = row + (size_t)(taps->firsts[x] - first_column) * 3;
        const int32_t *weights = taps->weights + (size_t)x * taps->stride;
        int32_t a = 1 << (PRECISION - 1), b = a, c = a;
        for (int32_t t = 0; t < taps->counts[x]; t++) {
            a += pixel[3 * t] * weights[t];
            b += pixel[3 * t + 1] * weights[t];
            c += pixel[3 * t + 2] * weights[t];
        }
        out[3 * (size_t)x] = clipped(a);
        out[3 * (size_t)x + 1] = clipped(b);
        out[3 * (size_t)x + 2] = clipped(c);
    }
}

static void resample_row1(const uint8_t *row, int32_t first_column, const cic_taps *taps,
                          uint8_t *out) {
    for (int32_t x = 0; x < taps->outputs; x++) {
        const uint8_t *pixel = row + (taps->firsts[x] - first_column);
        const int32_t *weights = taps->weights + (size_t)x * taps->stride;
        int32_t sum = 1 << (PRECISION - 1);
        for (int32_t t = 0; t < taps->counts[x]; t++) sum += pixel[t] * weights[t];
        out[x] = clipped(sum);
    }
}

static void resample_row(const uint8_t *row, int32_t first_column, int32_t channels,
                         const cic_taps *taps, uint8_t *out) {
    for (int32_t x = 0; x < taps->outputs; x++) {
        const uint8_t *pixel = row + (size_t)(taps->firsts[x] - first_column) * (size_t)channels;
        const int32_t *weights = taps->weights + (size_t)x * taps->stride;
        for (int32_t c = 0; c < channels; c++) {
            int32_t sum = 1 << (PRECISION - 1);
            for (int32_t t = 0; t < taps->counts[x]; t++) {
                sum += pixel[(size_t)t * (size_t)channels + c] * weights[t];
            }
            out[(size_t)x * (size_t)channels + c] = clipped(sum);
        }
    }
}

void cic_resample_rows(const uint8_t *source, size_t stride, int32_t first_column, int32_t rows,
                       int32_t channels, const cic_taps *taps, uint8_t *destination) {
    for (int32_t y = 0; y < rows; y++) {
        const uint8_t *row = source + (size_t)y * stride;
        uint8_t *out = destination + (size_t)y * taps->outputs * channels;
        if (channels == 3) {
            resample_row3(row, first_column, taps, out);
        } else if (channels == 1) {
            resample_row1(row, first_column, taps, out);
        } else {
            resample_row(row, first_column, channels, taps, out);
        }
    }
}

/// Sums of one stretch of a row stay in registers or the first cache level.
enum { STRETCH = 512 };

void cic_resample_columns(const uint8_t *source, size_t stride, int32_t first_row,
                          size_t row_bytes, const cic_taps *taps, uint8_t *destination) {
    int32_t sums[STRETCH];
    for (int32_t y = 0; y < taps->outputs; y++) {
        const uint8_t *top = source + (size_t)(taps->firsts[y] - first_row) * stride;
        const int32_t *weights = taps->weights + (size_t)y * taps->stride;
        uint8_t *out = destination + (size_t)y * row_bytes;
        for (size_t start = 0; start < row_bytes; start += STRETCH) {
            size_t length = row_bytes - start < STRETCH ? row_bytes - start : STRETCH;
            for (size_t i = 0; i < length; i++) sums[i] = 1 << (PRECISION - 1);
            for (int32_t t = 0; t < taps->counts[y]; t++) {
                const uint8_t *row = top + (size_t)t * stride + start;
                int32_t weight = weights[t];
                for (size_t i = 0; i < length; i++) sums[i] += row[i] * weight;
            }
            for (size_t i = 0; i < length; i++) out[start + i] = clipped(sums[i]);
        }
    }
}

void cic_luma(const uint8_t *rgb, size_t pixels, uint8_t *luma) {
    for (size_t i = 0; i < pixels; i++) {
        uint32_t sum = 19595u * rgb[3 * i] + 38470u * rgb[3 * i + 1] + 7471u * rgb[3 * i + 2];
        luma[i] = (uint8_t)((sum + 32768u) >> 16);
    }
}

void cic_swap_red_blue(uint8_t *pixels, size_t count, size_t channels) {
    for (size_t i = 0; i < count; i++) {
        uint8_t *pixel = pixels + i * channels;
        uint8_t red = pixel[0];
        pixel[0] = pixel[2];
        pixel[2] = red;
    }
}
