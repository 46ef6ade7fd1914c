// SPDX-License-Identifier: Apache-2.0

import Dispatch
import Synchronization

/// The results of two parts that do not depend on each other, the second computed on another
/// thread.
///
/// Each may use all cores itself, which a part of ``runConcurrently(_:)`` cannot: Dispatch gives
/// nested loops no further threads.
/// - Throws: what the first part that failed threw; the other has run all the same.
func concurrentPair<First, Second: Sendable>(
    _ first: () throws -> First, _ second: @escaping @Sendable () throws -> Second
) throws -> (First, Second) {
    let other = Mutex<Result<Second, any Error>?>(nil)
    let group = DispatchGroup()
    DispatchQueue.global().async(group: group) {
        let result = Result(catching: second)
        other.withLock { $0 = result }
    }
    let mine = Result(catching: first)
    group.wait()
    guard let other = other.withLock({ $0 }) else {
        preconditionFailure("the second part has come to its end")
    }
    return (try mine.get(), try other.get())
}

/// Runs parts that do not depend on each other at the same time.
/// - Throws: what the first part that failed, in their order, threw; the others have run all the
///   same.
func runConcurrently(_ parts: [@Sendable () throws -> Void]) throws {
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
