// SPDX-License-Identifier: Apache-2.0

import NetworkGraph
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
            guard Self.operators.contains(call.type) else { throw unsupported(call) }
            return [.unknown(dependsOnInput: !["Shape", "Size"].contains(call.type))]
        }
        var constants: [ONNXTensor?] = []
        for index in call.node.input.indices {
            guard let name = call.input(index) else {
                constants.append(nil)
                continue
            }
            guard case .constant(let tensor) = try value(name, of: call) else {
                let value = try translateActivation(call)
                guard call.node.output.dropFirst().allSatisfy({ !isRead($0) }) else {
                    throw call.unsupported("only its first output can be used.")
                }
                return [value]
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

    private mutating func translateActivation(_ call: OperatorCall) throws(ONNXError) -> Value {
        try checkOperandsAreFinished(call)
        switch call.type {
        case "Conv": return try convolution(call)
        case "Gemm": return try gemm(call)
        case "MatMul": return try matMul(call)
        case "BatchNormalization": return try batchNormalization(call)
        case "Add", "Sub", "Mul", "Div": return try arithmetic(call)
        case "Relu", "Clip": return try clamp(call)
        case "Min", "Max": return try extremum(call)
        case "HardSigmoid", "HardSwish": return try activationFunction(call)
        case "LRN": return try localResponseNormalization(call)
        case "Concat": return try concat(call)
        case "MaxPool", "AveragePool": return try pool(call)
        case "GlobalAveragePool": return try globalAveragePool(call)
        case "ReduceMean": return try reduceMean(call)
        case "Pad": return try pad(call)
        case "Identity", "Dropout", "Cast": return try passThrough(call)
        case "Reshape", "Flatten", "Squeeze", "Unsqueeze": return try rearrange(call)
        case "Transpose": return try transpose(call)
        case "Softmax", "LogSoftmax": return try outputFunction(call)
        case "Shape", "Size":
            try call.expect(inputs: 1...1, attributes: ["start", "end"])
            return .constant(
                try ConstantFolding.shape(of: activation(0, of: call).dims, at: call))
        default: throw unsupported(call)
        }
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

    // MARK: Operators that only rearrange

    private mutating func passThrough(_ call: OperatorCall) throws(ONNXError) -> Value {
        switch call.type {
        case "Dropout":
            try call.expect(inputs: 1...3, attributes: ["ratio", "seed"])
            if let training = try constant(2, of: call), training.integers != [0] {
                throw call.unsupported(
                    "is in training mode; export the model for inference (PyTorch: model.eval()).")
            }
        case "Cast":
            try call.expect(inputs: 1...1, attributes: ["to", "saturate", "round_mode"])
            let type = try call.integer("to").flatMap { ElementType(rawValue: $0) }
            guard type?.isReal == true else {
                throw call.unsupported("casts activations to a type that is not real.")
            }
        default: try call.expect(inputs: 1...1)
        }
        return .activation(try activation(0, of: call))
    }

    private mutating func rearrange(_ call: OperatorCall) throws(ONNXError) -> Value {
        try call.expect(inputs: 1...2, attributes: ["allowzero", "axes", "axis"])
        let activation = try activation(0, of: call)
        let dims = try ConstantFolding.rearranged(
            activation.dims, constantOperands(of: call))
        guard let result = activation.reshaped(to: dims) else {
            throw call.unsupported(
                "from \(activation.dims) to \(dims) splits an axis of the image, which is not "
                    + "supported.")
        }
        return .activation(result)
    }

    private mutating func transpose(_ call: OperatorCall) throws(ONNXError) -> Value {
        try call.expect(inputs: 1...1, attributes: ["perm"])
        let activation = try activation(0, of: call)
        return .activation(
            activation.transposed(
                try ShapeRules.permutation(rank: activation.dims.count, at: call)))
    }

    // MARK: Joining

    private mutating func concat(_ call: OperatorCall) throws(ONNXError) -> Value {
        try call.expect(inputs: 1...1024, attributes: ["axis"])
        var parts: [Activation] = []
        for index in call.node.input.indices { parts.append(try activation(index, of: call)) }
        guard let given = try call.integer("axis") else { throw call.malformed("names no axis.") }
        var result = parts[0]
        let axis = try call.axis(given, rank: result.dims.count)
        result.shape.channels = 0
        for part in parts {
            // Axes of one extent appear nowhere, so one channel has to be compared as none.
            func others(_ activation: Activation) -> [[Axis]] {
                activation.axes.enumerated().map { $0 == axis ? [] : $1 }
            }
            guard part.dims.count == parts[0].dims.count, others(part) == others(parts[0]),
                part.axes[axis] == (part.shape.channels == 1 ? [] : [.channel]),
                part.shape.height == parts[0].shape.height,
                part.shape.width == parts[0].shape.width
            else {
                throw call.unsupported(
                    "joins \(parts[0].dims) and \(part.dims) along axis \(axis); only feature "
                        + "maps of equal height and width can be joined, along channels.")
            }
            result.shape.channels += part.shape.channels
        }
        try Self.check(result.shape, at: call)
        result.dims[axis] = result.shape.channels
        result.axes[axis] = result.shape.channels == 1 ? [] : [.channel]
        if parts.count == 1 { return .activation(parts[0]) }
        return append(.concat, parts.map(\.value), like: result, at: call)
    }
}
