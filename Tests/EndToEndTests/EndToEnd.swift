// SPDX-License-Identifier: Apache-2.0

import Testing

/// Tests with real processes, one after the other: they share the machine's cores.
@Suite(.serialized, .staysFlat) enum EndToEnd {}
