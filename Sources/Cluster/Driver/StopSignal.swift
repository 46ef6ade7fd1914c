import Dispatch
import Foundation
import Synchronization
import ZeroMQ

/// SIGINT and SIGTERM as something a poll loop can wait for.
package final class StopSignal: @unchecked Sendable {
    // Sendable: `sources` is never touched after init.
    let wakeup: Wakeup
    private let reason: Mutex<String?> = Mutex(nil)
    private var sources: [any DispatchSourceSignal] = []

    /// - Throws: when the process is out of file descriptors.
    package init() throws {
        wakeup = try Wakeup()
        for (number, name) in [(SIGTERM, "SIGTERM"), (SIGINT, "SIGINT")] {
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
            source.setEventHandler { [unowned self] in
                reason.withLock { $0 = name }
                wakeup.signal()
            }
            source.resume()
            sources.append(source)
        }
    }

    deinit { for source in sources { source.cancel() } }

    /// Name of the signal that arrived, nil while none has.
    package var received: String? { reason.withLock { $0 } }
}
