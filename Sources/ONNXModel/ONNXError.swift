// SPDX-License-Identifier: Apache-2.0

import PrintableText

/// What stops a model from being read or written.
package struct ONNXError: Error, Hashable, Sendable {
    /// What is wrong, for programs.
    package enum Code: String, Hashable, Sendable {
        /// The model or a file it refers to cannot be opened or read.
        case unreadable
        /// The file is not ONNX, or contradicts itself or the specification.
        case malformed
        /// A constant tensor is damaged: wrong size, unknown type, non-finite.
        case invalidTensor
        /// Valid ONNX that Counterbias does not take.
        case unsupported
    }

    /// What kind of fault it is.
    package var code: Code
    /// Path of the model; set where the error leaves the module.
    package var file: String
    /// Name of the node, or of its first output where it has no name.
    package var node: String?
    /// Operator of the node, such as `Conv`.
    package var operatorType: String?
    /// Name of the tensor.
    package var tensor: String?
    /// What is wrong, and where possible what to do.
    package var detail: String
    /// Everything that stands in the way of reading a model, by kind in the order of the file.
    package var obstacles: [Obstacle] = []

    /// What is not supported in one or several nodes, or in the model's inputs and outputs.
    package struct Obstacle: Hashable, Sendable, Codable {
        /// Operator of the nodes, with its domain where that is not the standard one.
        package var operatorType: String?
        /// Number of nodes, or 1.
        package var count: Int
        /// The first node.
        package var node: String?
        /// Name of the tensor, where it is about one.
        package var tensor: String?
        /// What is wrong there.
        package var detail: String

        /// A place that is nil is not named.
        package init(
            operatorType: String?, count: Int, node: String?, tensor: String?, detail: String
        ) {
            self.operatorType = operatorType
            self.count = count
            self.node = node
            self.tensor = tensor
            self.detail = detail
        }
    }

    /// `detail` ends in a full stop; `file` may be added later.
    package init(
        _ code: Code, file: String = "", node: String? = nil, operatorType: String? = nil,
        tensor: String? = nil, _ detail: String
    ) {
        self.code = code
        self.file = file
        self.node = node
        self.operatorType = operatorType
        self.tensor = tensor
        self.detail = detail
    }
}

extension ONNXError: CustomStringConvertible {
    /// One line, or one more for every kind of obstacle. What stands in the file cannot add lines.
    package var description: String {
        let place = file.isEmpty ? [] : [file.printable(bytes: PrintableText.lineBytes)]
        guard obstacles.count > 1 else { return (place + [first]).joined(separator: ": ") }
        let header = (place + ["\(obstacles.count) things stand in the way:"]).joined(
            separator: ": ")
        return header + obstacles.map { "\n    \($0)" }.joined()
    }

    private var first: String {
        obstacles.first?.description
            ?? Obstacle(
                operatorType: operatorType, count: 1, node: node, tensor: tensor, detail: detail
            ).description
    }
}

extension ONNXError.Obstacle: CustomStringConvertible {
    package var description: String {
        var place: [String] = []
        if let node {
            let type = operatorType.map { " (\($0.printable()))" } ?? ""
            let more = count > 1 ? " and \(count - 1) more" : ""
            place.append("node \(printable(node))\(type)\(more)")
        }
        if let tensor { place.append("tensor \(printable(tensor))") }
        return (place + [detail.printable(bytes: PrintableText.lineBytes)]).joined(separator: ": ")
    }
}

/// A name from the file in quotes, safe to print.
package func printable(_ name: String) -> String { "'\(name.printable())'" }
