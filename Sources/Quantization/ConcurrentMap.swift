// SPDX-License-Identifier: Apache-2.0

import Dispatch

/// The results of `body` for every index in `0..<count`, in order; calls run on all cores.
func concurrentMap<Result: Sendable>(
    _ count: Int, _ body: @Sendable (Int) -> Result
) -> [Result] {
    [Result](unsafeUninitializedCapacity: count) { buffer, initialized in
        // Every iteration has a place of its own.
        nonisolated(unsafe) let places = buffer
        DispatchQueue.concurrentPerform(iterations: count) { index in
            places.initializeElement(at: index, to: body(index))
        }
        initialized = count
    }
}
