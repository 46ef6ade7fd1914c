// SPDX-License-Identifier: Apache-2.0

package import NetworkGraph
import PrintableText

extension Graph {
    /// The input that images are made for.
    /// - Parameter model: file of the network, for messages.
    /// - Returns: the only input.
    /// - Throws: ``RunError`` where there are several inputs.
    package func imageInput(model: String) throws -> Input {
        guard inputs.count == 1 else {
            let names = inputs.map { "'\($0.name.printable())'" }.joined(separator: ", ")
            throw RunError(
                .data,
                "\(model) has \(inputs.count) inputs (\(names)); folders of images feed one: make "
                    + "the others constants (onnx.utils, or at export)")
        }
        return inputs[0]
    }
}
