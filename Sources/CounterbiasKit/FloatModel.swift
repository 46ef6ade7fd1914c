// SPDX-License-Identifier: Apache-2.0

import NetworkGraph
import ONNXImport

/// A float network, folded as calibration takes it: constants are computed, batch normalization and
/// clamps are part of the layers in front of them.
public struct FloatModel: Sendable {
    /// Where it was read.
    public let path: String
    let network: FloatNetwork

    /// Reads an ONNX file.
    /// - Parameters:
    ///   - path: of the model; data in files beside it are read too.
    ///   - inputShapes: all extents of inputs that the file leaves open, the batch's first, by
    ///     name.
    /// - Throws: ``CounterbiasError`` that lists what stands in the way, with names of nodes.
    public init(
        contentsOf path: String, inputShapes: [String: [Int]] = [:]
    ) throws(CounterbiasError) {
        self.path = path
        network = try mappingErrors {
            try ONNXImporter.loadFloatNetwork(path: path, inputShapes: inputShapes)
        }
    }

    /// Inputs and outputs for one image.
    public struct Port: Hashable, Sendable {
        /// As in the file.
        public let name: String
        /// Pixels, at least 1.
        public let height: Int
        /// Pixels, at least 1.
        public let width: Int
        /// At least 1; of class scores, their number, with a height and width of 1.
        public let channels: Int
    }

    /// In the order of the file.
    public var inputs: [Port] { network.graph.inputs.map { Port($0.name, $0.shape) } }

    /// In the order of the file.
    public var outputs: [Port] {
        network.graph.outputs.map { Port($0.name, network.graph.shape(of: $0.value)) }
    }
}

extension FloatModel.Port {
    fileprivate init(_ name: String, _ shape: TensorShape) {
        self.init(
            name: name, height: shape.height, width: shape.width, channels: shape.channels)
    }
}
