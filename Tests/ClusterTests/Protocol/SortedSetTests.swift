// SPDX-License-Identifier: Apache-2.0

import TestSupport
import Testing

@testable import Cluster

/// Against what they replace: a plain set or dictionary, and sorting.
@Suite struct SortedSetTests {
    @Test func membersAreInOrderAfterEveryChange() {
        var generator = SeededGenerator(seed: TestSeed.value)
        var (sorted, plain) = (SortedSet<Int>(), Set<Int>())
        for _ in 0..<4_000 {
            let member = Int.random(in: 0..<64, using: &generator)
            if Int.random(in: 0..<64, using: &generator) < 2 {
                // Some members at once, and none now and then.
                plain = Set(plain.filter { _ in Bool.random(using: &generator) })
                sorted = SortedSet(ascending: plain.sorted())
            } else if Bool.random(using: &generator) {
                sorted.insert(member)
                plain.insert(member)
            } else {
                sorted.remove(member)
                plain.remove(member)
            }
            #expect(sorted.ascending == plain.sorted())
            #expect(sorted.count == plain.count)
            #expect(sorted.first == plain.min())
            #expect(sorted.next(after: member) == plain.filter { $0 > member }.min())
            #expect(sorted.contains(member) == plain.contains(member))
        }
    }

    @Test func tablesKnowTheirKeys() {
        var generator = SeededGenerator(seed: TestSeed.value)
        var (sorted, plain) = (SortedTable<Int, [Int]>(), [Int: [Int]]())
        for value in 0..<4_000 {
            let key = Int.random(in: 0..<64, using: &generator)
            switch Int.random(in: 0..<4, using: &generator) {
            case 0:
                sorted[key] = [value]
                plain[key] = [value]
            case 1:
                sorted[key]?.append(value)
                plain[key]?.append(value)
            case 2:
                sorted[key] = nil
                plain[key] = nil
            default:
                #expect(sorted.removeValue(forKey: key) == plain.removeValue(forKey: key))
            }
            #expect(sorted.keys.ascending == plain.keys.sorted())
            #expect(sorted.map(\.key) == plain.keys.sorted())
            #expect(sorted[key] == plain[key] && sorted.count == plain.count)
        }
    }
}

@Suite struct RunningMedianTests {
    @Test func isTheOneInTheMiddle() {
        var generator = SeededGenerator(seed: TestSeed.value)
        for range in [0..<1, 0..<4, 0..<1_000_000] {
            var (median, values) = (RunningMedian<Int>(), [Int]())
            #expect(median.value == nil)
            for _ in 0..<400 {
                values.append(Int.random(in: range, using: &generator))
                median.add(values[values.count - 1])
                #expect(median.value == values.sorted()[values.count / 2])
            }
        }
    }
}
