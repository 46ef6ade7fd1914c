import Dispatch
import Synchronization

/// Runs parts that do not depend on each other at the same time.
/// - Throws: what the first part that failed, in their order, threw; the others have run all the same.
func runSideBySide(_ parts: [@Sendable () throws -> Void]) throws {
    let failures = Mutex([(any Error)?](repeating: nil, count: parts.count))
    DispatchQueue.concurrentPerform(iterations: parts.count) { index in
        do {
            try parts[index]()
        } catch {
            failures.withLock { $0[index] = error }
        }
    }
    if let failure = failures.withLock({ $0.lazy.compactMap(\.self).first }) { throw failure }
}
