// SPDX-License-Identifier: Apache-2.0

// Where a tile of accumulators goes, 16 channels at a time: to int32, or requantized to bytes.

/// Exactly one of `sums` and `bytes` is set; it points at the first row and channel. `stride` in
/// elements. `bias` and `multipliers` belong to `bytes` and begin at the same channel.
typedef struct ck_sink {
    int32_t *sums;
    uint8_t *bytes;
    ptrdiff_t stride;
    const int32_t *bias;
    const float *multipliers;
    ck_target target;
} ck_sink;

/// The sink of channels `first` on.
CK_INLINE ck_sink sink_at(ck_sink sink, ptrdiff_t row, ptrdiff_t first) {
    ptrdiff_t offset = row * sink.stride + first;
    if (!sink.bytes) {
        sink.sums += offset;
        return sink;
    }
    sink.bytes += offset;
    sink.bias += first;
    sink.multipliers += first;
    return sink;
}

/// What 16 channels need at the end of a sum.
typedef struct ck_lanes {
    __mmask16 mask;
    /// Where the sum begins: everything that does not depend on the input, bias included.
    __m512i start;
    __m512 multipliers, lower, upper;
    __m512i zero_point;
} ck_lanes;

/// `channels` in [1, 16] or more; `constants` are padded to whole panels.
CK_INLINE ck_lanes make_lanes(
    const int is_bytes, ptrdiff_t channels, const int32_t *constants, const ck_sink *sink) {
    ck_lanes lanes = {.mask = channels < 16 ? (__mmask16)((1u << channels) - 1) : 0xFFFF};
    lanes.start = _mm512_load_si512(constants);
    if (!is_bytes) return lanes;
    lanes.start = _mm512_add_epi32(
        lanes.start, _mm512_maskz_loadu_epi32(lanes.mask, sink->bias));
    lanes.multipliers = _mm512_maskz_loadu_ps(lanes.mask, sink->multipliers);
    lanes.lower = _mm512_set1_ps((float)(sink->target.lower - sink->target.zero_point));
    lanes.upper = _mm512_set1_ps((float)(sink->target.upper - sink->target.zero_point));
    lanes.zero_point = _mm512_set1_epi32(sink->target.zero_point);
    return lanes;
}

CK_INLINE void store_lanes(
    const int is_bytes, const ck_lanes *lanes, __m512i sum, const ck_sink *sink,
    ptrdiff_t offset) {
    if (!is_bytes) {
        _mm512_mask_storeu_epi32(sink->sums + offset, lanes->mask, sum);
        return;
    }
    __m512 value = _mm512_mul_ps(_mm512_cvtepi32_ps(sum), lanes->multipliers);
    value = _mm512_min_ps(_mm512_max_ps(value, lanes->lower), lanes->upper);
    sum = _mm512_add_epi32(_mm512_cvtps_epi32(value), lanes->zero_point);
    __m128i bytes = _mm512_cvtepi32_epi8(sum);
    if (lanes->mask == 0xFFFF) {
        _mm_storeu_si128((__m128i *)(sink->bytes + offset), bytes);
    } else {
        _mm_mask_storeu_epi8(sink->bytes + offset, lanes->mask, bytes);
    }
}
