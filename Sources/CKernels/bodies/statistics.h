// Sums per channel: pixels in order, plain multiplications and additions, vectorized across
// channels. A block of 8 channels keeps its sums in registers over 64 pixels.

#define CK_LANES 8
#define CK_RUN 64

/// The lanes of a block as vectors: left to itself, the compiler shuffles more than it adds.
typedef float ck_floats8 __attribute__((vector_size(32)));
typedef int32_t ck_ints8 __attribute__((vector_size(32)));
typedef double ck_doubles8 __attribute__((vector_size(64)));

/// `condition ? a : b` per lane; the condition's lanes are 0 or -1. A macro, since vectors wider than the baseline's
/// registers have no agreed way into a function.
#define CK_SELECT8(condition, a, b) \
    ((ck_floats8)(((condition) & (ck_ints8)(a)) | (~(condition) & (ck_ints8)(b))))

CK_INLINE void float_statistics_block(
    ptrdiff_t pixels, ptrdiff_t stride, float *values, ck_clamp clamp, double *sums_pre,
    double *sums_post, double *squares_post, float *min_post, float *max_post) {
    ck_doubles8 pre, post, squares;
    ck_floats8 low, high;
    memcpy(&pre, sums_pre, sizeof pre), memcpy(&post, sums_post, sizeof post);
    memcpy(&squares, squares_post, sizeof squares);
    memcpy(&low, min_post, sizeof low), memcpy(&high, max_post, sizeof high);
    const ck_floats8 zeros = {0};
    // Unlike adding 0, taking it away keeps a bound of -0.
    const ck_floats8 lower = clamp.lower - zeros, upper = clamp.upper - zeros;
    for (ptrdiff_t pixel = 0; pixel < pixels; pixel++, values += stride) {
        ck_floats8 value;
        memcpy(&value, values, sizeof value);
        pre += __builtin_convertvector(value, ck_doubles8);
        if (clamp.has_lower) value = CK_SELECT8(value > lower, value, lower);
        if (clamp.has_upper) value = CK_SELECT8(value < upper, value, upper);
        memcpy(values, &value, sizeof value);
        ck_doubles8 wide = __builtin_convertvector(value, ck_doubles8);
        post += wide;
        squares += wide * wide;
        low = CK_SELECT8(value < low, value, low);
        high = CK_SELECT8(value > high, value, high);
    }
    memcpy(sums_pre, &pre, sizeof pre), memcpy(sums_post, &post, sizeof post);
    memcpy(squares_post, &squares, sizeof squares);
    memcpy(min_post, &low, sizeof low), memcpy(max_post, &high, sizeof high);
}

/// Of one channel.
CK_INLINE void float_statistics_column(
    ptrdiff_t pixels, ptrdiff_t stride, float *values, ck_clamp clamp, double *sums_pre,
    double *sums_post, double *squares_post, float *min_post, float *max_post) {
    for (ptrdiff_t pixel = 0; pixel < pixels; pixel++, values += stride) {
        *sums_pre += (double)*values;
        float value = *values = clamp_value(*values, clamp);
        *sums_post += (double)value;
        *squares_post += (double)value * (double)value;
        *min_post = value < *min_post ? value : *min_post;
        *max_post = value > *max_post ? value : *max_post;
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
                run, channels, block + c, clamp, sums_pre + c, sums_post + c, squares_post + c,
                min_post + c, max_post + c);
        }
        for (; c < channels; c++) {
            float_statistics_column(
                run, channels, block + c, clamp, sums_pre + c, sums_post + c, squares_post + c,
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

/// Channels whose sums stay cached while the pixels pass.
#define CK_SUM_CHANNELS 256
/// Pixels whose bytes' sum fits int32.
#define CK_SUM_PIXELS (1 << 23)

CK_FUNCTION void requantized_sums(
    ptrdiff_t pixels, ptrdiff_t channels, const int32_t *accumulators, const int32_t *bias,
    const float *multipliers, ck_target target, int64_t *sums) {
    for (ptrdiff_t first = 0; first < channels; first += CK_SUM_CHANNELS) {
        ptrdiff_t count = channels - first < CK_SUM_CHANNELS ? channels - first : CK_SUM_CHANNELS;
        for (ptrdiff_t start = 0; start < pixels; start += CK_SUM_PIXELS) {
            ptrdiff_t end = pixels - start < CK_SUM_PIXELS ? pixels : start + CK_SUM_PIXELS;
            int32_t steps[CK_SUM_CHANNELS] = {0};
            for (ptrdiff_t pixel = start; pixel < end; pixel++) {
                const int32_t *row = accumulators + pixel * channels + first;
                for (ptrdiff_t c = 0; c < count; c++) {
                    int32_t sum = wrapping_add(row[c], bias[first + c]);
                    steps[c] += to_steps((float)sum * multipliers[first + c], target);
                }
            }
            for (ptrdiff_t c = 0; c < count; c++) {
                sums[first + c] += steps[c] + (int64_t)(end - start) * target.zero_point;
            }
        }
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
