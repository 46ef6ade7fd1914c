// SPDX-License-Identifier: Apache-2.0

// The kernels for aarch64 as every such processor runs them: Advanced SIMD of ARMv8.0.
#if defined(__AARCH64EL__)

#include "isa.h"

#define CK_ATTRIBUTES

// Order matters: a body uses those before it.
#include "bodies/common.h"
#include "bodies/common_neon.h"
#include "bodies/float_gemm_6x16_neon.h"
#include "bodies/float_depthwise_8x8_neon.h"
#include "bodies/float_depthwise_runs.h"
#define CK_FLOAT_DEPTHWISE_ROW float_depthwise_runs
#include "bodies/float_statistics.h"
#include "bodies/float_convolution.h"
#include "bodies/integer_gemm_6x16_neon.h"
#include "bodies/integer_depthwise_4x16_neon.h"
#include "bodies/mask.h"
#include "bodies/requantize_neon.h"
#include "bodies/integer_words.h"
#include "bodies/integer_panels.h"
#include "bodies/integer_convolution.h"
#include "bodies/mask_gradient_1x8.h"
#include "bodies/peak.h"
#include "bodies/plain.h"

const ck_isa ck_table_neon = {
    .name = "neon",
#include "bodies/table.h"
};

#endif
