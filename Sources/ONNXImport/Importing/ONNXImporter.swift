// SPDX-License-Identifier: Apache-2.0

package import NetworkGraph
package import ONNXModel

/// Import of float models.
package enum ONNXImporter {
    /// Reads an ONNX float model and folds it into a network of Counterbias' operations.
    ///
    /// Constant subgraphs are evaluated; BatchNormalization, Mul/Add/Sub/Div by constants, Pad,
    /// Relu, Clip, and operators that only rearrange axes are folded away; nodes that the output
    /// does not depend on are dropped.
    ///
    /// - Parameters:
    ///   - path: an ONNX file of operator set 7 or later, inputs `[N, C, H, W]` or `[N, H, W, C]`.
    ///   - inputShapes: extents other than N that the file leaves open, as
    ///     ``ONNXDocument/fixInputs(_:)`` takes them.
    /// - Returns: the folded network with weights in OHWI order.
    /// - Throws: ``ONNXError`` that names the file, and the node or tensor concerned.
    package static func loadFloatNetwork(
        path: String, inputShapes: [String: [Int]] = [:]
    ) throws(ONNXError) -> FloatNetwork {
        var document = try ONNXDocument(path: path)
        try document.fixInputs(inputShapes)
        return try floatNetwork(of: document)
    }

    /// As ``loadFloatNetwork(path:inputShapes:)``, of a document already read.
    package static func floatNetwork(of document: ONNXDocument) throws(ONNXError) -> FloatNetwork {
        do throws(ONNXError) {
            var translation = try GraphTranslation(document)
            return try translation.run()
        } catch {
            throw error.located(in: document.path)
        }
    }
}
