// SPDX-License-Identifier: Apache-2.0

// Masks: one bit per element that lets a gradient pass, `ck_mask_stride` bytes per pixel.

/// Bounds that a value must lie strictly inside.
typedef struct ck_open_range {
    float lower, upper;
} ck_open_range;

CK_INLINE ck_open_range open_range(ck_clamp clamp) {
    ck_open_range range = {
        clamp.has_lower ? clamp.lower : -INFINITY, clamp.has_upper ? clamp.upper : INFINITY};
    return range;
}

CK_INLINE int is_inside(float value, ck_open_range range) {
    return (value > range.lower) & (value < range.upper);
}

/// Whether a value in steps, zero point included, rounds into [0, 255]: -0.5 rounds to 0, 255.5 to
/// 256.
CK_INLINE int is_representable(float value) { return (value >= -0.5f) & (value < 255.5f); }

/// Sets a bit that is 0.
CK_INLINE void set_bit(uint8_t *bits, ptrdiff_t index, int bit) {
    bits[index / 8] |= (uint8_t)(bit << index % 8);
}

/// Eight bytes, each 0 or 1, as bits; byte 0 becomes bit 0.
CK_INLINE uint8_t pack_bits(const uint8_t pass[8]) {
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    // The product's top byte collects byte i shifted by 56 - 7 i; no two of the others meet there.
    uint64_t word;
    memcpy(&word, pass, sizeof word);
    return (uint8_t)(word * 0x0102040810204080u >> 56);
#else
    uint8_t bits = 0;
    for (int i = 0; i < 8; i++) bits |= (uint8_t)(pass[i] << i);
    return bits;
#endif
}

/// The first `count` of eight bits.
CK_INLINE uint8_t low_bits(uint8_t bits, ptrdiff_t count) {
    return (uint8_t)(bits & ((1u << count) - 1));
}

CK_FUNCTION void accumulator_mask(
    ptrdiff_t pixels, ptrdiff_t channels, const int32_t *accumulators, const int32_t *bias,
    ck_pass pass) {
    ptrdiff_t stride = ck_mask_stride(channels);
    memset(pass.mask, 0, (size_t)(pixels * stride));
    for (ptrdiff_t pixel = 0; pixel < pixels; pixel++) {
        for (ptrdiff_t c = 0; c < channels; c++) {
            int32_t sum = wrapping_add(accumulators[pixel * channels + c], bias[c]);
            set_bit(pass.mask + pixel * stride, c, sum >= pass.low[c] && sum <= pass.high[c]);
        }
    }
}

CK_FUNCTION void lookup_mask(
    ptrdiff_t pixels, ptrdiff_t channels, const uint8_t *input, const uint8_t *table,
    uint8_t *mask) {
    for (ptrdiff_t pixel = 0; pixel < pixels; pixel++, input += channels) {
        for (ptrdiff_t first = 0; first < channels; first += 8) {
            ptrdiff_t left = channels - first, width = left < 8 ? left : 8;
            uint8_t pass[8] = {0};
            for (ptrdiff_t c = 0; c < width; c++) pass[c] = table[input[first + c]];
            *mask++ = pack_bits(pass);
        }
    }
}
