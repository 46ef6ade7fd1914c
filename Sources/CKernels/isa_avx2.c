// SPDX-License-Identifier: Apache-2.0

// The kernels for x86-64 with AVX2 and FMA; only called where both exist.
#if defined(__x86_64__)

#include "isa.h"

#define CK_ATTRIBUTES __attribute__((target("avx2,fma")))

// Order matters: a body uses those before it.
#include "bodies/common.h"
#include "bodies/common_avx2.h"
#include "bodies/float_gemm_3x32_avx2.h"
#include "bodies/float_depthwise_4x16_avx2.h"
#include "bodies/float_depthwise_runs.h"
#define CK_FLOAT_DEPTHWISE_ROW float_depthwise_runs
#include "bodies/float_statistics.h"
#include "bodies/float_convolution.h"
#include "bodies/integer_gemm_6x16_avx2.h"
#include "bodies/integer_words.h"
#include "bodies/integer_pairs.h"
#include "bodies/integer_quad_rows.h"
#include "bodies/integer_pairs_6x16_avx2.h"
#include "bodies/integer_panels_avx2.h"
#include "bodies/integer_depthwise_4x16_avx2.h"
#include "bodies/mask.h"
#include "bodies/requantize_avx2.h"
#include "bodies/integer_convolution.h"
#include "bodies/mask_gradient_4x8_avx2.h"
#include "bodies/peak_avx2.h"
#include "bodies/plain.h"

const ck_isa ck_table_avx2 = {
    .name = "avx2",
#include "bodies/table.h"
};

#endif
