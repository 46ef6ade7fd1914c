// SPDX-License-Identifier: Apache-2.0

// Golden digests of the kernels: FNV-1a 64 over the output bits for seeded inputs. One list for the
// Swift tests and for the standalone program that scripts/checks/check-kernels runs on other
// instruction sets and under sanitizers.
#pragma once

#include <CKernels.h>

/// Number of cases.
ptrdiff_t kg_count(void);
/// What case `index` is called: its family and its name there, together unlike any other.
const char *kg_family(ptrdiff_t index);
const char *kg_name(ptrdiff_t index);
/// The digest recorded under that name; 0 if there is none.
uint64_t kg_expected(ptrdiff_t index);
/// Number of digests recorded: as many as cases.
ptrdiff_t kg_recorded(void);
/// Runs case `index`. Buffers are poisoned first; bytes behind an output that were written change
/// the digest.
uint64_t kg_digest(const ck_isa *isa, ptrdiff_t index);
