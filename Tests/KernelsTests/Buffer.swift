// SPDX-License-Identifier: Apache-2.0

/// Memory for kernel arguments: aligned, poisoned, with guard bytes behind that must survive. Never
/// freed, so that a pointer into it cannot outlive it.
struct Buffer<Element: BitwiseCopyable> {
    let pointer: UnsafeMutablePointer<Element>
    let count: Int
    private let memory: UnsafeMutableRawPointer
    private static var guardBytes: Int { 64 }

    /// An output or scratch buffer full of `0xA5`.
    init(count: Int) {
        self.count = count
        let bytes = count * MemoryLayout<Element>.stride
        memory = .allocate(byteCount: bytes + Self.guardBytes, alignment: 64)
        memory.initializeMemory(as: UInt8.self, repeating: 0xA5, count: bytes + Self.guardBytes)
        pointer = memory.bindMemory(to: Element.self, capacity: count)
    }

    init(_ values: [Element]) {
        self.init(count: values.count)
        for (index, value) in values.enumerated() { pointer[index] = value }
    }

    var values: [Element] { Array(UnsafeBufferPointer(start: pointer, count: count)) }

    /// Whether nothing was written behind the last element.
    var isGuardIntact: Bool {
        let start = count * MemoryLayout<Element>.stride
        return (start..<start + Self.guardBytes).allSatisfy {
            memory.load(fromByteOffset: $0, as: UInt8.self) == 0xA5
        }
    }
}

extension Array where Element == Float {
    /// Bit patterns, so that NaN and the sign of zero count in comparisons.
    var bits: [UInt32] { map(\.bitPattern) }
}

extension Array where Element == Double {
    var bits: [UInt64] { map(\.bitPattern) }
}
