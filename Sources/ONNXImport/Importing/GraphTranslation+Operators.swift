// SPDX-License-Identifier: Apache-2.0

import NetworkGraph
import ONNXModel
import PrintableText

extension GraphTranslation {
    /// Evaluates or translates one node.
    /// - Returns: its outputs in order, as many as anything reads.
    mutating func translate(_ call: OperatorCall) throws(ONNXError) -> [Value] {
        if call.type == "Constant" { return [.constant(try constant(of: call))] }
        if let dependsOnInput = isUnknown(call) {
            guard dependsOnInput else {
                guard ConstantFolding.rules[call.type] != nil else { throw call.unknownOperator }
                return [.unknown(dependsOnInput: false)]
            }
            guard ONNXOperator.byType[call.type]?.isTranslated == true else {
                throw unsupported(call)
            }
            return [.unknown(dependsOnInput: !["Shape", "Size"].contains(call.type))]
        }
        var constants: [ONNXTensor?] = []
        for index in call.node.input.indices {
            guard let name = call.input(index) else {
                constants.append(nil)
                continue
            }
            guard case .constant(let tensor) = try value(name, of: call) else {
                return try translateActivation(call)
            }
            constants.append(tensor)
        }
        let results = try ConstantFolding.evaluate(call, constants)
        computed += results.reduce(0) { $0 + $1.count }
        guard computed <= ImportLimits.allComputed else {
            throw call.unsupported("the graph computes too many constants.")
        }
        return results.map { .constant($0) }
    }

    /// Whether an operand is not known for a node before that could not be translated; if so,
    /// whether any operand depends on the input.
    private func isUnknown(_ call: OperatorCall) -> Bool? {
        var isUnknown = false
        var dependsOnInput = false
        for name in call.node.input {
            switch values[name] {
            case .unknown(let depends):
                isUnknown = true
                dependsOnInput = dependsOnInput || depends
            case .activation: dependsOnInput = true
            case .constant, nil: break
            }
        }
        return isUnknown ? dependsOnInput : nil
    }

    /// Why an operator on activations is not translated.
    private func unsupported(_ call: OperatorCall) -> ONNXError {
        ConstantFolding.rules[call.type] == nil
            ? call.unknownOperator
            : call.unsupported("operator \(call.type.printable()) is supported on constants only.")
    }

    private mutating func translateActivation(
        _ call: OperatorCall
    ) throws(ONNXError) -> [Value] {
        try computeEndings(readBy: call)
        guard let values = try ONNXOperator.byType[call.type]?.translate(call, &self) else {
            throw unsupported(call)
        }
        return values
    }

    /// A Constant node's value.
    private func constant(of call: OperatorCall) throws(ONNXError) -> ONNXTensor {
        try call.expect(
            inputs: 0...0,
            attributes: ["value", "value_float", "value_floats", "value_int", "value_ints"])
        if let proto = try call.tensor("value") {
            do throws(ONNXError) {
                return try document.decode(proto)
            } catch {
                throw call.error(error.code, tensor: error.tensor, error.detail)
            }
        }
        if let value = try call.float("value_float") {
            return ONNXTensor(type: .float, dims: [], elements: .reals([value]))
        }
        if let values = try call.floats("value_floats") {
            return ONNXTensor(type: .float, dims: [values.count], elements: .reals(values))
        }
        if let value = try call.integer("value_int") {
            return ONNXTensor(type: .int64, dims: [], elements: .integers([Int64(value)]))
        }
        if let values = try call.integers("value_ints") {
            return ONNXTensor(values.map { Int64($0) })
        }
        throw call.malformed("has no value.")
    }
}
