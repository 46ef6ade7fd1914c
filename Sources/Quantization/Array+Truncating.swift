// SPDX-License-Identifier: Apache-2.0

extension Array where Element: FixedWidthInteger {
    /// The elements as another type, cut off where they do not fit: in a loop that compilers
    /// vectorize, which `map` is not.
    @inlinable
    package func truncating<Other: FixedWidthInteger>(to type: Other.Type) -> [Other] {
        [Other](unsafeUninitializedCapacity: count) { result, initialized in
            withUnsafeBufferPointer { source in
                for index in 0..<source.count {
                    result[index] = Other(truncatingIfNeeded: source[index])
                }
            }
            initialized = count
        }
    }
}
