// SPDX-License-Identifier: Apache-2.0

/// The median of values that come one by one: one half of them in each of two heaps, with the
/// middle on top.
struct RunningMedian<Value: Comparable & Sendable>: Sendable {
    private var lower = Heap<Value> { $0 > $1 }
    private var upper = Heap<Value> { $0 < $1 }

    /// The value in the middle, of an even number the upper one; nil of none.
    var value: Value? { upper.top }

    /// Logarithmic in the number of values.
    mutating func add(_ value: Value) {
        if let middle = upper.top, value < middle { lower.push(value) } else { upper.push(value) }
        // As many below as above, or one more above.
        if upper.count > lower.count + 1, let moved = upper.pop() { lower.push(moved) }
        if lower.count > upper.count, let moved = lower.pop() { upper.push(moved) }
    }
}

/// A binary heap: of any two values, the one above is nearer to the top.
private struct Heap<Value: Sendable>: Sendable {
    private var values: [Value] = []
    private let isAbove: @Sendable (Value, Value) -> Bool

    init(isAbove: @escaping @Sendable (Value, Value) -> Bool) { self.isAbove = isAbove }

    var top: Value? { values.first }
    var count: Int { values.count }

    mutating func push(_ value: Value) {
        values.append(value)
        var position = values.count - 1
        while position > 0, isAbove(values[position], values[(position - 1) / 2]) {
            values.swapAt(position, (position - 1) / 2)
            position = (position - 1) / 2
        }
    }

    mutating func pop() -> Value? {
        guard !values.isEmpty else { return nil }
        values.swapAt(0, values.count - 1)
        let top = values.removeLast()
        var position = 0
        while true {
            let left = 2 * position + 1
            guard left < values.count else { return top }
            let isRight = left + 1 < values.count && isAbove(values[left + 1], values[left])
            let child = isRight ? left + 1 : left
            guard isAbove(values[child], values[position]) else { return top }
            values.swapAt(position, child)
            position = child
        }
    }
}
