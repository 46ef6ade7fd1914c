// SPDX-License-Identifier: Apache-2.0

// No multiplication is fused with an addition unless fmaf or an intrinsic says so: the bits are the
// contract. The first include of every source with arithmetic, since intrinsics are functions in
// headers and must fall under it too. It holds against every option but Clang's
// -ffp-contract=fast, which is defined to pass over pragmas; scripts/checks/check-kernels compiles
// with options that ask for contraction.
#pragma once

#if defined(__FAST_MATH__)
#error "The kernels give the same bits everywhere; -ffast-math would change them."
#endif

#if defined(__clang__)
#pragma STDC FP_CONTRACT OFF
#else
#pragma GCC optimize("fp-contract=off")
#endif
