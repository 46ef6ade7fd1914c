// SPDX-License-Identifier: Apache-2.0

// Local response normalization across channels (ONNX LRN), in Double inside.

CK_INLINE uint64_t double_bits(double value) {
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

CK_INLINE double double_of(uint64_t bits) {
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/// base^exponent for a normal base > 0 and a result in the normal range; relative error below 1e-14
/// for results of up to 2^±100. Additions, multiplications and one division alone: libm differs
/// between machines.
CK_INLINE double positive_power(double base, double exponent) {
    const double ln2_high = 0x1.62e42feep-1, ln2_low = 0x1.a39ef35793c76p-33;
    // base = 2^k * m with m in [sqrt(1/2), sqrt(2)); k as a double by way of the mantissa.
    const uint64_t root_half = 0x3fe6a09e00000000u, one = 0x3ff0000000000000u;
    uint64_t moved = double_bits(base) + (one - root_half);
    double m = double_of((moved & 0x000fffffffffffffu) + root_half);
    double k = double_of((moved >> 52) | 0x4330000000000000u) - (0x1p52 + 1023.0);
    // ln m = 2 artanh(f); the first term left out is below 2^-57 of the sum.
    double f = (m - 1.0) / (m + 1.0), square = f * f, series = 1.0 / 23.0;
    for (int n = 21; n >= 3; n -= 2) series = series * square + 1.0 / n;
    double logarithm = 2.0 * f + 2.0 * f * (square * series) + k * ln2_low + k * ln2_high;
    double t = exponent * logarithm;
    // e^t = 2^j * e^r with |r| <= ln 2 / 2; j stands in the low bits of `shifted`.
    const double shift = 0x1.8p52;
    double shifted = t * 0x1.71547652b82fep0 + shift, j = shifted - shift;
    double r = (t - j * ln2_high) - j * ln2_low, sum = 1.0;
    for (int n = 13; n >= 1; n--) sum = sum * (r * (1.0 / n)) + 1.0;
    return sum * double_of((double_bits(shifted) << 52) + one);
}

/// Channels that a block of one pixel computes at a time.
#define CK_LRN_BLOCK 64

/// bias + alpha / size * (sum of x * x over the channels around each) of `width` channels from
/// `first` on; channels in order.
CK_INLINE void lrn_bases(
    ptrdiff_t channels, ptrdiff_t first, ptrdiff_t width, ck_lrn lrn, const float *x,
    double *bases) {
    double share = (double)lrn.alpha / (double)lrn.size;
    for (ptrdiff_t c = 0; c < width; c++) bases[c] = 0.0;
    ptrdiff_t reach = lrn.size / 2;
    for (ptrdiff_t offset = -reach; offset <= reach; offset++) {
        ptrdiff_t begin = first + offset < 0 ? -offset - first : 0;
        ptrdiff_t end = first + width + offset > channels ? channels - offset - first : width;
        const float *shifted = x + first + offset;
        for (ptrdiff_t c = begin; c < end; c++) {
            double value = (double)shifted[c];
            bases[c] += value * value;
        }
    }
    for (ptrdiff_t c = 0; c < width; c++) bases[c] = (double)lrn.bias + share * bases[c];
}

CK_FUNCTION void float_lrn(
    ptrdiff_t pixels, ptrdiff_t channels, ck_lrn lrn, const float *restrict input,
    float *restrict output) {
    assert(lrn.size % 2 == 1);
    double bases[CK_LRN_BLOCK], exponent = -(double)lrn.beta;
    for (ptrdiff_t pixel = 0; pixel < pixels; pixel++, input += channels, output += channels) {
        for (ptrdiff_t first = 0; first < channels; first += CK_LRN_BLOCK) {
            ptrdiff_t left = channels - first, width = left < CK_LRN_BLOCK ? left : CK_LRN_BLOCK;
            lrn_bases(channels, first, width, lrn, input, bases);
            for (ptrdiff_t c = 0; c < width; c++) {
                double power = positive_power(bases[c], exponent);
                output[first + c] = (float)((double)input[first + c] * power);
            }
        }
    }
}

/// With b the base of a channel and p = b^-beta: g * p, and from every channel j that has this one
/// around it, in order, -2 alpha beta / size * x * (g_j * x_j * p_j / b_j). `scratch` holds
/// `channels` numbers.
CK_FUNCTION void lrn_gradient(
    ptrdiff_t pixels, ptrdiff_t channels, ck_lrn lrn, const float *restrict input,
    const float *restrict gradient, float *restrict input_gradient, double *restrict scratch) {
    double bases[CK_LRN_BLOCK], exponent = -(double)lrn.beta;
    double factor = 2.0 * (double)lrn.alpha * (double)lrn.beta / (double)lrn.size;
    ptrdiff_t reach = lrn.size / 2;
    for (ptrdiff_t pixel = 0; pixel < pixels; pixel++) {
        for (ptrdiff_t first = 0; first < channels; first += CK_LRN_BLOCK) {
            ptrdiff_t left = channels - first, width = left < CK_LRN_BLOCK ? left : CK_LRN_BLOCK;
            lrn_bases(channels, first, width, lrn, input, bases);
            for (ptrdiff_t c = 0; c < width; c++) {
                double power = positive_power(bases[c], exponent);
                double direct = (double)gradient[first + c] * power;
                scratch[first + c] = direct * (double)input[first + c] / bases[c];
                input_gradient[first + c] = (float)direct;
            }
        }
        for (ptrdiff_t c = 0; c < channels; c++) {
            ptrdiff_t begin = c < reach ? 0 : c - reach, end = c + reach + 1;
            double sum = 0.0;
            for (ptrdiff_t j = begin; j < end && j < channels; j++) sum += scratch[j];
            double indirect = factor * (double)input[c] * sum;
            input_gradient[c] = (float)((double)input_gradient[c] - indirect);
        }
        input += channels, gradient += channels, input_gradient += channels;
    }
}
