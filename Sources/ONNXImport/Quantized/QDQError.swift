// SPDX-License-Identifier: Apache-2.0

import ONNXModel
import PrintableText

/// Why a QDQ model could not be written or read.
package struct QDQError: Error, Hashable, Sendable {
    /// What is wrong, for programs; each has its own advice in the message.
    package enum Code: String, Hashable, Sendable {
        /// The file could not be opened, read or written.
        case fileAccess
        /// The bytes are no ONNX model.
        case notAModel
        /// Tensors, nodes or names contradict each other or are missing.
        case malformedGraph
        /// The model is not quantized.
        case floatModel
        /// An operator, attribute or operator set outside what is read.
        case unsupported
        /// Tensors whose data lies in another file.
        case externalData
        /// An element type outside what is read.
        case unsupportedType
        /// A float value lies where an 8-bit one is needed.
        case missingQuantization
        /// Activations with more than one scale.
        case perChannelActivations
        /// An operator that quantizers expect to be folded into its neighbour.
        case notFolded
        /// Scales, zero points or axes that belong together disagree.
        case inconsistentQuantization
        /// A float bias that is no int32 in the steps of its layer.
        case biasOverflow
        /// The quantized network is not one of the float network beside it.
        case otherNetwork
        /// A metadata entry of ours that does not fit the graph.
        case invalidMetadata
        /// The network to write breaks an invariant of its type.
        case invalidNetwork
    }

    /// Decides the advice.
    package var code: Code
    /// Path of the file; nil while encoding to memory.
    package var file: String?
    /// Name of the ONNX node or of the network's node.
    package var node: String?
    /// Name of the tensor.
    package var tensor: String?
    /// What is wrong, with the values involved; a clause without a full stop.
    package var detail: String
    /// Everything in the graph that is in the way, where a reader stopped at the first.
    package var findings: [Finding] = []

    /// Nodes that are in the way for one reason.
    package struct Finding: Hashable, Sendable {
        /// What these nodes are, in the plural.
        package var reason: String
        /// Names in order.
        package var nodes: [String]

        /// `reason` is a plural, `nodes` are names.
        package init(reason: String, nodes: [String]) {
            self.reason = reason
            self.nodes = nodes
        }
    }

    /// `detail` is a clause without a full stop.
    package init(
        _ code: Code, file: String? = nil, node: String? = nil, tensor: String? = nil,
        _ detail: String
    ) {
        self.code = code
        self.file = file
        self.node = node
        self.tensor = tensor
        self.detail = detail
    }
}

extension QDQError: CustomStringConvertible {
    package var description: String {
        var place: [String] = []
        if let file { place.append("file '\(file.printable(bytes: PrintableText.lineBytes))'") }
        if let node { place.append("node \(printable(node))") }
        if let tensor { place.append("tensor \(printable(tensor))") }
        let prefix = place.isEmpty ? "" : place.joined(separator: ", ") + ": "
        let all = findings.map(\.description).joined(separator: "; ")
        return "\(prefix)\(detail.printable(bytes: PrintableText.lineBytes)). "
            + (all.isEmpty ? "" : "In the way: \(all). ") + advice
    }

    private var advice: String {
        switch code {
        case .fileAccess: "Check the path and its permissions."
        case .notAModel: "Give an ONNX file."
        case .floatModel: "It belongs to --model; give the 8-bit model made from it as --quantized."
        case .malformedGraph, .inconsistentQuantization, .invalidMetadata:
            "The file was damaged or edited; export it again."
        case .missingQuantization:
            "Only the biases of networks in which every layer reads and gives 8-bit values can be corrected; an output may be "
                + "float. docs/bring-your-own.md says what is read."
        case .externalData:
            "Put it into the model's file, with onnx.save(onnx.load('M.onnx'), 'one-file.onnx')."
        case .unsupported, .unsupportedType:
            "QDQ models as `counterbias calibrate`, ONNX Runtime's quantize_static and NNCF write them "
                + "are read; fold constants and BatchNormalization with quant_pre_process before you quantize. "
                + "docs/bring-your-own.md says what is read."
        case .otherNetwork:
            "Give the float model that was quantized, with the same BatchNormalization and input."
        case .perChannelActivations:
            "Quantize activations per tensor; with NNCF, give advanced_parameters with "
                + "activations_quantization_params=QuantizationParameters(per_channel=False)."
        case .biasOverflow:
            "Quantize this layer with one weight scale per tensor: a scale of its own is too small for this channel, whose weights "
                + "nearly vanish."
        case .notFolded:
            "Fold it before you quantize, with onnxruntime.quantization.shape_inference."
                + "quant_pre_process, and quantize again."
        case .invalidNetwork: "This network cannot be written as a QDQ model."
        }
    }
}

extension QDQError.Finding: CustomStringConvertible {
    /// Names that are given; a network has hundreds.
    private static let mostNames = 24

    package var description: String {
        let shown = nodes.prefix(Self.mostNames).map(printable).joined(separator: ", ")
        let rest = nodes.count - Self.mostNames
        return "\(reason) (\(nodes.count)): \(shown)" + (rest > 0 ? " and \(rest) more" : "")
    }
}
