// SPDX-License-Identifier: Apache-2.0

import NetworkGraph
import ONNXModel

extension DraftGraph {
    /// Folds everything that can be folded and rounds the parameters to Float, once.
    mutating func fold() throws(ONNXError) {
        removeUnused()
        try foldPads()
        recognizeActivations()
        foldAffine()
        foldClamps()
    }

    /// The finished network.
    ///
    /// - Throws: ``ONNXError`` with code `invalidTensor` if folding left the range of Float.
    func finished(name: String, outputs: [Graph.Output]) throws(ONNXError) -> FloatNetwork {
        var names: Set<String> = []
        var result: [Node] = []
        var parameters: [FloatParameters?] = []
        for node in nodes {
            var unique = node.name
            var suffix = 1
            while !names.insert(unique).inserted {
                suffix += 1
                unique = "\(node.name)#\(suffix)"
            }
            let (operation, values) = try node.finished()
            result.append(
                Node(
                    name: unique, operation: operation, inputs: node.inputs, clamp: node.clamp,
                    shape: node.shape))
            parameters.append(values)
        }
        let graph = Graph(name: name, inputs: inputs, nodes: result, outputs: outputs)
        return FloatNetwork(graph: graph, parameters: parameters)
    }
}

extension DraftNode {
    fileprivate func finished() throws(ONNXError) -> (Operation, FloatParameters?) {
        switch kind {
        case .convolution(let draft):
            return (.convolution(draft.convolution), try parameters(of: draft))
        case .affine(let scale, let shift, let hasShift):
            let draft = DraftConvolution(
                convolution: Convolution(
                    window: Window(kernelHeight: 1, kernelWidth: 1), groups: scale.count,
                    hadBias: hasShift),
                weights: [Float](repeating: 1, count: scale.count), outputScale: scale,
                bias: shift)
            return (.convolution(draft.convolution), try parameters(of: draft))
        case .operation(let operation): return (operation, nil)
        }
    }

    /// Applies the folded scales in Double and rounds each weight and bias once.
    private func parameters(of draft: DraftConvolution) throws(ONNXError) -> FloatParameters {
        var weights = draft.weights
        if draft.inputScale != nil || draft.outputScale != nil {
            scale(&weights, of: draft)
        }
        let bias = draft.bias.map { Float($0) }
        guard weights.allFinite, bias.allFinite else {
            throw error(
                .invalidTensor, "its parameters leave the range of Float when folded into it.")
        }
        return FloatParameters(weights: weights, bias: bias)
    }

    private func scale(_ weights: inout [Float], of draft: DraftConvolution) {
        let outputs = draft.bias.count
        let perOutput = weights.count / outputs
        let perGroup = outputs / draft.convolution.groups
        let taps = draft.convolution.window.kernelHeight * draft.convolution.window.kernelWidth
        let channels = perOutput / taps
        weights.withUnsafeMutableBufferPointer { weights in
            for output in 0..<outputs {
                let scale = draft.outputScale?[output] ?? 1
                let first = output / perGroup * channels
                for offset in 0..<perOutput {
                    let index = output * perOutput + offset
                    let input = draft.inputScale?[first + offset % channels] ?? 1
                    weights[index] = Float(Double(weights[index]) * input * scale)
                }
            }
        }
    }
}

extension [Float] {
    /// Whether no element is infinite or NaN.
    var allFinite: Bool {
        withUnsafeBufferPointer { values in
            for value in values where !value.isFinite { return false }
            return true
        }
    }
}
