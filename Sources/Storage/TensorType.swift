// SPDX-License-Identifier: Apache-2.0

/// Element types of safetensors that this project stores.
///
/// Declared in the order in which the reference implementation lays tensors out: widest first, so
/// that every tensor is aligned to its elements.
package enum TensorType: String, Hashable, Sendable, CaseIterable {
    case int64 = "I64"
    case double = "F64"
    case float = "F32"
    case int32 = "I32"
    case int16 = "I16"
    case int8 = "I8"
    case uint8 = "U8"

    /// Bytes of one element.
    package var byteCount: Int {
        switch self {
        case .int64, .double: 8
        case .float, .int32: 4
        case .int16: 2
        case .int8, .uint8: 1
        }
    }

    /// Position in the file's layout order.
    var layoutRank: Int { Self.allCases.firstIndex(of: self) ?? 0 }

    /// Bytes of a tensor of `shape` (empty: one element); nil if a dimension is negative or the
    /// product exceeds `Int`.
    func byteCount(shape: [Int]) -> Int? {
        // A zero dimension makes the size zero, but the others must still be multiplied safely.
        var total = byteCount
        for extent in shape {
            guard extent >= 0 else { return nil }
            let (product, overflow) = total.multipliedReportingOverflow(by: extent)
            guard !overflow else { return nil }
            total = product
        }
        return total
    }
}
