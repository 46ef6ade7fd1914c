// SPDX-License-Identifier: Apache-2.0

/// A safetensors file in memory: named tensors and a map of strings.
///
/// Layout: header length as little-endian UInt64; that many bytes of JSON; the tensors' elements,
/// little-endian, row-major, without gaps. See the safetensors format description of version 0.3.
/// Tensors live in one buffer, so that decoding copies nothing.
package struct SafetensorsFile: Sendable {
    /// One tensor's description.
    package struct Tensor: Hashable, Sendable {
        /// Unique in a file; never `__metadata__`.
        package let name: String
        /// Type of the elements.
        package let type: TensorType
        /// Row-major extents; empty for a scalar.
        package let shape: [Int]
        /// Where the elements lie in the buffer.
        let range: Range<Int>
    }

    /// In file order after decoding, in order of addition before.
    package private(set) var tensors: [Tensor] = []
    /// The header's `__metadata__`.
    package var metadata: [String: String]

    private var positions: [String: Int] = [:]
    private(set) var storage: [UInt8] = []

    /// The key under which the format keeps its string map.
    static let metadataKey = "__metadata__"
    /// The reference implementation's limit on the header's length in bytes.
    static let maximumHeader = 100_000_000

    /// Without tensors.
    package init(metadata: [String: String] = [:]) {
        self.metadata = metadata
    }

    /// Takes over validated parts; see `SafetensorsFile+Decoding.swift`.
    init(tensors: [Tensor], metadata: [String: String], storage: [UInt8]) {
        self.tensors = tensors
        self.metadata = metadata
        self.storage = storage
        positions = Dictionary(
            tensors.enumerated().map { ($1.name, $0) }, uniquingKeysWith: { first, _ in first })
    }

    /// The description of a tensor, or nil if there is none of that name.
    package subscript(name: String) -> Tensor? {
        positions[name].map { tensors[$0] }
    }

    /// Makes room for tensors of so many bytes in all, so that those added do not move.
    package mutating func reserveCapacity(_ bytes: Int) { storage.reserveCapacity(bytes) }

    /// Appends a tensor of little-endian bytes.
    /// - Throws: `SafetensorsError` with code `duplicateKey`, `reservedName` or `sizeMismatch`.
    package mutating func add(
        _ name: String, type: TensorType, shape: [Int], bytes: UnsafeRawBufferPointer
    ) throws(SafetensorsError) {
        guard name != Self.metadataKey else {
            throw SafetensorsError(.reservedName, tensor: name)
        }
        guard positions[name] == nil else {
            throw SafetensorsError(.duplicateKey(name), tensor: name)
        }
        guard type.byteCount(shape: shape) == bytes.count else {
            throw SafetensorsError(
                .sizeMismatch(shape: shape, type: type.rawValue, bytes: bytes.count), tensor: name)
        }
        let start = storage.count
        storage.append(contentsOf: bytes)
        positions[name] = tensors.count
        tensors.append(
            Tensor(name: name, type: type, shape: shape, range: start..<storage.count))
    }

    /// The raw little-endian bytes of a tensor.
    /// - Throws: `SafetensorsError` with code `noSuchTensor`.
    package func bytes(_ name: String) throws(SafetensorsError) -> [UInt8] {
        guard let tensor = self[name] else {
            throw SafetensorsError(.noSuchTensor, tensor: name)
        }
        return Array(storage[tensor.range])
    }
}

extension SafetensorsFile: Equatable {
    /// Same metadata and the same tensors, whatever their order.
    package static func == (left: SafetensorsFile, right: SafetensorsFile) -> Bool {
        left.metadata == right.metadata && left.tensors.count == right.tensors.count
            && left.tensors.allSatisfy { tensor in
                guard let other = right[tensor.name] else { return false }
                return other.type == tensor.type && other.shape == tensor.shape
                    && left.storage[tensor.range] == right.storage[other.range]
            }
    }
}
