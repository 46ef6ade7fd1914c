// SPDX-License-Identifier: Apache-2.0

// Members of a function table, in the order of struct ck_isa.
#define CK_TABLE(isa_name) \
    { \
        .name = isa_name, .float_convolution = float_convolution, .float_pair = float_pair, \
        .integer_pack = integer_pack, .integer_scratch = integer_scratch, \
        .integer_accumulate = integer_accumulate, .integer_run = integer_run, \
        .requantize = requantize, .dequantize_accumulators = dequantize_accumulators, \
        .quantize = quantize, .dequantize = dequantize, .float_add = float_add, \
        .float_clamp = float_clamp, .float_max_pool = float_max_pool, \
        .float_average_pool = float_average_pool, \
        .float_global_average_pool = float_global_average_pool, .integer_add = integer_add, \
        .integer_max_pool = integer_max_pool, .integer_average_pool = integer_average_pool, \
        .integer_global_average_pool = integer_global_average_pool, .lookup = lookup, \
        .float_statistics = float_statistics, .accumulator_sums = accumulator_sums, \
        .byte_sums = byte_sums, .correction_sums = correction_sums, \
        .error_statistics = error_statistics, \
        .accumulator_mask = accumulator_mask, .integer_add_masked = integer_add_masked, \
        .integer_max_pool_indexed = integer_max_pool_indexed, .lookup_mask = lookup_mask, \
        .mask_gradient = mask_gradient, .max_pool_gradient = max_pool_gradient, \
        .average_pool_gradient = average_pool_gradient, \
        .global_average_pool_gradient = global_average_pool_gradient, \
        .float_hard_sigmoid = float_hard_sigmoid, .float_hard_swish = float_hard_swish, \
        .float_multiply = float_multiply, .integer_multiply = integer_multiply, \
        .float_lrn = float_lrn, .lookup_gradient = lookup_gradient, \
        .multiply_gradient = multiply_gradient, \
        .multiply_gradient_sum = multiply_gradient_sum, .lrn_gradient = lrn_gradient, \
        .quantize_mask = quantize_mask, .float_peak = float_peak, \
        .integer_peak = integer_peak, \
    }
