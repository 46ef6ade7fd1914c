// SPDX-License-Identifier: Apache-2.0

/// Who is shut out because its results were wrong: keys, and connections of peers that have none.
struct Quarantine: Hashable, Sendable {
    /// So many connections without a key make all of them untrustworthy: whoever is behind them
    /// comes back under another name.
    static let keylessLimit = 3

    /// In the order of their discovery.
    private(set) var accounts: [Account] = []
    private var keys: Set<String> = []
    private var connections: Set<WorkerID> = []

    var isEmpty: Bool { accounts.isEmpty }

    func excludes(_ worker: WorkerID, _ credentials: Credentials) -> Bool {
        if let key = credentials.key { return keys.contains(key) }
        return connections.contains(worker) || connections.count >= Self.keylessLimit
    }

    func excludes(_ account: Account) -> Bool { excludes(account.worker, account.credentials) }

    /// - Returns: whether it was not shut out before.
    mutating func insert(_ account: Account) -> Bool {
        let isNew =
            if let key = account.credentials.key {
                keys.insert(key).inserted
            } else {
                connections.insert(account.worker).inserted
            }
        if isNew { accounts.append(account) }
        return isNew
    }
}
