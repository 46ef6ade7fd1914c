// SPDX-License-Identifier: Apache-2.0

#if _endian(big)
    #error("tensors are copied as they lie in memory, which must be little-endian")
#endif

extension SafetensorsFile {
    /// Appends float32 elements; `shape` defaults to one axis. Same errors as
    /// `add(_:type:shape:bytes:)`.
    package mutating func add(
        _ name: String, _ elements: [Float], shape: [Int]? = nil
    ) throws(SafetensorsError) {
        try add(name, elements, type: .float, shape: shape)
    }

    /// Appends float64 elements; `shape` defaults to one axis.
    package mutating func add(
        _ name: String, _ elements: [Double], shape: [Int]? = nil
    ) throws(SafetensorsError) {
        try add(name, elements, type: .double, shape: shape)
    }

    /// Appends int64 elements; `shape` defaults to one axis.
    package mutating func add(
        _ name: String, _ elements: [Int64], shape: [Int]? = nil
    ) throws(SafetensorsError) {
        try add(name, elements, type: .int64, shape: shape)
    }

    /// Appends int32 elements; `shape` defaults to one axis.
    package mutating func add(
        _ name: String, _ elements: [Int32], shape: [Int]? = nil
    ) throws(SafetensorsError) {
        try add(name, elements, type: .int32, shape: shape)
    }

    /// Appends int16 elements; `shape` defaults to one axis.
    package mutating func add(
        _ name: String, _ elements: [Int16], shape: [Int]? = nil
    ) throws(SafetensorsError) {
        try add(name, elements, type: .int16, shape: shape)
    }

    /// Appends int8 elements; `shape` defaults to one axis.
    package mutating func add(
        _ name: String, _ elements: [Int8], shape: [Int]? = nil
    ) throws(SafetensorsError) {
        try add(name, elements, type: .int8, shape: shape)
    }

    /// Appends uint8 elements; `shape` defaults to one axis.
    package mutating func add(
        _ name: String, _ elements: [UInt8], shape: [Int]? = nil
    ) throws(SafetensorsError) {
        try add(name, elements, type: .uint8, shape: shape)
    }

    private mutating func add<Element: BitwiseCopyable>(
        _ name: String, _ elements: [Element], type: TensorType, shape: [Int]?
    ) throws(SafetensorsError) {
        // `withUnsafeBytes` passes only untyped errors on, so the outcome travels as a value.
        let outcome = elements.withUnsafeBytes { bytes -> Result<Void, SafetensorsError> in
            do throws(SafetensorsError) {
                try add(name, type: type, shape: shape ?? [elements.count], bytes: bytes)
                return .success(())
            } catch {
                return .failure(error)
            }
        }
        try outcome.get()
    }
}

extension SafetensorsFile {
    /// Float32 elements of a tensor, row-major.
    /// - Parameters:
    ///   - name: the tensor's name.
    ///   - shape: what the tensor's shape must be; nil accepts any.
    /// - Returns: as many elements as the shape has.
    /// - Throws: `SafetensorsError` with code `noSuchTensor`, `wrongType` or `wrongShape`.
    package func floats(
        _ name: String, shape: [Int]? = nil
    ) throws(SafetensorsError) -> [Float] {
        try elements(name, type: .float, shape: shape)
    }

    /// Float64 elements; see `floats(_:shape:)`.
    package func doubles(
        _ name: String, shape: [Int]? = nil
    ) throws(SafetensorsError) -> [Double] {
        try elements(name, type: .double, shape: shape)
    }

    /// Int64 elements; see `floats(_:shape:)`.
    package func int64s(
        _ name: String, shape: [Int]? = nil
    ) throws(SafetensorsError) -> [Int64] {
        try elements(name, type: .int64, shape: shape)
    }

    /// Int32 elements; see `floats(_:shape:)`.
    package func int32s(
        _ name: String, shape: [Int]? = nil
    ) throws(SafetensorsError) -> [Int32] {
        try elements(name, type: .int32, shape: shape)
    }

    /// Int16 elements; see `floats(_:shape:)`.
    package func int16s(
        _ name: String, shape: [Int]? = nil
    ) throws(SafetensorsError) -> [Int16] {
        try elements(name, type: .int16, shape: shape)
    }

    /// Int8 elements; see `floats(_:shape:)`.
    package func int8s(
        _ name: String, shape: [Int]? = nil
    ) throws(SafetensorsError) -> [Int8] {
        try elements(name, type: .int8, shape: shape)
    }

    /// Uint8 elements; see `floats(_:shape:)`.
    package func uint8s(
        _ name: String, shape: [Int]? = nil
    ) throws(SafetensorsError) -> [UInt8] {
        try elements(name, type: .uint8, shape: shape)
    }

    private func elements<Element: BitwiseCopyable>(
        _ name: String, type: TensorType, shape: [Int]?
    ) throws(SafetensorsError) -> [Element] {
        guard let tensor = self[name] else {
            throw SafetensorsError(.noSuchTensor, tensor: name)
        }
        guard tensor.type == type else {
            throw SafetensorsError(
                .wrongType(found: tensor.type.rawValue, expected: type.rawValue), tensor: name)
        }
        if let shape, shape != tensor.shape {
            throw SafetensorsError(
                .wrongShape(found: tensor.shape, expected: shape), tensor: name)
        }
        let count = tensor.range.count / MemoryLayout<Element>.stride
        return storage.withUnsafeBytes { source in
            [Element](unsafeUninitializedCapacity: count) { elements, initialized in
                UnsafeMutableRawBufferPointer(elements)
                    .copyMemory(from: UnsafeRawBufferPointer(rebasing: source[tensor.range]))
                initialized = count
            }
        }
    }
}
