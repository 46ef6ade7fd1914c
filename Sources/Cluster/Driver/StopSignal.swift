import Dispatch
import Foundation
import Synchronization
import ZeroMQ

/// SIGINT and SIGTERM as something a poll loop can wait for.
package final class StopSignal: Sendable {
    let wakeup: Wakeup
    private let reason = Mutex<String?>(nil)
    private let sources = Mutex<[any DispatchSourceSignal]>([])

    /// - Throws: when the process is out of file descriptors.
    package init() throws {
        wakeup = try Wakeup()
        for (number, name) in [(SIGTERM, "SIGTERM"), (SIGINT, "SIGINT")] {
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
            source.setEventHandler { [self] in
                reason.withLock { $0 = name }
                wakeup.signal()
            }
            source.resume()
            sources.withLock { $0.append(source) }
        }
    }

    /// Name of the signal that arrived, nil while none has.
    package var received: String? { reason.withLock { $0 } }
}
