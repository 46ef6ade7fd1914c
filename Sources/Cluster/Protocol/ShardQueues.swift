// SPDX-License-Identifier: Apache-2.0

/// Shards nobody holds, by who should take them: the worker that keeps their state, or anybody.
///
/// Taking and giving back cost constant time but for a shard that is put in out of order.
struct ShardQueues: Sendable {
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
    private var owned: [WorkerID: Set<Int>] = [:]
    /// Workers that keep more than ``share`` and have some of it waiting, in descending order;
    /// entries of others are leftovers.
    private var rich: [WorkerID] = []
    /// An equal share of all shards when it was last asked for.
    private var share: Int?

    /// All shards of a round, waiting.
    /// - Parameter owners: one per shard.
    init(owners: [WorkerID?]) {
        self.owners = owners
        isWaiting = [Bool](repeating: true, count: owners.count)
        count = owners.count
        for shard in owners.indices.reversed() {
            if let owner = owners[shard] {
                kept[owner, default: []].append(shard)
                owned[owner, default: []].insert(shard)
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
        if let owner = owners[shard] {
            Self.insert(shard, into: &kept[owner, default: []])
            noteWealth(of: owner)
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

    /// Takes the next shard for a worker: one it keeps, else one nobody keeps, else one of a worker
    /// that keeps more than an equal share of all.
    /// - Parameters:
    ///   - worker: who asks.
    ///   - workers: all there are; nobody else keeps anything.
    /// - Returns: nil if nothing waits that this worker should take.
    mutating func pop(for worker: WorkerID, among workers: SortedSet<WorkerID>) -> Int? {
        guard count > 0 else { return nil }
        if let shard = popKept(by: worker) ?? popFree() { return shard }
        let share = (owners.count + workers.count - 1) / max(workers.count, 1)
        if self.share != share {
            self.share = share
            rich = workers.ascending.reversed().filter(isRich)
        }
        guard owned[worker]?.count ?? 0 < share else { return nil }
        while let owner = rich.last {
            if isRich(owner), let shard = popKept(by: owner) { return shard }
            rich.removeLast()
        }
        return nil
    }

    private func isRich(_ worker: WorkerID) -> Bool {
        guard let share, let all = owned[worker], let waiting = kept[worker] else { return false }
        return all.count > share && !waiting.isEmpty
    }

    private mutating func noteWealth(of worker: WorkerID) {
        guard isRich(worker) else { return }
        let position = Self.position(of: worker, in: rich)
        if position == rich.count || rich[position] != worker {
            rich.insert(worker, at: position)
        }
    }

    /// Forgets a worker that is gone: nothing may wait for it any more.
    mutating func forget(_ worker: WorkerID) {
        release(worker)
        for shard in owned.removeValue(forKey: worker) ?? [] { owners[shard] = nil }
    }

    private mutating func popKept(by owner: WorkerID) -> Int? {
        while let shard = kept[owner]?.popLast() {
            if take(shard) { return shard }
        }
        return nil
    }

    /// Takes the next shard whose state no worker keeps.
    mutating func popFree() -> Int? {
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
        if let old = owners[shard] { owned[old]?.remove(shard) }
        owners[shard] = worker
        if let worker {
            owned[worker, default: []].insert(shard)
            noteWealth(of: worker)
        }
    }

    /// Gives what waits for a worker to anybody.
    mutating func release(_ worker: WorkerID) {
        for shard in kept.removeValue(forKey: worker) ?? [] {
            setOwner(nil, of: shard)
            Self.insert(shard, into: &free)
        }
    }

    private static func insert(_ shard: Int, into queue: inout [Int]) {
        queue.insert(shard, at: position(of: shard, in: queue))
    }

    /// Where an entry is in a queue in descending order, or would be.
    private static func position<Entry: Comparable>(of entry: Entry, in queue: [Entry]) -> Int {
        var (low, high) = (0, queue.count)
        while low < high {
            let middle = (low + high) / 2
            if queue[middle] > entry { low = middle + 1 } else { high = middle }
        }
        return low
    }
}
