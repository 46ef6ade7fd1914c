// SPDX-License-Identifier: Apache-2.0

extension Operation {
    /// Short name for tables: `conv 3×3 s2`, `depthwise 3×3`, `pointwise`, `fully connected`,
    /// `add`.
    ///
    /// - Parameter input: extents of the first operand.
    /// - Returns: the kind, with kernel, stride, dilation and groups where they say something.
    package func kind(input: FeatureShape) -> String {
        switch self {
        case .convolution(let convolution): convolution.kind(input: input)
        case .add: "add"
        case .multiply: "multiply"
        case .concat: "concat"
        case .maxPool(let window): "max pool \(window.kind)"
        case .averagePool(let window, _): "average pool \(window.kind)"
        case .globalAveragePool: "global average pool"
        case .clamp: "clamp"
        case .activation(.hardSigmoid): "hard sigmoid"
        case .activation(.hardSwish): "hard swish"
        case .localResponseNormalization(let lrn): "local response norm \(lrn.size)"
        }
    }
}

extension Convolution {
    fileprivate func kind(input: FeatureShape) -> String {
        let isPoint = window.kernelHeight == 1 && window.kernelWidth == 1
        if isFullyConnected { return "fully connected" }
        if groups == 1 {
            return isPoint ? "pointwise" + window.steps : "conv \(window.kind)"
        }
        if groups == input.channels { return "depthwise \(window.kind)" }
        return "grouped conv \(window.kind) g\(groups)"
    }
}

extension Window {
    /// Kernel, stride and dilation, the latter two where they are not 1.
    fileprivate var kind: String { "\(kernelHeight)×\(kernelWidth)\(steps)" }

    fileprivate var steps: String {
        func pair(_ letter: String, _ height: Int, _ width: Int) -> String {
            if height == 1, width == 1 { return "" }
            return height == width ? " \(letter)\(height)" : " \(letter)\(height)×\(width)"
        }
        return pair("s", strideHeight, strideWidth) + pair("d", dilationHeight, dilationWidth)
    }
}

extension Clamp: CustomStringConvertible {
    /// `relu`, `relu6`, or the bounds; empty where there are none.
    package var description: String {
        switch (lower, upper) {
        case (nil, nil): ""
        case (0, nil): "relu"
        case (0, 6): "relu6"
        case (let lower, let upper):
            "[\(lower.map { "\($0)" } ?? "-inf"), \(upper.map { "\($0)" } ?? "inf")]"
        }
    }
}
