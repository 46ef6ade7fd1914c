// SPDX-License-Identifier: Apache-2.0

import Glibc
import Synchronization

/// SIGHUP as the wish to read the allow-list again, instead of the end of the process.
package enum ReloadSignal {
    private static let arrived = Atomic<Bool>(false)

    /// From here on SIGHUP no longer ends the process.
    package static func install() {
        // Initializes the flag before the handler can run.
        arrived.store(false, ordering: .relaxed)
        signal(SIGHUP) { _ in ReloadSignal.arrived.store(true, ordering: .relaxed) }
    }

    /// Whether it came since the last call.
    static func take() -> Bool { arrived.exchange(false, ordering: .relaxed) }
}
