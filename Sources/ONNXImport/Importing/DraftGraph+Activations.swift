// SPDX-License-Identifier: Apache-2.0

import NetworkGraph

/// HardSigmoid and HardSwish as exporters without these operators write them: `clamp(x + 3, 0, 6) /
/// 6`, with the division anywhere up to behind the product with x.
extension DraftGraph {
    /// Turns `clamp(a x + b, 0, h)` into `h * hardSigmoid(x)`, moves such factors behind products,
    /// where they cancel or can be folded, and turns `x * hardSigmoid(x)` into `hardSwish(x)`.
    mutating func recognizeActivations() {
        for index in nodes.indices where nodes[index].kind.isMultiply {
            recognizeProduct(index, gate: .sigmoid, function: .silu)
        }
        for index in nodes.indices { recognizeHardSigmoid(index) }
        guard nodes.contains(where: \.isActivation) else { return }
        for index in nodes.indices where nodes[index].kind.isMultiply {
            moveScalesBehindProduct(index)
        }
        for index in nodes.indices { dropIdentity(index) }
        foldAffine()
        for index in nodes.indices { dropIdentity(index) }
        removeUnused()
        for index in nodes.indices where nodes[index].kind.isMultiply {
            recognizeProduct(index, gate: nil, function: .hardSwish)
        }
        removeUnused()
    }

    /// A clamp between 0 and h of `a x + b` that a division by h or a product with x follows. Any
    /// other stays, for a convolution may take it in.
    private mutating func recognizeHardSigmoid(_ index: Int) {
        guard case .operation(.clamp) = nodes[index].kind, nodes[index].clamp.lower == 0,
            let height = nodes[index].clamp.upper.map(Double.init), height > 0,
            let read = nodes[index].inputs.first, uses[read] == 1, let inner = node(of: read),
            nodes[inner].clamp == .none, let line = nodes[inner].line,
            let source = nodes[inner].inputs.first
        else { return }
        let readers = nodes.filter { $0.inputs.contains(value(of: index)) }
        let divides =
            readers.count == 1
            && readers[0].line.map { $0.shift == 0 && Self.isOne($0.scale * height) } == true
        let gates = readers.contains { $0.kind.isMultiply && $0.inputs.contains(source) }
        guard divides || gates else { return }
        let function = ActivationFunction.hardSigmoid(
            alpha: Float(line.scale / height), beta: Float(line.shift / height))
        guard function.isValid else { return }
        let channels = nodes[index].shape.channels
        nodes[inner].kind = .operation(.activation(function))
        nodes[index].kind = .affine(
            scale: [Double](repeating: height, count: channels),
            shift: [Double](repeating: 0, count: channels), hasShift: false)
        nodes[index].clamp = .none
    }

    /// `((s x) * y) * t` becomes `(x * y) * (s t)`, where nothing else reads what is in
    /// parentheses.
    private mutating func moveScalesBehindProduct(_ index: Int) {
        let product = value(of: index)
        guard uses[product] == 1, nodes[index].clamp == .none,
            let reader = nodes.indices.first(where: { nodes[$0].inputs == [product] }),
            case .affine(var factors, let shift, let hasShift) = nodes[reader].kind
        else { return }
        for operand in nodes[index].inputs.indices {
            let value = nodes[index].inputs[operand]
            guard uses[value] == 1, let scaling = node(of: value), nodes[scaling].clamp == .none,
                let line = nodes[scaling].line, line.shift == 0,
                let source = nodes[scaling].inputs.first
            else { continue }
            factors = factors.map { $0 * line.scale }
            nodes[index].inputs[operand] = source
            nodes[scaling].inputs = []
        }
        nodes[reader].kind = .affine(scale: factors, shift: shift, hasShift: hasShift)
    }

    private mutating func dropIdentity(_ index: Int) {
        guard let line = nodes[index].line, line.shift == 0, Self.isOne(line.scale),
            nodes[index].clamp == .none, let source = nodes[index].inputs.first
        else { return }
        bypass(index, to: source)
    }

    /// `x * gate(x)`, where nothing else reads the gate.
    /// - Parameters:
    ///   - index: of the product.
    ///   - wanted: the other factor; nil for a HardSigmoid with 1/6 and 1/2.
    ///   - function: what the product is.
    private mutating func recognizeProduct(
        _ index: Int, gate wanted: ActivationFunction?, function: ActivationFunction
    ) {
        let inputs = nodes[index].inputs
        for (x, value) in [(inputs[0], inputs[1]), (inputs[1], inputs[0])] {
            guard let gate = node(of: value), uses[value] == 1, nodes[gate].inputs == [x],
                nodes[gate].clamp == .none,
                case .operation(.activation(let found)) = nodes[gate].kind,
                wanted.map({ $0 == found }) ?? Self.isHardSwishGate(found)
            else { continue }
            nodes[index].kind = .operation(.activation(function))
            nodes[index].inputs = [x]
            return
        }
    }

    private static func isHardSwishGate(_ function: ActivationFunction) -> Bool {
        guard case .hardSigmoid(let alpha, let beta) = function else { return false }
        return isOne(Double(alpha) * 6) && isOne(Double(beta) * 2)
    }

    /// 1 but for the rounding of two Floats.
    private static func isOne(_ value: Double) -> Bool {
        abs(value - 1) <= 2 * Double(Float.ulpOfOne)
    }
}

extension DraftNode {
    /// Scale and shift of an affine node that has the same for every channel.
    fileprivate var line: (scale: Double, shift: Double)? {
        guard case .affine(let scale, let shift, _) = kind, let first = scale.first,
            let offset = shift.first, scale.allSatisfy({ $0 == first }),
            shift.allSatisfy({ $0 == offset })
        else { return nil }
        return (first, offset)
    }

    fileprivate var isActivation: Bool {
        if case .operation(.activation) = kind { true } else { false }
    }
}

extension DraftNode.Kind {
    fileprivate var isMultiply: Bool {
        if case .operation(.multiply) = self { true } else { false }
    }
}
