// SPDX-License-Identifier: Apache-2.0

// Golden digests of the kernels: FNV-1a 64 over the output bits for seeded inputs. One list for the
// Swift tests and for the standalone program that scripts/checks/check-kernels runs on other
// instruction sets and under sanitizers.
#pragma once

#include <CKernels.h>

/// Number of cases.
ptrdiff_t kg_count(void);
const char *kg_name(ptrdiff_t index);
uint64_t kg_expected(ptrdiff_t index);
/// Runs case `index`. Buffers are poisoned first; bytes behind an output that were written change
/// the digest.
uint64_t kg_digest(const ck_isa *isa, ptrdiff_t index);
