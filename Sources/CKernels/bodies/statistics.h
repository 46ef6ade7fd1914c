// Sums per channel: pixels in order, plain multiplications and additions, vectorized across
// channels. A block of 8 channels keeps its sums in registers over 64 pixels.

#define CK_LANES 8
#define CK_RUN 64

CK_INLINE void float_statistics_block(
    ptrdiff_t pixels, ptrdiff_t stride, const int lanes, float *values, ck_clamp clamp,
    double *sums_pre, double *sums_post, double *squares_post, float *min_post, float *max_post) {
    double pre[CK_LANES], post[CK_LANES], squares[CK_LANES];
    float low[CK_LANES], high[CK_LANES];
    for (int c = 0; c < lanes; c++) {
        pre[c] = sums_pre[c], post[c] = sums_post[c], squares[c] = squares_post[c];
        low[c] = min_post[c], high[c] = max_post[c];
    }
    for (ptrdiff_t pixel = 0; pixel < pixels; pixel++, values += stride) {
        for (int c = 0; c < lanes; c++) {
            float value = values[c];
            pre[c] += (double)value;
            value = clamp_value(value, clamp);
            values[c] = value;
            post[c] += (double)value;
            squares[c] += (double)value * (double)value;
            low[c] = value < low[c] ? value : low[c];
            high[c] = value > high[c] ? value : high[c];
        }
    }
    for (int c = 0; c < lanes; c++) {
        sums_pre[c] = pre[c], sums_post[c] = post[c], squares_post[c] = squares[c];
        min_post[c] = low[c], max_post[c] = high[c];
    }
}

CK_FUNCTION void float_statistics(
    ptrdiff_t pixels, ptrdiff_t channels, float *values, ck_clamp clamp, double *sums_pre,
    double *sums_post, double *squares_post, float *min_post, float *max_post) {
    for (ptrdiff_t first = 0; first < pixels; first += CK_RUN) {
        ptrdiff_t run = pixels - first < CK_RUN ? pixels - first : CK_RUN;
        float *block = values + first * channels;
        ptrdiff_t c = 0;
        for (; c + CK_LANES <= channels; c += CK_LANES) {
            float_statistics_block(
                run, channels, CK_LANES, block + c, clamp, sums_pre + c, sums_post + c,
                squares_post + c, min_post + c, max_post + c);
        }
        for (; c < channels; c++) {
            float_statistics_block(
                run, channels, 1, block + c, clamp, sums_pre + c, sums_post + c, squares_post + c,
                min_post + c, max_post + c);
        }
    }
}

CK_FUNCTION void accumulator_sums(
    ptrdiff_t pixels, ptrdiff_t channels, const int32_t *restrict accumulators,
    int64_t *restrict sums) {
    for (ptrdiff_t pixel = 0; pixel < pixels; pixel++, accumulators += channels) {
        for (ptrdiff_t c = 0; c < channels; c++) sums[c] += accumulators[c];
    }
}

CK_FUNCTION void byte_sums(
    ptrdiff_t pixels, ptrdiff_t channels, const uint8_t *restrict values, int64_t *restrict sums) {
    for (ptrdiff_t pixel = 0; pixel < pixels; pixel++, values += channels) {
        for (ptrdiff_t c = 0; c < channels; c++) sums[c] += values[c];
    }
}

CK_INLINE void error_statistics_block(
    ptrdiff_t pixels, ptrdiff_t stride, const int lanes, const float *reference,
    const uint8_t *values, float scale, int32_t zero_point, double *sums, double *squares) {
    double sum[CK_LANES], square[CK_LANES];
    for (int c = 0; c < lanes; c++) sum[c] = sums[c], square[c] = squares[c];
    for (ptrdiff_t pixel = 0; pixel < pixels; pixel++, reference += stride, values += stride) {
        for (int c = 0; c < lanes; c++) {
            float value = (float)(values[c] - zero_point) * scale;
            double error = (double)value - (double)reference[c];
            sum[c] += error;
            square[c] += error * error;
        }
    }
    for (int c = 0; c < lanes; c++) sums[c] = sum[c], squares[c] = square[c];
}

CK_FUNCTION void error_statistics(
    ptrdiff_t pixels, ptrdiff_t channels, const float *reference, const uint8_t *values,
    float scale, int32_t zero_point, double *sums, double *squares) {
    for (ptrdiff_t first = 0; first < pixels; first += CK_RUN) {
        ptrdiff_t run = pixels - first < CK_RUN ? pixels - first : CK_RUN;
        const float *floats = reference + first * channels;
        const uint8_t *bytes = values + first * channels;
        ptrdiff_t c = 0;
        for (; c + CK_LANES <= channels; c += CK_LANES) {
            error_statistics_block(
                run, channels, CK_LANES, floats + c, bytes + c, scale, zero_point, sums + c,
                squares + c);
        }
        for (; c < channels; c++) {
            error_statistics_block(
                run, channels, 1, floats + c, bytes + c, scale, zero_point, sums + c,
                squares + c);
        }
    }
}
