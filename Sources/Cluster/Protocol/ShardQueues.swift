/// Shards nobody holds, by who should take them: the worker that keeps their state, or anybody.
///
/// Taking and giving back cost constant time but for a shard that is put in out of order.
struct ShardQueues: Hashable, Sendable {
    /// Who keeps the state of each shard; nil for nobody.
    private(set) var owners: [WorkerID?]
    /// Shards in a queue that wait; entries of others are leftovers.
    private(set) var isWaiting: [Bool]
    /// Shards that wait.
    private(set) var count: Int
    /// In descending order, so that the next one is last.
    private var kept: [WorkerID: [Int]] = [:]
    private var free: [Int] = []
    /// Shards of the round by owner, waiting or not.
    private var shares: [WorkerID: Int] = [:]
    /// For so many workers nobody was found to keep more than a share; spares looking again.
    private var balancedFor: Int?

    /// All shards of a round, waiting.
    /// - Parameter owners: one per shard.
    init(owners: [WorkerID?]) {
        self.owners = owners
        isWaiting = [Bool](repeating: true, count: owners.count)
        count = owners.count
        for shard in owners.indices.reversed() {
            if let owner = owners[shard] {
                kept[owner, default: []].append(shard)
                shares[owner, default: 0] += 1
            } else {
                free.append(shard)
            }
        }
    }

    /// Puts a shard in; one that waits already stays where it is.
    mutating func push(_ shard: Int) {
        guard !isWaiting[shard] else { return }
        isWaiting[shard] = true
        count += 1
        balancedFor = nil
        if let owner = owners[shard] {
            Self.insert(shard, into: &kept[owner, default: []])
        } else {
            Self.insert(shard, into: &free)
        }
    }

    /// Takes a shard out that need not wait any more.
    mutating func remove(_ shard: Int) {
        guard isWaiting[shard] else { return }
        isWaiting[shard] = false
        count -= 1
    }

    /// Takes the next shard for a worker: one it keeps, else one nobody keeps, else one of a worker that keeps more than an equal
    /// share of all.
    /// - Parameters:
    ///   - worker: who asks.
    ///   - workers: how many there are.
    /// - Returns: nil if nothing waits that this worker should take.
    mutating func pop(for worker: WorkerID, workers: Int) -> Int? {
        guard count > 0 else { return nil }
        if let shard = popKept(by: worker) ?? popFree() { return shard }
        let share = (owners.count + workers - 1) / max(workers, 1)
        guard balancedFor != workers, shares[worker, default: 0] < share else { return nil }
        // The order of a dictionary differs between runs: ask for the smallest.
        let rich = kept.keys.filter {
            shares[$0, default: 0] > share && !kept[$0, default: []].isEmpty
        }
        for owner in rich.sorted() {
            if let shard = popKept(by: owner) { return shard }
        }
        balancedFor = workers
        return nil
    }

    /// Forgets a worker that is gone: nothing may wait for it any more.
    mutating func forget(_ worker: WorkerID) {
        release(worker)
        for shard in owners.indices where owners[shard] == worker { setOwner(nil, of: shard) }
    }

    private mutating func popKept(by owner: WorkerID) -> Int? {
        while let shard = kept[owner]?.popLast() {
            if take(shard) { return shard }
        }
        return nil
    }

    private mutating func popFree() -> Int? {
        while let shard = free.popLast() {
            if take(shard) { return shard }
        }
        return nil
    }

    /// - Returns: false for a leftover.
    private mutating func take(_ shard: Int) -> Bool {
        defer { remove(shard) }
        return isWaiting[shard]
    }

    mutating func setOwner(_ worker: WorkerID?, of shard: Int) {
        guard owners[shard] != worker else { return }
        balancedFor = nil
        if let old = owners[shard] { shares[old, default: 0] -= 1 }
        if let worker { shares[worker, default: 0] += 1 }
        owners[shard] = worker
    }

    /// Gives what waits for a worker to anybody.
    mutating func release(_ worker: WorkerID) {
        for shard in kept.removeValue(forKey: worker) ?? [] {
            setOwner(nil, of: shard)
            Self.insert(shard, into: &free)
        }
    }

    private static func insert(_ shard: Int, into queue: inout [Int]) {
        var (low, high) = (0, queue.count)
        while low < high {
            let middle = (low + high) / 2
            if queue[middle] > shard { low = middle + 1 } else { high = middle }
        }
        queue.insert(shard, at: low)
    }
}
