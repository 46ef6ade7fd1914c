// SPDX-License-Identifier: Apache-2.0

/// A bias correction method.
package enum CorrectionMethod: String, Codable, Sendable, CaseIterable {
    /// Iterative bias correction: channel means, layer by layer.
    case ibc
    /// Bias fine-tuning: gradients by distillation from the float network.
    case bft
}

/// The methods to run, in order; none at all is plain quantization.
package struct CorrectionMethods: Hashable, Sendable {
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

    package func contains(_ method: CorrectionMethod) -> Bool { list.contains(method) }
}

extension CorrectionMethods: CustomStringConvertible {
    package var description: String {
        list.isEmpty ? "none" : list.map(\.rawValue).joined(separator: ",")
    }
}

extension CorrectionMethods: Codable {
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

/// How many weights share a scale.
package enum WeightGranularity: String, Codable, Sendable, CaseIterable {
    case tensor, channel
}

/// Where the weights' zero point lies.
package enum WeightScheme: String, Codable, Sendable, CaseIterable {
    case asymmetric, symmetric
}

/// The type symmetric weights are stored in.
package enum WeightType: String, Codable, Sendable, CaseIterable {
    case auto, int8, uint8
}

/// Whether int8 weights are kept from saturating on processors that add products in 16 bits.
package enum WeightSaturationChoice: String, Codable, Sendable, CaseIterable {
    case avoid, allow
}

/// What the ranges behind weight scales minimize.
package enum WeightScaleChoice: String, Codable, Sendable, CaseIterable {
    case minmax, mse
    case outputMSE = "output-mse"
}

/// Storage type of activations.
package enum ActivationType: String, Codable, Sendable, CaseIterable {
    case uint8, int8
}

/// How an activation's range follows from what was observed.
package enum RangeChoice: String, Codable, Sendable, CaseIterable {
    case minmax, percentile, mse
}

/// How channels are rescaled before quantization.
package enum EqualizationChoice: String, Codable, Sendable, CaseIterable {
    case none
    case oneStep = "one-step"
    case crossLayer = "cross-layer"
    case leastNoise = "least-noise"
}

/// Which means a correction matches: before the activation function or after it.
package enum MatchPoint: String, Codable, Sendable, CaseIterable {
    case pre, post
}

/// What fine-tuning compares an image's logits by.
package enum TuningLossKind: String, Codable, Sendable, CaseIterable {
    case kl
    case relativeL2 = "relative-l2"
    case crossEntropy = "cross-entropy"
}

/// How fine-tuning turns gradients into steps.
package enum OptimizerKind: String, Codable, Sendable, CaseIterable {
    case adam, sgd
}

/// How the learning rate goes on after the warm-up.
package enum ScheduleKind: String, Codable, Sendable, CaseIterable {
    case cosine, step, constant
}

/// How resize and centre crop round to whole pixels: as torchvision, or the long side to the
/// nearest.
package enum ResizeGeometry: String, Codable, Sendable, CaseIterable {
    case torchvision, rounded
}

/// Resampling filter, as Pillow defines them.
package enum Interpolation: String, Codable, Sendable, CaseIterable {
    case bilinear, bicubic
}

/// Order of the color channels that the model expects.
package enum ChannelOrder: String, Codable, Sendable, CaseIterable {
    case rgb, bgr
}

/// What to do with an image whose EXIF data ask for a rotation.
package enum EXIFOrientation: String, Codable, Sendable, CaseIterable {
    case ignore, apply, refuse
}
