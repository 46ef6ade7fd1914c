// SPDX-License-Identifier: Apache-2.0

import ZeroMQ

/// Holds connected peers to the allow-list while a job runs: libzmq checks a key once, when the
/// connection is made.
struct KeyReview {
    /// Something to tell the operator.
    enum Finding: Equatable {
        /// The list admits other keys than before: what it added and removed.
        case changed(added: [String], removed: [String])
        /// The list cannot be used as it is; the earlier one stays in force.
        case unusable(ZeroMQError)
        case usableAgain
    }

    /// Nil on a socket without CURVE: there are no keys to review.
    private let watch: AllowListWatch?
    private var reading: AllowListWatch.Reading?
    private var nextLook = Duration.zero
    /// Connections whose messages are dropped, reported once each.
    private var dropped: Set<PeerID> = []

    private static let interval = Duration.seconds(1)

    init(_ watch: AllowListWatch?) {
        self.watch = watch
        reading = watch?.refresh()
    }

    /// Whether messages of this peer count.
    func admits(_ message: IncomingMessage) -> Bool {
        guard let reading else { return true }
        return message.user.map { reading.keys.admits($0.publicKey) } ?? false
    }

    func admits(_ key: PublicKey) -> Bool { reading?.keys.admits(key) ?? true }

    /// - Returns: whether this is the first message of that connection to be dropped.
    mutating func drop(_ peer: PeerID) -> Bool { dropped.insert(peer).inserted }

    /// Reads the list again if it is time, or at once.
    mutating func look(at now: Duration, isDemanded: Bool) -> [Finding] {
        guard let watch, let earlier = reading, isDemanded || now >= nextLook else { return [] }
        nextLook = now + Self.interval
        let current = watch.refresh(isForced: isDemanded)
        reading = current
        var findings: [Finding] = []
        if current.generation != earlier.generation {
            dropped = []
            let (old, new) = (earlier.keys.names, current.keys.names)
            findings.append(
                .changed(
                    added: new.filter { old[$0.key] == nil }.values.sorted(),
                    removed: old.filter { new[$0.key] == nil }.values.sorted()))
        }
        if let fault = current.fault, fault != earlier.fault {
            findings.append(.unusable(fault))
        } else if current.fault == nil, earlier.fault != nil {
            findings.append(.usableAgain)
        }
        for problem in current.keys.problems where !earlier.keys.problems.contains(problem) {
            findings.append(.unusable(problem))
        }
        return findings
    }
}
