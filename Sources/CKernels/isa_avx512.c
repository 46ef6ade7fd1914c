// SPDX-License-Identifier: Apache-2.0

// The kernels for x86-64 with AVX-512 (F, BW, DQ, VL) and VNNI; only called where all of them
// exist.
#if defined(__x86_64__)

#include "isa.h"

#include <stdlib.h>

#define CK_ATTRIBUTES \
    __attribute__((target("avx2,fma,avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")))

// Order matters: a body uses those before it.
#include "bodies/common.h"
#include "bodies/common_avx2.h"
#include "bodies/common_avx512.h"
#include "bodies/float_gemm_12x32_avx512.h"
#include "bodies/float_depthwise_4x16_avx512.h"
#include "bodies/float_depthwise_runs.h"
#include "bodies/float_depthwise_row_8x16_avx512.h"
#include "bodies/float_statistics.h"
#include "bodies/float_convolution.h"
#include "bodies/mask.h"
#include "bodies/requantize_avx2.h"
#include "bodies/integer_quads.h"
#include "bodies/integer_quad_rows.h"
#include "bodies/integer_tile_avx512.h"
#include "bodies/integer_gemm_14x32_avx512.h"
#include "bodies/integer_depthwise_4x16_avx512.h"
#include "bodies/integer_convolution_avx512.h"
#include "bodies/mask_gradient_4x8_avx2.h"
#include "bodies/peak_avx512.h"
#include "bodies/plain.h"

const ck_isa ck_table_avx512 = {
    .name = "avx512",
#include "bodies/table.h"
};

#endif
