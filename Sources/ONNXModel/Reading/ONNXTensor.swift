// SPDX-License-Identifier: Apache-2.0

/// Element types of ONNX tensors that are read (`TensorProto.DataType`).
package enum ElementType: Int, Hashable, Sendable {
    case float = 1
    case uint8 = 2
    case int8 = 3
    case uint16 = 4
    case int16 = 5
    case int32 = 6
    case int64 = 7
    case bool = 9
    case float16 = 10
    case double = 11
    case uint32 = 12
    case bfloat16 = 16

    /// Bytes of one element in `raw_data`.
    package var size: Int {
        switch self {
        case .bool, .uint8, .int8: 1
        case .uint16, .int16, .float16, .bfloat16: 2
        case .float, .int32, .uint32: 4
        case .double, .int64: 8
        }
    }

    /// Whether the elements are real numbers.
    package var isReal: Bool {
        switch self {
        case .float, .float16, .bfloat16, .double: true
        default: false
        }
    }

    /// Values of an integer type; nil for reals.
    package var range: ClosedRange<Int64>? {
        switch self {
        case .bool: 0...1
        case .uint8: 0...255
        case .int8: -128...127
        case .uint16: 0...65535
        case .int16: -32768...32767
        case .int32: Int64(Int32.min)...Int64(Int32.max)
        case .uint32: 0...Int64(UInt32.max)
        case .int64: Int64.min...Int64.max
        case .float, .float16, .bfloat16, .double: nil
        }
    }
}

/// A constant tensor in memory, row-major.
package struct ONNXTensor: Hashable, Sendable {
    /// Reals of any width as Float (double rounded to nearest), integers and booleans as Int64.
    package enum Elements: Hashable, Sendable {
        /// Of a type whose `isReal` is true.
        case reals([Float])
        /// Of any other type.
        case integers([Int64])

        /// Number of elements.
        package var count: Int {
            switch self {
            case .reals(let values): values.count
            case .integers(let values): values.count
            }
        }
    }

    /// Type in the file.
    package var type: ElementType
    /// Extents, each at least 0; their product is the number of elements.
    package var dims: [Int]
    /// Row-major.
    package var elements: Elements

    /// `elements` are as many as the product of `dims`.
    package init(type: ElementType, dims: [Int], elements: Elements) {
        precondition(dims.reduce(1, *) == elements.count)
        self.type = type
        self.dims = dims
        self.elements = elements
    }

    /// A vector of int64.
    package init(_ values: [Int64]) {
        self.init(type: .int64, dims: [values.count], elements: .integers(values))
    }

    /// Number of elements.
    package var count: Int { elements.count }

    /// The elements if they are reals.
    package var reals: [Float]? {
        if case .reals(let values) = elements { values } else { nil }
    }

    /// The elements if they are integers.
    package var integers: [Int64]? {
        if case .integers(let values) = elements { values } else { nil }
    }
}

extension ONNXTensor {
    /// Product of extents; nil when one is negative or the product exceeds `limit`.
    ///
    /// Where an extent is 0, the others may not multiply to more than a small number either: work
    /// proportional to them would have no data to bound it.
    package static func count(_ dims: [Int], limit: Int = 1 << 40) -> Int? {
        let isEmpty = dims.contains(0)
        var product = 1
        for extent in dims where extent != 0 {
            let (next, overflow) = product.multipliedReportingOverflow(by: extent)
            guard extent > 0, !overflow, next <= (isEmpty ? min(limit, 1 << 20) : limit) else {
                return nil
            }
            product = next
        }
        return isEmpty ? 0 : product
    }
}
