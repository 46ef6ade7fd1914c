// SPDX-License-Identifier: Apache-2.0

/// A set whose members are at hand in ascending order, so that no step has to sort them.
///
/// Adding a member above all others and removing one cost constant time in the mean, adding one in
/// between moves those above it, going through all is linear.
struct SortedSet<Member: Hashable & Comparable> {
    private var members: Set<Member> = []
    /// Ascending; some may have been removed, at most as many as are left.
    private var order: [Member] = []

    init() {}

    /// - Parameter ascending: distinct and in order.
    init(ascending: [Member]) {
        members = Set(ascending)
        order = ascending
    }

    var count: Int { members.count }
    func contains(_ member: Member) -> Bool { members.contains(member) }

    /// All members in ascending order.
    var ascending: [Member] {
        order.count == members.count ? order : order.filter(members.contains)
    }

    var first: Member? { order.first(where: members.contains) }

    /// The smallest member above this one.
    func next(after member: Member) -> Member? {
        order[position { $0 <= member }...].first(where: members.contains)
    }

    mutating func insert(_ member: Member) {
        guard members.insert(member).inserted else { return }
        let position = position { $0 < member }
        // It may be there still.
        if position < order.count, order[position] == member { return }
        order.insert(member, at: position)
    }

    mutating func remove(_ member: Member) {
        guard members.remove(member) != nil else { return }
        if order.count > 2 * members.count { order.removeAll { !members.contains($0) } }
    }

    /// Where the first member is of which this is false; it is true of all members below.
    private func position(_ isBelow: (Member) -> Bool) -> Int {
        guard let last = order.last, !isBelow(last) else { return order.count }
        var (low, high) = (0, order.count - 1)
        while low < high {
            let middle = (low + high) / 2
            if isBelow(order[middle]) { low = middle + 1 } else { high = middle }
        }
        return low
    }
}

extension SortedSet: Sendable where Member: Sendable {}

extension SortedSet: Hashable {
    static func == (left: Self, right: Self) -> Bool { left.members == right.members }
    func hash(into hasher: inout Hasher) { hasher.combine(members) }
}

/// A dictionary with a ``SortedSet`` of its keys.
struct SortedTable<Key: Hashable & Comparable, Value> {
    private(set) var keys = SortedSet<Key>()
    private var values: [Key: Value] = [:]

    var isEmpty: Bool { values.isEmpty }
    var count: Int { values.count }

    subscript(key: Key) -> Value? {
        get { values[key] }
        _modify {
            let count = values.count
            defer {
                if values.count > count { keys.insert(key) }
                if values.count < count { keys.remove(key) }
            }
            yield &values[key]
        }
    }

    mutating func removeValue(forKey key: Key) -> Value? {
        keys.remove(key)
        return values.removeValue(forKey: key)
    }
}

extension SortedTable: Sendable where Key: Sendable, Value: Sendable {}

extension SortedTable: Sequence {
    /// In ascending order of the keys.
    func makeIterator() -> AnyIterator<(key: Key, value: Value)> {
        var keys = keys.ascending.makeIterator()
        return AnyIterator { keys.next().flatMap { key in values[key].map { (key, $0) } } }
    }
}
