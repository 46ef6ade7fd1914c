// SPDX-License-Identifier: Apache-2.0

import Glibc

/// Time since the driver started; jumps of the wall clock do not touch it.
struct MonotonicClock {
    private let start = ContinuousClock.now

    var now: Duration { ContinuousClock.now - start }

    /// Processor time of this process so far.
    static var processorTime: Duration {
        var time = timespec()
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
        return .seconds(time.tv_sec) + .nanoseconds(time.tv_nsec)
    }
}
