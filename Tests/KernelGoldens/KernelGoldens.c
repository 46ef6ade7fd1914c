// SPDX-License-Identifier: Apache-2.0

#include "KernelGoldens.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

// Inputs: SplitMix64, so that every machine draws the same.

static uint64_t draw(uint64_t *state) {
    uint64_t z = *state += 0x9E3779B97F4A7C15u;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

/// Multiples of 2^-20 in [-4, 4).
static float draw_float(uint64_t *state) {
    return (float)((int64_t)(draw(state) >> 41) - (1 << 22)) * 0x1p-20f;
}

static int32_t draw_int(uint64_t *state, int32_t low, int32_t high) {
    return low + (int32_t)(draw(state) % (uint64_t)(high - low + 1));
}

// Outputs and scratch: filled with 0xA5, with guard bytes behind.

#define KG_GUARD 64

static void *make_buffer(size_t bytes) {
    size_t total = (bytes + KG_GUARD + 63) / 64 * 64;
    void *buffer = aligned_alloc(64, total);
    if (!buffer) abort();
    return memset(buffer, 0xA5, total);
}

/// Of exactly this size, so that AddressSanitizer sees any read beyond it.
static void *make_input(size_t bytes) {
    void *buffer = malloc(bytes);
    if (!buffer) abort();
    return buffer;
}

static float *float_input(uint64_t *state, ptrdiff_t count) {
    float *values = make_input((size_t)count * sizeof *values);
    for (ptrdiff_t i = 0; i < count; i++) values[i] = draw_float(state);
    return values;
}

static uint8_t *byte_input(uint64_t *state, ptrdiff_t count) {
    uint8_t *values = make_input((size_t)count);
    for (ptrdiff_t i = 0; i < count; i++) values[i] = (uint8_t)draw_int(state, 0, 255);
    return values;
}

static int32_t *int_input(uint64_t *state, ptrdiff_t count, int32_t bound) {
    int32_t *values = make_input((size_t)count * sizeof *values);
    for (ptrdiff_t i = 0; i < count; i++) values[i] = draw_int(state, -bound, bound);
    return values;
}

/// Positive values around 1 / 4096.
static float *scale_input(uint64_t *state, ptrdiff_t count) {
    float *values = make_input((size_t)count * sizeof *values);
    for (ptrdiff_t i = 0; i < count; i++) {
        values[i] = (float)draw_int(state, 1 << 18, 1 << 22) * 0x1p-32f;
    }
    return values;
}

#define KG_SEED 0xCBF29CE484222325u

/// FNV-1a over the elements' bits as little-endian bytes, then over the guard; frees the buffer.
static uint64_t digest_buffer(uint64_t hash, void *buffer, ptrdiff_t count, size_t size) {
    const unsigned char *bytes = buffer;
    size_t end = (size_t)count * size + KG_GUARD;
    for (size_t i = 0; i < end; i++) {
        size_t at = i;
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
        if (i < (size_t)count * size) at = i / size * size + (size - 1 - i % size);
#endif
        hash = (hash ^ bytes[at]) * 0x100000001B3u;
    }
    free(buffer);
    return hash;
}

#define DIGEST(hash, buffer, count) digest_buffer(hash, buffer, count, sizeof *(buffer))

// Convolutions.

typedef struct shape {
    const char *name;
    /// Input height, width, channels; output channels; kernel height, width; stride y, x; dilation
    /// y, x; padding top, left, bottom, right; groups.
    int ih, iw, ic, oc, kh, kw, sy, sx, dy, dx, pt, pl, pb, pr, groups;
} shape;

/// A new one goes to the end: the inputs of a shape follow from its place.
static const shape shapes[] = {
    {"pointwise", 5, 7, 33, 21, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 1},
    {"pointwise, depth over two blocks", 3, 5, 513, 40, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 1},
    {"pointwise, several row blocks", 20, 21, 24, 16, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 1},
    {"strided 1x1", 9, 8, 12, 9, 1, 1, 2, 3, 1, 1, 0, 0, 0, 0, 1},
    {"first layer", 15, 17, 3, 32, 3, 3, 2, 2, 1, 1, 0, 0, 1, 1, 1},
    {"dense 3x3, dilated", 9, 8, 19, 18, 3, 3, 1, 1, 2, 3, 2, 3, 1, 2, 1},
    {"dense 5x4, asymmetric", 7, 10, 20, 7, 5, 4, 1, 2, 1, 1, 3, 0, 1, 2, 1},
    {"padding wider than input", 2, 3, 4, 5, 3, 3, 1, 1, 1, 1, 4, 5, 4, 5, 1},
    {"grouped", 6, 7, 12, 18, 3, 2, 1, 1, 1, 1, 1, 1, 1, 0, 3},
    {"grouped pointwise", 4, 4, 40, 36, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 2},
    {"depth multiplier 3", 5, 6, 10, 30, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1, 10},
    {"depthwise 3x3", 11, 13, 48, 48, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1, 48},
    {"depthwise 3x3 stride 2", 12, 12, 37, 37, 3, 3, 2, 2, 1, 1, 0, 0, 1, 1, 37},
    {"depthwise 5x5 dilated", 13, 9, 21, 21, 5, 5, 1, 1, 2, 2, 4, 4, 4, 4, 21},
    {"depthwise 9x9", 11, 10, 17, 17, 9, 9, 1, 1, 1, 1, 4, 4, 4, 4, 17},
    {"depthwise 1x1", 4, 3, 30, 30, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 30},
    {"fully connected", 1, 1, 1030, 101, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 1},
    {"kernel covers input", 7, 5, 16, 10, 7, 5, 1, 1, 1, 1, 0, 0, 0, 0, 1},
};

static ck_geometry geometry_of(const shape *s) {
    return (ck_geometry){
        .input_height = s->ih, .input_width = s->iw, .input_channels = s->ic,
        .output_height = (s->ih + s->pt + s->pb - s->dy * (s->kh - 1) - 1) / s->sy + 1,
        .output_width = (s->iw + s->pl + s->pr - s->dx * (s->kw - 1) - 1) / s->sx + 1,
        .output_channels = s->oc, .kernel_height = s->kh, .kernel_width = s->kw,
        .stride_height = s->sy, .stride_width = s->sx, .dilation_height = s->dy,
        .dilation_width = s->dx, .pad_top = s->pt, .pad_left = s->pl, .groups = s->groups,
    };
}

static ptrdiff_t output_count(const ck_geometry *g) {
    return g->output_height * g->output_width * g->output_channels;
}

static ptrdiff_t weight_count(const ck_geometry *g) {
    return g->output_channels * g->kernel_height * g->kernel_width * g->input_channels
        / g->groups;
}

static uint64_t digest_float_convolution(const ck_isa *isa, ptrdiff_t index) {
    uint64_t state = 1000 + (uint64_t)index, hash = KG_SEED;
    ck_geometry g = geometry_of(&shapes[index]);
    float *input = float_input(&state, g.input_height * g.input_width * g.input_channels);
    float *weights = float_input(&state, weight_count(&g));
    float *bias = float_input(&state, g.output_channels);
    for (int clamped = 0; clamped < 2; clamped++) {
        ck_clamp clamp = {-1.5f, 6.0f, clamped && index % 3 != 0, clamped && index % 2};
        ck_float_convolution *c = ck_float_convolution_create(&g, weights, bias, clamp);
        if (!c) abort();
        void *scratch = make_buffer(ck_float_convolution_scratch(c));
        float *output = make_buffer((size_t)output_count(&g) * sizeof *output);
        ck_float_convolution_run(isa, c, input, output, NULL, scratch);
        hash = DIGEST(hash, output, output_count(&g));
        ck_float_convolution_destroy(c);
        free(scratch);
    }
    free(bias), free(weights), free(input);
    return hash;
}

/// Space for the statistics of `channels` channels, without any.
static ck_statistics make_statistics(ptrdiff_t channels) {
    size_t count = (size_t)channels;
    ck_statistics s = {
        make_buffer(count * sizeof(double)), make_buffer(count * sizeof(double)),
        make_buffer(count * sizeof(double)), make_buffer(count * sizeof(float)),
        make_buffer(count * sizeof(float))};
    for (ptrdiff_t c = 0; c < channels; c++) {
        s.pre[c] = s.post[c] = s.squares[c] = 0;
        s.low[c] = INFINITY, s.high[c] = -INFINITY;
    }
    return s;
}

static uint64_t digest_observed_convolution(const ck_isa *isa, ptrdiff_t index) {
    uint64_t state = 15000 + (uint64_t)index, hash = KG_SEED;
    ck_geometry g = geometry_of(&shapes[index]);
    ptrdiff_t channels = g.output_channels;
    float *input = float_input(&state, g.input_height * g.input_width * g.input_channels);
    float *weights = float_input(&state, weight_count(&g));
    float *bias = float_input(&state, channels);
    ck_clamp clamp = {-1.5f, 6.0f, index % 3 != 0, index % 2};
    ck_float_convolution *c = ck_float_convolution_create(&g, weights, bias, clamp);
    if (!c) abort();
    void *scratch = make_buffer(ck_float_convolution_scratch(c));
    float *output = make_buffer((size_t)output_count(&g) * sizeof *output);
    ck_statistics s = make_statistics(channels);
    ck_float_convolution_run(isa, c, input, output, &s, scratch);
    ck_float_convolution_destroy(c);
    free(scratch), free(bias), free(weights), free(input);
    hash = DIGEST(hash, output, output_count(&g));
    hash = DIGEST(hash, s.pre, channels);
    hash = DIGEST(hash, s.post, channels);
    hash = DIGEST(hash, s.squares, channels);
    hash = DIGEST(hash, s.low, channels);
    return DIGEST(hash, s.high, channels);
}

/// Weights anywhere in [-255, 255]; bytes minus a zero point, one per channel; or small ones with a
/// hundredth anywhere, as trained networks have them.
typedef enum weight_kind { WIDE, BYTES, TRAINED } weight_kind;

static void draw_weights(
    uint64_t *state, const ck_geometry *g, weight_kind kind, int16_t *weights) {
    static const int16_t zero_points[] = {128, 0, 255, 121, 200};
    ptrdiff_t depth = weight_count(g) / g->output_channels;
    for (ptrdiff_t i = 0; i < weight_count(g); i++) {
        int is_small = kind == TRAINED && draw_int(state, 0, 99) != 0;
        weights[i] = is_small ? (int16_t)draw_int(state, -60, 60)
            : kind == BYTES   ? (int16_t)(draw_int(state, 0, 255) - zero_points[i / depth % 5])
                              : (int16_t)draw_int(state, -255, 255);
    }
}

/// All accumulators, in two calls.
static void accumulate(
    const ck_integer_convolution *c, const ck_geometry *g, const uint8_t *input, int32_t *sums,
    void *scratch) {
    ptrdiff_t height = g->output_height, half = height / 2;
    ck_integer_convolution_accumulate(c, input, 0, half, sums, scratch);
    ck_integer_convolution_accumulate(
        c, input, half, height, sums + half * g->output_width * g->output_channels, scratch);
}

static uint64_t digest_sums_and_bytes(
    const ck_isa *isa, ptrdiff_t index, uint64_t state, weight_kind kind) {
    uint64_t hash = KG_SEED;
    ck_geometry g = geometry_of(&shapes[index]);
    uint8_t *input = byte_input(&state, g.input_height * g.input_width * g.input_channels);
    int16_t *weights = make_input((size_t)weight_count(&g) * sizeof *weights);
    draw_weights(&state, &g, kind, weights);
    int32_t *bias = int_input(&state, g.output_channels, 100000);
    float *multipliers = scale_input(&state, g.output_channels);
    static const uint8_t zero_points[] = {0, 255, 128, 3};
    ck_target target = {zero_points[(index + 1) % 4], index % 3, 255 - index % 5};
    ck_integer_convolution *c =
        ck_integer_convolution_create(isa, &g, weights, zero_points[index % 4]);
    if (!c) abort();
    void *scratch = make_buffer(ck_integer_convolution_scratch(c));
    int32_t *sums = make_buffer((size_t)output_count(&g) * sizeof *sums);
    uint8_t *output = make_buffer((size_t)output_count(&g));
    accumulate(c, &g, input, sums, scratch);
    memset(scratch, 0xA5, ck_integer_convolution_scratch(c));
    ck_integer_convolution_run(
        c, input, output, bias, multipliers, target, NULL, scratch);
    hash = DIGEST(hash, sums, output_count(&g));
    hash = DIGEST(hash, output, output_count(&g));
    ck_integer_convolution_destroy(c);
    free(scratch), free(multipliers), free(bias), free(weights), free(input);
    return hash;
}

static uint64_t digest_integer_convolution(const ck_isa *isa, ptrdiff_t index) {
    return digest_sums_and_bytes(isa, index, 2000 + (uint64_t)index, WIDE);
}

static uint64_t digest_byte_weights(const ck_isa *isa, ptrdiff_t index) {
    return digest_sums_and_bytes(isa, index, 13000 + (uint64_t)index, BYTES);
}

static uint64_t digest_trained_weights(const ck_isa *isa, ptrdiff_t index) {
    return digest_sums_and_bytes(isa, index, 15000 + (uint64_t)index, TRAINED);
}

// Everything else.

static uint64_t digest_formats(const ck_isa *isa, ptrdiff_t index) {
    uint64_t state = 3000 + (uint64_t)index, hash = KG_SEED;
    ptrdiff_t pixels = 13, channels = 5 + 22 * index, count = pixels * channels;
    int32_t *sums = int_input(&state, count, 2000000), *bias = int_input(&state, channels, 5000);
    float *scales = scale_input(&state, channels), *floats = float_input(&state, count);
    uint8_t *bytes = make_buffer((size_t)count), *quantized = make_buffer((size_t)count);
    float *restored = make_buffer((size_t)count * sizeof *restored);
    float *logits = make_buffer((size_t)count * sizeof *logits);
    floats[0] = NAN, floats[1] = INFINITY, floats[2] = -INFINITY, floats[3] = 1e30f;
    sums[0] = INT32_MAX, bias[0] = 1;
    ck_requantize(
        isa, pixels, channels, sums, bias, scales, (ck_target){77, 0, 255}, bytes);
    ck_dequantize_accumulators(isa, pixels, channels, sums, bias, scales, logits);
    ck_quantize(isa, count, floats, 0.03125f, 128, quantized);
    ck_dequantize(isa, count, quantized, 0.7f, 200, restored);
    uint8_t table[256], *looked = make_buffer((size_t)count);
    for (int i = 0; i < 256; i++) table[i] = (uint8_t)draw(&state);
    ck_lookup(isa, count, bytes, table, looked);
    hash = DIGEST(hash, bytes, count);
    hash = DIGEST(hash, quantized, count);
    hash = DIGEST(hash, restored, count);
    hash = DIGEST(hash, logits, count);
    hash = DIGEST(hash, looked, count);
    free(sums), free(bias), free(scales), free(floats);
    return hash;
}

static uint64_t digest_float_operators(const ck_isa *isa, ptrdiff_t index) {
    uint64_t state = 4000 + (uint64_t)index, hash = KG_SEED;
    shape s = {"", 9, 11, 19 + 16 * (int)index, 0, 3, 2, 2, 1, 1, 2, 1, 2, 2, 1, 1};
    s.oc = s.ic;
    ck_geometry g = geometry_of(&s);
    ptrdiff_t pixels = g.input_height * g.input_width, count = pixels * g.input_channels;
    float *a = float_input(&state, count), *b = float_input(&state, count);
    ck_clamp clamp = {0.0f, 2.0f, 1, 1};
    for (int i = 0; i < 6; i++) {
        ptrdiff_t size = i < 2 ? count : i < 5 ? output_count(&g) : g.input_channels;
        float *output = make_buffer((size_t)size * sizeof *output);
        if (i == 0) ck_float_add(isa, count, a, b, clamp, output);
        if (i == 1) ck_float_clamp(isa, count, a, clamp, output);
        if (i == 2) ck_float_max_pool(isa, &g, a, output);
        if (i == 3) ck_float_average_pool(isa, &g, 0, a, output);
        if (i == 4) ck_float_average_pool(isa, &g, 1, a, output);
        if (i == 5) ck_float_global_average_pool(isa, pixels, g.input_channels, a, output);
        hash = DIGEST(hash, output, size);
    }
    free(a), free(b);
    return hash;
}

static uint64_t digest_integer_operators(const ck_isa *isa, ptrdiff_t index) {
    uint64_t state = 5000 + (uint64_t)index, hash = KG_SEED;
    shape s = {"", 9, 11, 19 + 48 * (int)index, 0, 3, 3, 2, 2, 1, 1, 1, 1, 1, 1, 1};
    s.oc = s.ic;
    ck_geometry g = geometry_of(&s);
    ptrdiff_t pixels = g.input_height * g.input_width, count = pixels * g.input_channels;
    uint8_t *a = byte_input(&state, count), *b = byte_input(&state, count);
    ck_target target = {101, 2, 250};
    for (int i = 0; i < 5; i++) {
        ptrdiff_t size = i < 1 ? count : i < 4 ? output_count(&g) : g.input_channels;
        uint8_t *output = make_buffer((size_t)size);
        if (i == 0) ck_integer_add(isa, count, a, 0.3f, 12, b, 0.2f, 255, 0.4f, target, output);
        if (i == 1) ck_integer_max_pool(isa, &g, a, output);
        if (i == 2) ck_integer_average_pool(isa, &g, 0, a, 0.25f, 9, 0.25f, target, output);
        if (i == 3) ck_integer_average_pool(isa, &g, 1, a, 0.3f, 255, 0.2f, target, output);
        if (i == 4) {
            ck_integer_global_average_pool(
                isa, pixels, g.input_channels, a, 0.3f, 100, 0.07f, target, output);
        }
        hash = DIGEST(hash, output, size);
    }
    free(a), free(b);
    return hash;
}

static uint64_t digest_statistics(const ck_isa *isa, ptrdiff_t index) {
    uint64_t state = 6000 + (uint64_t)index, hash = KG_SEED;
    ptrdiff_t pixels = 150, channels = 3 + 18 * index, count = pixels * channels;
    float *drawn = float_input(&state, count), *reference = float_input(&state, count);
    float *values = make_buffer((size_t)count * sizeof *values);
    memcpy(values, drawn, (size_t)count * sizeof *values);
    uint8_t *bytes = byte_input(&state, count);
    int32_t *accumulators = int_input(&state, count, INT32_MAX / 2);
    double *doubles = make_buffer((size_t)channels * 5 * sizeof *doubles);
    float *bounds = make_buffer((size_t)channels * 2 * sizeof *bounds);
    int64_t *sums = make_buffer((size_t)channels * 2 * sizeof *sums);
    for (ptrdiff_t c = 0; c < 5 * channels; c++) doubles[c] = 0.125 * (double)c;
    for (ptrdiff_t c = 0; c < 2 * channels; c++) {
        bounds[c] = c < channels ? INFINITY : -INFINITY;
        sums[c] = c;
    }
    ck_float_statistics(
        isa, pixels, channels, values, (ck_clamp){0.0f, 3.0f, 1, index % 2 == 0},
        (ck_statistics){
            doubles, doubles + channels, doubles + 2 * channels, bounds, bounds + channels});
    ck_error_statistics(
        isa, pixels, channels, reference, bytes, 0.03f, 120, doubles + 3 * channels,
        doubles + 4 * channels);
    ck_accumulator_sums(isa, pixels, channels, accumulators, sums);
    ck_byte_sums(isa, pixels, channels, bytes, sums + channels);
    hash = DIGEST(hash, values, count);
    hash = DIGEST(hash, doubles, 5 * channels);
    hash = DIGEST(hash, bounds, 2 * channels);
    hash = DIGEST(hash, sums, 2 * channels);
    free(drawn), free(reference), free(bytes), free(accumulators);
    return hash;
}

/// More pixels than a block stays in registers for; fewer channels than its lanes, and more.
static uint64_t digest_correction_sums(const ck_isa *isa, ptrdiff_t index) {
    uint64_t state = 13000 + (uint64_t)index, hash = KG_SEED;
    ptrdiff_t pixels = 150, channels = 7 + 270 * index, count = pixels * channels;
    int32_t *accumulators = int_input(&state, count, 2000000);
    int32_t *bias = int_input(&state, channels, 5000), *raised = int_input(&state, channels, 5000);
    float *scales = scale_input(&state, channels);
    int64_t *sums = make_buffer(3 * (size_t)channels * sizeof *sums);
    for (ptrdiff_t c = 0; c < 3 * channels; c++) sums[c] = -c;
    accumulators[0] = INT32_MAX, bias[0] = 1;
    ck_correction_sums(
        isa, pixels, channels, accumulators,
        (ck_correction){
            bias, raised, scales, {77, 3, 250}, sums, sums + channels, sums + 2 * channels});
    hash = DIGEST(hash, sums, 3 * channels);
    free(accumulators), free(bias), free(raised), free(scales);
    return hash;
}

static uint64_t digest_masks(const ck_isa *isa, ptrdiff_t index) {
    uint64_t state = 7000 + (uint64_t)index, hash = KG_SEED;
    ck_geometry g = geometry_of(&shapes[index]);
    ptrdiff_t pixels = g.output_height * g.output_width, channels = g.output_channels;
    ptrdiff_t mask_bytes = pixels * ((channels + 7) / 8);
    uint8_t *input = byte_input(&state, g.input_height * g.input_width * g.input_channels);
    int16_t *weights = make_input((size_t)weight_count(&g) * sizeof *weights);
    for (ptrdiff_t i = 0; i < weight_count(&g); i++) {
        weights[i] = (int16_t)draw_int(&state, -255, 255);
    }
    int32_t *bias = int_input(&state, channels, 100000);
    float *multipliers = scale_input(&state, channels);
    int32_t *low = int_input(&state, channels, 200000), *high = int_input(&state, channels, 900000);
    ck_integer_convolution *c = ck_integer_convolution_create(isa, &g, weights, 77);
    if (!c) abort();
    void *scratch = make_buffer(ck_integer_convolution_scratch(c));
    int32_t *sums = make_buffer((size_t)output_count(&g) * sizeof *sums);
    uint8_t *output = make_buffer((size_t)output_count(&g));
    ck_pass passes[2] = {{low, high, make_buffer((size_t)mask_bytes)}, {low, high, NULL}};
    passes[1].mask = make_buffer((size_t)mask_bytes);
    ck_target target = {128, 3, 250};
    accumulate(c, &g, input, sums, scratch);
    ck_accumulator_mask(isa, pixels, channels, sums, bias, passes[0]);
    ck_integer_convolution_run(
        c, input, output, bias, multipliers, target, &passes[1], scratch);
    hash = DIGEST(hash, sums, output_count(&g));
    hash = DIGEST(hash, output, output_count(&g));
    hash = DIGEST(hash, passes[0].mask, mask_bytes);
    hash = DIGEST(hash, passes[1].mask, mask_bytes);
    ck_integer_convolution_destroy(c);
    free(scratch), free(high), free(low), free(multipliers), free(bias), free(weights);
    free(input);
    return hash;
}

static uint64_t digest_masked_operators(const ck_isa *isa, ptrdiff_t index) {
    uint64_t state = 8000 + (uint64_t)index, hash = KG_SEED;
    shape s = {"", 9, 11, 19 + 53 * (int)index, 0, 3, 3, 2, 2, 1, 2, 1, 2, 1, 1, 1};
    s.oc = s.ic;
    ck_geometry g = geometry_of(&s);
    ptrdiff_t pixels = g.input_height * g.input_width, count = pixels * g.input_channels;
    ptrdiff_t stride = (g.input_channels + 7) / 8, pooled = g.output_height * g.output_width;
    uint8_t *a = byte_input(&state, count), *b = byte_input(&state, count), table[256];
    for (int i = 0; i < 256; i++) table[i] = (uint8_t)(draw(&state) >> 63);
    ck_target target = {101, 2, 250};
    ck_clamp clamp = {-3.0f, 9.0f, 1, index % 2};
    for (int i = 0; i < 4; i++) {
        ptrdiff_t size = i < 1 ? count : output_count(&g);
        ptrdiff_t mask_bytes = stride * (i == 0 ? pixels : pooled);
        uint8_t *output = make_buffer((size_t)size), *mask = make_buffer((size_t)mask_bytes);
        if (i == 0) {
            ck_integer_add_masked(
                isa, pixels, g.input_channels, a, 0.3f, 12, b, 0.2f, 255, 0.4f, target, clamp,
                output, mask);
        } else if (i < 3) {
            ck_integer_average_pool_masked(
                isa, &g, i == 1, a, 0.3f, 120, 0.1f, target, clamp, output, mask);
        } else {
            uint16_t *indices = make_buffer((size_t)size * sizeof *indices);
            ck_integer_max_pool_indexed(isa, &g, a, output, indices);
            ck_lookup_mask(isa, pooled, g.input_channels, b, table, mask);
            hash = DIGEST(hash, indices, size);
        }
        hash = DIGEST(hash, output, size);
        hash = DIGEST(hash, mask, mask_bytes);
    }
    free(a), free(b);
    return hash;
}

static uint64_t digest_gradients(const ck_isa *isa, ptrdiff_t index) {
    uint64_t state = 9000 + (uint64_t)index, hash = KG_SEED;
    shape s = {"", 9, 11, 19 + 53 * (int)index, 0, 3, 2, 2, 1, 1, 2, 1, 2, 2, 1, 1};
    s.oc = s.ic;
    ck_geometry g = geometry_of(&s);
    ptrdiff_t channels = g.input_channels, pixels = g.input_height * g.input_width;
    ptrdiff_t count = pixels * channels, outputs = output_count(&g);
    float *drawn = float_input(&state, count);
    uint8_t *mask = byte_input(&state, pixels * ((channels + 7) / 8));
    uint16_t *indices = make_input((size_t)outputs * sizeof *indices);
    for (ptrdiff_t i = 0; i < outputs; i++) indices[i] = (uint16_t)draw_int(&state, 0, 6);
    for (int i = 0; i < 6; i++) {
        float *gradient = make_buffer((size_t)count * sizeof *gradient);
        if (i == 0) ck_max_pool_gradient(isa, &g, indices, drawn, gradient);
        if (i == 1) ck_average_pool_gradient(isa, &g, 0, drawn, gradient);
        if (i == 2) ck_average_pool_gradient(isa, &g, 1, drawn, gradient);
        if (i == 3) ck_global_average_pool_gradient(isa, pixels, channels, drawn, gradient);
        if (i >= 4) {
            double *sums = make_buffer((size_t)channels * sizeof *sums);
            for (ptrdiff_t c = 0; c < channels; c++) sums[c] = 0.125 * (double)c;
            memcpy(gradient, drawn, (size_t)count * sizeof *gradient);
            ck_mask_gradient(isa, pixels, channels, i == 4 ? mask : NULL, gradient, sums);
            hash = DIGEST(hash, sums, channels);
        }
        hash = DIGEST(hash, gradient, count);
    }
    free(drawn), free(mask), free(indices);
    return hash;
}

static uint64_t digest_exponentials(const ck_isa *isa, ptrdiff_t index) {
    uint64_t state = 17000 + (uint64_t)index, hash = KG_SEED;
    ptrdiff_t count = 777 + 1000 * index;
    float *input = float_input(&state, count);
    for (ptrdiff_t i = 0; i < count; i++) input[i] *= 40.0f;
    for (int i = 0; i < 4; i++) {
        float *output = make_buffer((size_t)count * sizeof *output);
        if (i == 0) ck_float_sigmoid(isa, count, input, output);
        if (i == 1) ck_float_silu(isa, count, input, output);
        if (i == 2) ck_float_tanh(isa, count, input, output);
        if (i == 3) ck_float_leaky_relu(isa, count, input, 0.1f, output);
        hash = DIGEST(hash, output, count);
    }
    free(input);
    return hash;
}

static uint64_t digest_functions(const ck_isa *isa, ptrdiff_t index) {
    uint64_t state = 11000 + (uint64_t)index, hash = KG_SEED;
    ptrdiff_t pixels = 37, channels = 21 + 60 * index, count = pixels * channels;
    ptrdiff_t step = index == 0 ? 0 : channels, mask_bytes = pixels * ((channels + 7) / 8);
    float *a = float_input(&state, count), *b = float_input(&state, count);
    float *slopes = float_input(&state, 256);
    uint8_t *x = byte_input(&state, count), *y = byte_input(&state, count);
    ck_clamp clamp = {-1.0f, 4.0f, 1, index % 2};
    ck_target target = {101, 2, 250};
    ck_lrn lrn = {5 - 2 * index, 0.7f, 0.75f, 1.25f};
    for (int i = 0; i < 8; i++) {
        float *output = make_buffer((size_t)count * sizeof *output);
        ptrdiff_t size = i == 6 ? channels : count;
        if (i == 0) ck_float_hard_sigmoid(isa, count, a, 0.2f, 0.5f, output);
        if (i == 1) ck_float_hard_swish(isa, count, a, output);
        if (i == 2) ck_float_multiply(isa, pixels, channels, a, b, step, clamp, output);
        if (i == 3) ck_float_lrn(isa, pixels, channels, lrn, a, output);
        if (i == 4) ck_lookup_gradient(isa, count, x, slopes, a, output);
        if (i == 5) ck_multiply_gradient(isa, pixels, channels, a, y, 0.1f, 77, step, output);
        if (i == 6) {
            // One pixel; the guard begins behind it.
            ck_multiply_gradient_sum(isa, pixels, channels, a, x, 0.3f, 120, output);
        }
        if (i == 7) {
            double *scratch = make_buffer((size_t)channels * sizeof *scratch);
            ck_lrn_gradient(isa, pixels, channels, lrn, a, b, output, scratch);
            hash = DIGEST(hash, scratch, channels);
        }
        hash = DIGEST(hash, output, size);
    }
    for (int i = 0; i < 3; i++) {
        uint8_t *output = make_buffer((size_t)count), *mask = make_buffer((size_t)mask_bytes);
        if (i == 0) {
            ck_integer_multiply(
                isa, pixels, channels, x, 0.1f, 12, y, 0.2f, 130, step, 2.5f, target, output);
        }
        if (i == 1) {
            ck_integer_multiply_masked(
                isa, pixels, channels, x, 0.1f, 12, y, 0.2f, 130, step, 0.5f, target, clamp,
                output, mask);
        }
        if (i == 2) ck_quantize_mask(isa, pixels, channels, a, 0.02f, 120, clamp, mask);
        hash = DIGEST(hash, output, count);
        hash = DIGEST(hash, mask, mask_bytes);
    }
    free(a), free(b), free(slopes), free(x), free(y);
    return hash;
}

/// Windows moved inwards by negative pads, as gradients of convolutions use them.
static uint64_t digest_inward_windows(const ck_isa *isa, ptrdiff_t index) {
    static const shape moved[] = {
        {"", 9, 8, 18, 20, 3, 2, 1, 1, 1, 2, -1, -2, 2, 1, 1},
        {"", 7, 9, 19, 19, 2, 3, 1, 1, 1, 1, -2, -1, 0, -1, 19},
        {"", 6, 5, 12, 9, 1, 1, 1, 1, 1, 1, -1, 0, 1, 0, 3},
        {"", 3, 3, 17, 5, 1, 2, 1, 1, 1, 1, -2, -4, 4, 9, 1},
    };
    uint64_t state = 10000 + (uint64_t)index;
    ck_geometry g = geometry_of(&moved[index]);
    float *input = float_input(&state, g.input_height * g.input_width * g.input_channels);
    float *weights = float_input(&state, weight_count(&g));
    float *bias = float_input(&state, g.output_channels);
    ck_float_convolution *c = ck_float_convolution_create(&g, weights, bias, (ck_clamp){0});
    if (!c) abort();
    void *scratch = make_buffer(ck_float_convolution_scratch(c));
    float *output = make_buffer((size_t)output_count(&g) * sizeof *output);
    ck_float_convolution_run(isa, c, input, output, NULL, scratch);
    ck_float_convolution_destroy(c);
    free(scratch), free(bias), free(weights), free(input);
    return DIGEST(KG_SEED, output, output_count(&g));
}

// The list.

enum { KG_SHAPES = sizeof shapes / sizeof *shapes };

/// Cases by family, in any order: digests.h names both. The cases of `KG_SHAPES` have the shapes'
/// names, the others their place.
static const struct {
    const char *name;
    uint64_t (*digest)(const ck_isa *, ptrdiff_t);
    ptrdiff_t count;
} families[] = {
    {"float convolution", digest_float_convolution, KG_SHAPES},
    {"integer convolution", digest_integer_convolution, KG_SHAPES},
    {"formats", digest_formats, 2},
    {"float operators", digest_float_operators, 2},
    {"integer operators", digest_integer_operators, 2},
    {"statistics", digest_statistics, 2},
    {"masked integer convolution", digest_masks, KG_SHAPES},
    {"masked operators", digest_masked_operators, 2},
    {"gradients", digest_gradients, 2},
    {"inward windows", digest_inward_windows, 4},
    {"functions", digest_functions, 2},
    {"exponential functions", digest_exponentials, 2},
    {"integer convolution, weights of a byte", digest_byte_weights, KG_SHAPES},
    {"correction sums", digest_correction_sums, 2},
    {"integer convolution, weights as trained", digest_trained_weights, KG_SHAPES},
    {"float convolution with statistics", digest_observed_convolution, KG_SHAPES},
};

enum { KG_FAMILIES = sizeof families / sizeof *families };

static const char *const places[] = {"0", "1", "2", "3", "4", "5", "6", "7"};

static const struct {
    const char *family, *name;
    uint64_t digest;
} recorded[] = {
#include "digests.h"
};

/// Family of case `index`, and its place there.
static ptrdiff_t locate(ptrdiff_t index, ptrdiff_t *within) {
    ptrdiff_t family = 0;
    while (index >= families[family].count) index -= families[family++].count;
    *within = index;
    return family;
}

ptrdiff_t kg_count(void) {
    ptrdiff_t count = 0;
    for (int i = 0; i < KG_FAMILIES; i++) count += families[i].count;
    return count;
}

ptrdiff_t kg_recorded(void) { return (ptrdiff_t)(sizeof recorded / sizeof *recorded); }

const char *kg_family(ptrdiff_t index) {
    ptrdiff_t within;
    return families[locate(index, &within)].name;
}

const char *kg_name(ptrdiff_t index) {
    ptrdiff_t within, family = locate(index, &within);
    return families[family].count == KG_SHAPES ? shapes[within].name : places[within];
}

uint64_t kg_expected(ptrdiff_t index) {
    for (ptrdiff_t i = 0; i < kg_recorded(); i++) {
        if (!strcmp(recorded[i].family, kg_family(index))
            && !strcmp(recorded[i].name, kg_name(index))) {
            return recorded[i].digest;
        }
    }
    return 0;
}

uint64_t kg_digest(const ck_isa *isa, ptrdiff_t index) {
    ptrdiff_t within, family = locate(index, &within);
    return families[family].digest(isa, within);
}
