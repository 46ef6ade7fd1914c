// SPDX-License-Identifier: Apache-2.0

package import Quantization

/// A bias correction method.
package enum CorrectionMethod: String, Codable, Sendable, CaseIterable {
    /// Iterative bias correction: channel means, layer by layer.
    case ibc
    /// Bias fine-tuning: gradients by distillation from the float network.
    case bft
}

/// The methods to run, in order; none at all is plain quantization.
package struct CorrectionMethods: Hashable, Sendable {
    /// All different, in the order of ``CorrectionMethod``.
    package let list: [CorrectionMethod]

    /// Takes methods that are all different, in the order of ``CorrectionMethod``; nil otherwise:
    /// IBC after BFT would undo it.
    package init?(_ list: [CorrectionMethod]) {
        guard list == CorrectionMethod.allCases.filter(list.contains) else { return nil }
        self.list = list
    }

    /// Parses `none`, or method names separated by commas; nil for anything else.
    package init?(_ text: String) {
        var methods: [CorrectionMethod] = []
        if text == "none" {
            self.init(methods)
            return
        }
        for name in text.split(separator: ",", omittingEmptySubsequences: false) {
            guard let method = CorrectionMethod(rawValue: String(name)) else { return nil }
            methods.append(method)
        }
        self.init(methods)
    }

    /// Whether the method is among those to run.
    package func contains(_ method: CorrectionMethod) -> Bool { list.contains(method) }
}

extension CorrectionMethods: CustomStringConvertible {
    package var description: String {
        list.isEmpty ? "none" : list.map(\.rawValue).joined(separator: ",")
    }
}

extension CorrectionMethods: Codable {
    /// From the text that ``init(_:)`` parses; anything else is corrupted data.
    package init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        guard let methods = CorrectionMethods(try container.decode(String.self)) else {
            throw DecodingError.dataCorruptedError(
                in: container, debugDescription: "expected none or method names")
        }
        self = methods
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }
}

/// How an activation's range follows from what was observed.
package enum RangeChoice: String, Codable, Sendable, CaseIterable {
    case minmax, percentile, mse
}

/// How channels are rescaled before quantization: `none`, or the name of a method.
package struct EqualizationChoice: RawRepresentable, Hashable, Codable, Sendable, CaseIterable {
    /// Nil rescales nothing.
    package var method: EqualizationMethod?

    /// Of that method.
    package init(_ method: EqualizationMethod?) { self.method = method }

    /// `none`, or the raw value of a method; nil for anything else.
    package init?(rawValue: String) {
        if rawValue == "none" {
            self.init(nil)
        } else if let method = EqualizationMethod(rawValue: rawValue) {
            self.init(method)
        } else {
            return nil
        }
    }

    /// As the configuration names it.
    package var rawValue: String { method?.rawValue ?? "none" }

    /// `none` first, then the methods in their order.
    package static let allCases: [EqualizationChoice] =
        [EqualizationChoice(nil)] + EqualizationMethod.allCases.map { EqualizationChoice($0) }
}

/// How fine-tuning turns gradients into steps.
package enum OptimizerKind: String, Codable, Sendable, CaseIterable {
    case adam, sgd
}

/// How the learning rate goes on after the warm-up.
package enum ScheduleKind: String, Codable, Sendable, CaseIterable {
    case cosine, step, constant
}
