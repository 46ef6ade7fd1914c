// SPDX-License-Identifier: Apache-2.0

import NetworkGraph
import ONNXModel
import Quantization

/// What the nodes of a file do not show of one of our nodes, because it changes no result.
///
/// Written as one metadata entry `counterbias.node.NAME` with space-separated fields:
/// - `clamp=LOWER:UPPER`, either side may be empty: a clamp that the output's quantizer implies.
/// - `hadBias=false`: the float model had no bias there.
/// - `pads=TOP,LEFT,BOTTOM,RIGHT`: of a pooling window, where trailing pads reach beyond the last
///   window; the file has the part that is used, since runtimes refuse pads of a kernel's extent.
struct QDQAnnotation: Hashable {
    var clamp = Clamp.none
    var hadBias = true
    var pads: [Int]?

    static let nodePrefix = "counterbias.node."
    /// Of an entry that files of version 0.1 may have; it said nothing about results.
    private static let outputKey = "counterbias.output"

    /// True for keys this format uses itself.
    static func owns(_ key: String) -> Bool {
        key.hasPrefix(nodePrefix) || key == outputKey || key.hasPrefix(outputKey + ".")
    }

    /// Entries of others; the last one counts if a key is repeated.
    static func foreignEntries(of model: Onnx_ModelProto) -> [String: String] {
        var entries: [String: String] = [:]
        for entry in model.metadataProps where !owns(entry.key) { entries[entry.key] = entry.value }
        return entries
    }

    /// Text of the entry; nil where there is nothing to say.
    var text: String? {
        var fields: [String] = []
        if clamp != .none {
            let lower = clamp.lower.map { "\($0)" } ?? ""
            let upper = clamp.upper.map { "\($0)" } ?? ""
            fields.append("clamp=\(lower):\(upper)")
        }
        if !hadBias { fields.append("hadBias=false") }
        if let pads { fields.append("pads=" + pads.map { "\($0)" }.joined(separator: ",")) }
        return fields.isEmpty ? nil : fields.joined(separator: " ")
    }

    init(clamp: Clamp = .none, hadBias: Bool = true, pads: [Int]? = nil) {
        self.clamp = clamp
        self.hadBias = hadBias
        self.pads = pads
    }

    /// Nil if `text` has another form than `text` of an annotation.
    init?(text: String) {
        self.init()
        for field in text.split(separator: " ") {
            let parts = field.split(separator: "=", maxSplits: 1)
            guard parts.count == 2, read(name: String(parts[0]), value: String(parts[1])) else {
                return nil
            }
        }
    }

    private mutating func read(name: String, value: String) -> Bool {
        switch name {
        case "clamp":
            let bounds = value.split(separator: ":", omittingEmptySubsequences: false)
            guard bounds.count == 2 else { return false }
            var limits: [Float?] = []
            for bound in bounds {
                let limit = Float(String(bound))
                guard bound.isEmpty || limit?.isFinite == true else { return false }
                limits.append(limit)
            }
            clamp = Clamp(lower: limits[0], upper: limits[1])
        case "hadBias":
            guard value == "false" else { return false }
            hadBias = false
        case "pads":
            let numbers = value.split(separator: ",").compactMap { Int($0) }
            guard numbers.count == 4, numbers.allSatisfy({ 0...SizeLimits.extent ~= $0 }) else {
                return false
            }
            pads = numbers
        default: return false
        }
        return true
    }
}

extension TensorQuantization {
    /// QuantizeLinear: `clamp(rint(value / scale) + zeroPoint)`, ties to even; for finite values.
    func quantized(_ value: Float) -> Int {
        let steps = (value / scale).rounded(.toNearestOrEven)
        let shifted = Double(steps) + Double(zeroPoint)
        return Int(min(max(shifted, Double(type.minimum)), Double(type.maximum)))
    }

    /// True where quantizing alone already maps everything outside the clamp to the same 8-bit
    /// value as clamping first: rounding is monotonic, so both ends decide.
    func implies(_ clamp: Clamp) -> Bool {
        if let lower = clamp.lower, let upper = clamp.upper, lower > upper { return false }
        if let lower = clamp.lower, quantized(lower) != type.minimum { return false }
        if let upper = clamp.upper, quantized(upper) != type.maximum { return false }
        return true
    }
}
