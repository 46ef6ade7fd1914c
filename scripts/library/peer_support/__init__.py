# SPDX-License-Identifier: Apache-2.0
"""Other tools on the same images: their quantizers, and how networks are compared. Used by
scripts/reproduce and scripts/benchmarks/peers."""
