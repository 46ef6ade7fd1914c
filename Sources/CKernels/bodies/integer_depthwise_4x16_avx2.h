// SPDX-License-Identifier: Apache-2.0

// Integer depthwise convolution, 4 pixels x 16 channels in 8 registers, two taps at a time
// (vpmaddwd). Contract: integer_depthwise_1x16.h.

/// Taps handled per pass; larger kernels continue from the stored sums.
#define CK_TAPS 64

/// Offsets of the taps of one pass, in elements.
typedef struct ck_tap_list {
    ptrdiff_t count;
    ptrdiff_t x[CK_TAPS + 1], w[CK_TAPS + 1];
} ck_tap_list;

CK_INLINE __m256i load_widened(const uint8_t *x, __m256i zero_point) {
    __m128i bytes = _mm_loadu_si128((const __m128i *)x);
    return _mm256_sub_epi16(_mm256_cvtepu8_epi16(bytes), zero_point);
}

CK_INLINE void integer_depthwise_tile(
    const int pixels, ptrdiff_t channels, const ck_tap_list *taps, const uint8_t *x,
    ptrdiff_t pixel_step, const int16_t *w, int32_t zero_point, int is_first, int32_t *output) {
    __m256i zero = _mm256_set1_epi16((int16_t)zero_point);
    // Unpacking works within 128-bit lanes: `low` holds channels 0-3 and 8-11, `high` 4-7 and
    // 12-15.
    __m256i low[4], high[4];
    for (int p = 0; p < pixels; p++) low[p] = high[p] = _mm256_setzero_si256();
    for (ptrdiff_t tap = 0; tap < taps->count; tap += 2) {
        int has_second = tap + 1 < taps->count;
        __m256i w0 = _mm256_load_si256((const __m256i *)(w + taps->w[tap]));
        __m256i w1 = has_second ? _mm256_load_si256((const __m256i *)(w + taps->w[tap + 1]))
                                : _mm256_setzero_si256();
        __m256i w_low = _mm256_unpacklo_epi16(w0, w1), w_high = _mm256_unpackhi_epi16(w0, w1);
        const uint8_t *x0 = x + taps->x[tap];
        const uint8_t *x1 = has_second ? x + taps->x[tap + 1] : x0;
        for (int p = 0; p < pixels; p++) {
            __m256i a = load_widened(x0 + p * pixel_step, zero);
            __m256i b = load_widened(x1 + p * pixel_step, zero);
            __m256i product = _mm256_madd_epi16(_mm256_unpacklo_epi16(a, b), w_low);
            low[p] = _mm256_add_epi32(low[p], product);
            product = _mm256_madd_epi16(_mm256_unpackhi_epi16(a, b), w_high);
            high[p] = _mm256_add_epi32(high[p], product);
        }
    }
    for (int p = 0; p < pixels; p++) {
        __m256i *target = (__m256i *)(output + p * channels);
        __m256i first = _mm256_permute2x128_si256(low[p], high[p], 0x20);
        __m256i second = _mm256_permute2x128_si256(low[p], high[p], 0x31);
        if (!is_first) {
            first = _mm256_add_epi32(first, _mm256_loadu_si256(target));
            second = _mm256_add_epi32(second, _mm256_loadu_si256(target + 1));
        }
        _mm256_storeu_si256(target, first);
        _mm256_storeu_si256(target + 1, second);
    }
}

/// All channels of `pixels` pixels; the last ones, fewer than 16, one by one.
CK_INLINE void integer_depthwise_pixels(
    const int pixels, ptrdiff_t channels, const ck_tap_list *taps, const uint8_t *x,
    ptrdiff_t pixel_step, const int16_t *w, int32_t zero_point, int is_first, int32_t *output) {
    ptrdiff_t c = 0;
    for (; c + 16 <= channels; c += 16) {
        integer_depthwise_tile(
            pixels, channels, taps, x + c, pixel_step, w + c, zero_point, is_first, output + c);
    }
    for (; c < channels; c++) {
        for (int p = 0; p < pixels; p++) {
            int32_t sum = is_first ? 0 : output[p * channels + c];
            for (ptrdiff_t tap = 0; tap < taps->count; tap++) {
                int32_t value = x[p * pixel_step + taps->x[tap] + c] - zero_point;
                sum = wrapping_add(sum, value * w[taps->w[tap] + c]);
            }
            output[p * channels + c] = sum;
        }
    }
}

CK_FUNCTION void integer_depthwise_pass(
    ptrdiff_t pixels, ptrdiff_t channels, const ck_tap_list *taps, const uint8_t *x,
    ptrdiff_t pixel_step, const int16_t *w, int32_t zero_point, int is_first, int32_t *output) {
    for (; pixels >= 4; pixels -= 4, x += 4 * pixel_step, output += 4 * channels) {
        integer_depthwise_pixels(
            4, channels, taps, x, pixel_step, w, zero_point, is_first, output);
    }
    for (; pixels > 0; pixels--, x += pixel_step, output += channels) {
        integer_depthwise_pixels(
            1, channels, taps, x, pixel_step, w, zero_point, is_first, output);
    }
}

CK_FUNCTION void integer_depthwise(
    ptrdiff_t pixels, ptrdiff_t channels, ptrdiff_t taps_y, ptrdiff_t taps_x, const uint8_t *x,
    ptrdiff_t pixel_step, ptrdiff_t row_step, ptrdiff_t column_step, const int16_t *w,
    ptrdiff_t w_row, ptrdiff_t w_column, int32_t zero_point, int32_t *output) {
    ck_tap_list taps = {.count = 0};
    int is_first = 1;
    for (ptrdiff_t ky = 0; ky < taps_y; ky++) {
        for (ptrdiff_t kx = 0; kx < taps_x; kx++) {
            if (taps.count == CK_TAPS) {
                integer_depthwise_pass(
                    pixels, channels, &taps, x, pixel_step, w, zero_point, is_first, output);
                taps.count = 0;
                is_first = 0;
            }
            taps.x[taps.count] = ky * row_step + kx * column_step;
            taps.w[taps.count++] = ky * w_row + kx * w_column;
        }
    }
    integer_depthwise_pass(
        pixels, channels, &taps, x, pixel_step, w, zero_point, is_first, output);
}
