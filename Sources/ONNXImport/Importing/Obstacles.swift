// SPDX-License-Identifier: Apache-2.0

import ONNXModel
import PrintableText

/// Everything found in a model that keeps it from being read.
struct Obstacles {
    private var kinds: [Key: ONNXError.Obstacle] = [:]
    private var order: [Key] = []
    /// The first error that says the file is damaged; unsupported operators are worth more to know.
    private var fault: ONNXError?
    /// The only error, as long as there is one.
    private var first: ONNXError?
    private var seen: Set<ONNXError> = []

    /// Errors that differ in names and numbers alone are one kind.
    private struct Key: Hashable {
        var operatorType: String?
        var pattern: String
    }

    mutating func add(_ error: ONNXError) {
        guard error.code == .unsupported else {
            fault = fault ?? error
            return
        }
        // Several nodes may tell of the same one.
        guard seen.insert(error).inserted else { return }
        let key = Key(
            operatorType: error.operatorType,
            pattern: error.detail.split(separator: "'", omittingEmptySubsequences: false)
                .enumerated()
                .filter { $0.offset % 2 == 0 }.map(\.element).joined().filter { !$0.isNumber })
        if kinds[key] == nil {
            order.append(key)
            kinds[key] = ONNXError.Obstacle(
                operatorType: error.operatorType?.cut(bytes: PrintableText.nameBytes), count: 0,
                node: error.node?.cut(bytes: PrintableText.nameBytes),
                tensor: error.tensor?.cut(bytes: PrintableText.nameBytes),
                detail: error.detail.cut(bytes: PrintableText.lineBytes))
        }
        kinds[key]?.count += 1
        first = first ?? error
    }

    /// One error of everything; nil where there was nothing.
    var error: ONNXError? {
        guard var error = first else { return fault }
        error.obstacles = order.compactMap { kinds[$0] }
        return error
    }
}
