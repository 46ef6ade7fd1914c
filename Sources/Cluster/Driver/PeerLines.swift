// SPDX-License-Identifier: Apache-2.0

/// Lines of log that connected peers cause: so many for each key, or for each address where there
/// are no keys. What is beyond that is counted.
struct PeerLines {
    private struct Account {
        var credit: Double
        var touched: Duration
    }

    /// Lines at once, and those that come back in a second.
    private let burst: Double
    private let perSecond: Double
    private var accounts: [Credentials: Account] = [:]
    private var leftOut = RefusalTally<Credentials>()

    /// Accounts at a time; peers beyond share one.
    private static let capacity = 4_096

    /// - Parameters:
    ///   - burst: above 0; as many as workers that start together, with one key, may need.
    ///   - perSecond: above 0.
    init(burst: Int = 1_024, perSecond: Int = 4) {
        self.burst = Double(burst)
        self.perSecond = Double(perSecond)
    }

    /// Whether a line about this peer may be written now. Local workers have no account.
    mutating func spend(_ peer: Credentials, at now: Duration) -> Bool {
        guard peer.key != nil || peer.address != nil else { return true }
        // A key is one peer wherever it is used.
        let known = peer.key == nil ? peer : Credentials(key: peer.key, name: peer.name)
        let isFull = accounts[known] == nil && accounts.count >= Self.capacity
        let payer = isFull ? Credentials(name: "others") : known
        var account = accounts[payer] ?? Account(credit: burst, touched: now)
        let earned = (now - account.touched).seconds * perSecond
        account = Account(credit: min(burst, account.credit + earned), touched: now)
        let isAllowed = account.credit >= 1
        if isAllowed {
            account.credit -= 1
        } else if leftOut.note(payer, at: now) {
            // The first is told with those that follow, and counts like them.
            _ = leftOut.note(payer, at: now)
        }
        accounts[payer] = account
        return isAllowed
    }

    /// Peers with lines that were left out, and how many since they were told last.
    mutating func due(at now: Duration) -> [(cause: Credentials, count: Int)] {
        leftOut.due(at: now)
    }
}
