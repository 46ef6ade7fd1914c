import NetworkGraph

extension QuantizedNetwork {
    /// Checks what the integer executor relies on and a file from elsewhere may not keep.
    /// - Throws: ``QuantizationError`` with code `floatOutput` or `accumulatorOverflow`.
    package func checkExecutable() throws(QuantizationError) {
        if activations[graph.output.value] == nil, !graph.outputCanStayFloat {
            throw QuantizationError(.floatOutput, layer: graph.name(of: graph.output.value))
        }
        for (index, node) in graph.nodes.enumerated() {
            guard let parameters = parameters[index], let input = activations[node.inputs[0]] else {
                continue
            }
            if let channel = BiasQuantization.firstOverflow(
                parameters: parameters, inputZeroPoint: input.unsignedZeroPoint)
            {
                throw QuantizationError(.accumulatorOverflow(channel: channel), layer: node.name)
            }
        }
    }
}
