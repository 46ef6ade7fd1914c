// SPDX-License-Identifier: Apache-2.0

import Quantization

/// What a checkpoint holds of a job's stages: arrays of numbers and short texts, by name.
package struct StageFields: Sendable {
    /// An array of one type, as safetensors stores it.
    package enum Values: Hashable, Sendable {
        /// Stored as `F64`.
        case doubles([Double])
        /// Stored as `F32`.
        case floats([Float])
        /// Stored as `I32`.
        case int32s([Int32])
        /// Stored as `I64`.
        case int64s([Int64])
    }

    /// A field that is not there, or is not what it should be.
    package struct Unreadable: Error, Hashable, Sendable {
        /// Of the field.
        package var name: String

        /// Names the field.
        package init(_ name: String) { self.name = name }
    }

    /// Arrays in the order in which they came.
    package struct Arrays: Sendable {
        /// In the order in which they were first set.
        package private(set) var names: [String] = []
        private var values: [String: Values] = [:]

        /// Without arrays.
        package init() {}

        /// Setting a name for the first time puts it behind the others.
        package subscript(name: String) -> Values? {
            get { values[name] }
            set {
                if values[name] == nil { names.append(name) }
                values[name] = newValue
            }
        }
    }

    /// Short texts and numbers that are no arrays.
    package var texts: [String: String] = [:]
    /// What changes from round to round.
    package var changing = Arrays()
    /// What never changes once it is there: each comes once, and stays.
    package var lasting = Arrays()

    /// Without fields.
    package init() {}
}

extension StageFields {
    func has(_ name: String) -> Bool { changing[name] != nil || lasting[name] != nil }

    // Of so many elements, or of any number.

    func doubles(_ name: String, count: Int? = nil) throws(Unreadable) -> [Double] {
        guard case .doubles(let values) = changing[name] ?? lasting[name],
            values.count == count ?? values.count
        else { throw Unreadable(name) }
        return values
    }

    func floats(_ name: String, count: Int? = nil) throws(Unreadable) -> [Float] {
        guard case .floats(let values) = changing[name] ?? lasting[name],
            values.count == count ?? values.count
        else { throw Unreadable(name) }
        return values
    }

    func int32s(_ name: String, count: Int? = nil) throws(Unreadable) -> [Int32] {
        guard case .int32s(let values) = changing[name] ?? lasting[name],
            values.count == count ?? values.count
        else { throw Unreadable(name) }
        return values
    }

    func integers(_ name: String, count: Int? = nil) throws(Unreadable) -> [Int] {
        guard case .int64s(let values) = changing[name] ?? lasting[name],
            values.count == count ?? values.count
        else { throw Unreadable(name) }
        return values.map(Int.init)
    }

    mutating func set(_ name: String, _ integers: [Int]) {
        changing[name] = .int64s(integers.map(Int64.init))
    }
}

extension StageFields {
    /// Biases, an array for each layer.
    mutating func set(_ biases: BiasState) {
        for (layer, values) in biases.layers.enumerated() {
            changing["bias.\(layer)"] = .int32s(values)
        }
    }

    /// Nil where there are none.
    func biases() throws(Unreadable) -> BiasState? {
        var layers: [[Int32]] = []
        while has("bias.\(layers.count)") { layers.append(try int32s("bias.\(layers.count)")) }
        return layers.isEmpty ? nil : BiasState(layers: layers)
    }

    /// Biases that were written as one array, with as many per layer as ``biases()``.
    func biases(_ name: String) throws(Unreadable) -> BiasState {
        let widths = try biases()?.layers.map(\.count) ?? []
        let flat = try int32s(name, count: widths.reduce(0, +))
        var start = 0
        return BiasState(
            layers: widths.map { width in
                defer { start += width }
                return Array(flat[start..<start + width])
            })
    }
}
