// SPDX-License-Identifier: Apache-2.0

import NetworkGraph

extension Graph {
    /// Why this graph cannot run, as far as its structure tells; nil if it can. Executors rely on
    /// what is checked here: they compute addresses from these numbers.
    var fault: String? {
        guard (0..<valueCount).contains(output.value) else { return "output value out of range" }
        guard input.shape.isReasonable else { return "the input has no reasonable shape" }
        for (index, node) in nodes.enumerated() {
            guard !node.inputs.isEmpty, node.inputs.allSatisfy({ (0...index).contains($0) }) else {
                return "node '\(node.name)' reads a value that does not precede it"
            }
            guard node.shape.isReasonable, fits(node) else {
                return "node '\(node.name)' does not fit its inputs"
            }
        }
        return nil
    }

    /// Weights of a node of a graph without fault, nil if it has none.
    func weightCount(_ node: Node) -> Int? {
        guard let convolution = node.convolution else { return nil }
        let window = convolution.window
        return node.shape.channels * window.kernelHeight * window.kernelWidth
            * (shape(of: node.inputs[0]).channels / convolution.groups)
    }

    /// Whether the node's shape is what its operation makes of its inputs.
    private func fits(_ node: Node) -> Bool {
        let inputs = node.inputs.map(shape(of:))
        let (first, shape) = (inputs[0], node.shape)
        switch node.operation {
        case .convolution(let convolution):
            let groups = convolution.groups
            return inputs.count == 1 && convolution.window.turns(first, into: shape) && groups >= 1
                && first.channels % groups == 0 && shape.channels % groups == 0
        case .maxPool(let window), .averagePool(let window, _):
            return inputs.count == 1 && window.turns(first, into: shape)
                && first.channels == shape.channels
        case .add:
            return inputs == [shape, shape]
        case .concat:
            return inputs.allSatisfy { $0.height == shape.height && $0.width == shape.width }
                && inputs.reduce(0) { $0 + $1.channels } == shape.channels
        case .globalAveragePool:
            return inputs.count == 1
                && shape == FeatureShape(height: 1, width: 1, channels: first.channels)
        case .multiply:
            let pixel = FeatureShape(height: 1, width: 1, channels: shape.channels)
            return inputs == [shape, shape] || inputs == [shape, pixel]
        case .clamp:
            return inputs == [shape]
        case .activation(let function):
            return inputs == [shape] && function.isValid
        case .localResponseNormalization(let lrn):
            return inputs == [shape] && lrn.isValid
        }
    }
}

extension FeatureShape {
    /// Bounds keep products of extents and kernels inside Int.
    fileprivate var isReasonable: Bool {
        [height, width, channels].allSatisfy { (1...1 << 18).contains($0) } && count <= 1 << 31
    }
}

extension Window {
    fileprivate func turns(_ input: FeatureShape, into output: FeatureShape) -> Bool {
        let limit = 1 << 12
        let steps = [
            kernelHeight, kernelWidth, strideHeight, strideWidth, dilationHeight, dilationWidth,
        ]
        guard steps.allSatisfy({ (1...limit).contains($0) }),
            [padTop, padLeft, padBottom, padRight].allSatisfy({ (0...limit).contains($0) }),
            let extent = outputExtent(height: input.height, width: input.width)
        else { return false }
        return extent == (output.height, output.width)
    }
}
