// SPDX-License-Identifier: Apache-2.0

import NetworkGraph
package import Quantization

/// Quantized networks with random structure over all operations, layouts, types and granularities.
/// Scales are chosen so that values neither vanish nor saturate everywhere.
package struct RandomNetworks {
    package struct Options: Sendable {
        package var nodes = 9
        package var activationType: IntegerType?
        package var weightType: IntegerType?
        package var isPerChannel: Bool?
        /// Whether products, activation functions and local response normalization occur.
        package var hasFunctions: Bool
        /// Whether values are moved: rearranged, taken from, padded and joined along any axis.
        package var hasMovements: Bool
        package var inputs: Int
        package var outputs: Int

        package init(
            activationType: IntegerType? = nil, weightType: IntegerType? = nil,
            hasFunctions: Bool = false, hasMovements: Bool = false, inputs: Int = 1,
            outputs: Int = 1
        ) {
            self.activationType = activationType
            self.weightType = weightType
            self.hasFunctions = hasFunctions
            self.hasMovements = hasMovements
            self.inputs = inputs
            self.outputs = outputs
        }
    }

    private var random: SeededGenerator
    private let options: Options
    private var activationType = IntegerType.uint8
    private var nodes: [Node] = []
    private var parameters: [QuantizedParameters?] = []
    private var activations: [TensorQuantization?] = []
    private var inputs: [Graph.Input] = []
    private var last: ValueID { inputs.count + nodes.count - 1 }

    package static func make(seed: UInt64, _ options: Options = Options()) -> QuantizedNetwork {
        var maker = RandomNetworks(seed: seed, options)
        return maker.make()
    }

    private init(seed: UInt64, _ options: Options) {
        random = SeededGenerator(seed: seed)
        self.options = options
    }

    private mutating func make() -> QuantizedNetwork {
        activationType = options.activationType ?? (flip() ? .uint8 : .int8)
        for index in 0..<options.inputs {
            var input = Graph.Input(
                name: index == 0 ? "image" : "image\(index)",
                shape: TensorShape(
                    height: int(5...12), width: int(5...12), channels: flip() ? 3 : 4),
                layout: flip() ? .nchw : .nhwc, batch: flip() ? nil : 1)
            if let first = inputs.first {
                input.batch = first.batch
                if flip() { input.shape = first.shape }
            }
            inputs.append(input)
            activations.append(quantization(scale: 0.02))
        }
        for _ in 0..<options.nodes { appendNode() }
        var output = Graph.Output(
            name: "logits", value: last, rank: 4, layout: flip() ? .nchw : .nhwc)
        if flip() {
            // The usual ending; otherwise the last feature map is the output.
            appendEnding()
            output = Graph.Output(
                name: "logits", value: last, rank: flip() ? 2 : 4,
                layout: flip() ? .nchw : .nhwc)
        } else if flip(), shape(last).pixels == 1 {
            output.rank = 2
        }
        output = arranged(output)
        let keepsScale = nodes[nodes.count - 1].operation.form.resultQuantization == .operand
        if !keepsScale, flip() { activations[last] = nil }
        var outputs = [output]
        while outputs.count < options.outputs { outputs.append(furtherOutput(outputs.count)) }
        return QuantizedNetwork(
            graph: Graph(name: "random", inputs: inputs, nodes: nodes, outputs: outputs),
            parameters: parameters, activations: activations)
    }

    /// Any value, whether others read it or not; where nobody reads a convolution's, maybe in
    /// float.
    private mutating func furtherOutput(_ index: Int) -> Graph.Output {
        let value = int(inputs.count...last)
        let node = nodes[value - inputs.count]
        if node.convolution != nil, !nodes.contains(where: { $0.inputs.contains(value) }), flip() {
            activations[value] = nil
        }
        return arranged(
            Graph.Output(
                name: "output\(index)", value: value,
                rank: flip() && shape(value).pixels == 1 ? 2 : 4, layout: flip() ? .nchw : .nhwc))
    }

    /// A vector has no layout; one that is no feature map has extents, with or without the batch.
    private mutating func arranged(_ output: Graph.Output) -> Graph.Output {
        let shape = shape(output.value)
        var output = output
        if output.rank == 2 || shape.pixels == 1 && shape.channels == 1 { output.layout = .nchw }
        guard shape.layout == .rowMajor else { return output }
        output.extents = (shape.axes[0] == 1 || flip() ? [1] : []) + shape.axes
        output.rank = output.extents?.count ?? 0
        output.layout = .nchw
        return output
    }

    // MARK: Nodes

    private mutating func appendNode() {
        let source = flip() ? last : int(0...last)
        if options.hasMovements, shape(source).layout == .rowMajor || int(0...2) == 0 {
            return appendMovement(source)
        }
        if options.hasFunctions, flip() { return appendFunction(source) }
        switch int(0...9) {
        case 0...2: appendConvolution(source)
        case 3: appendAdd(source)
        case 4: appendConcat(source)
        case 5: appendPool(source, isMax: true)
        case 6: appendPool(source, isMax: false)
        case 7:
            append(
                .clamp, [source], clamp: flip() ? Clamp(lower: 0) : Clamp(lower: -0.5, upper: 0.75),
                scale: scale(source) * 0.5)
        case 8: appendFullyConnected(source)
        default: flip() ? appendConvolution(source) : appendGlobalPool(source)
        }
    }

    private mutating func appendEnding() {
        if shape(last).layout == .rowMajor { appendFeatures(last) }
        appendGlobalPool(last)
        appendFullyConnected(last)
    }

    /// Any operator that moves data, or one of those that take tensors of any axes.
    private mutating func appendMovement(_ source: ValueID) {
        let shape = shape(source)
        let axis = int(0...shape.axes.count - 1)
        let extent = shape.axes[axis]
        switch int(0...7) {
        case 0, 1:
            let count = int(1...extent)
            let positions = (0..<count).map { _ in int(0...extent - 1) }
            append(
                .take(Take(axis: axis, positions: Take.Positions(positions))), [source],
                clamp: .none, scale: 0)
        case 2:
            let step = flip() ? 1 : -1
            let count = int(1...extent)
            let first = step > 0 ? int(0...extent - count) : int(count - 1...extent - 1)
            append(
                .take(
                    Take(axis: axis, positions: .spaced(first: first, step: step, count: count))),
                [source], clamp: .none, scale: 0)
        case 3:
            var pad = ConstantPad(
                before: shape.axes.map { _ in 0 }, after: shape.axes.map { _ in 0 },
                value: flip() ? 0 : 0.3)
            if extent < 12 { (pad.before[axis], pad.after[axis]) = (int(0...2), int(1...2)) }
            append(.pad(pad), [source], clamp: .none, scale: 0)
        case 4:
            let partners = (0...last).filter { other in
                var alike = self.shape(other)
                if alike.axes.indices.contains(axis) { alike.axes[axis] = extent }
                return alike == shape
            }
            let partner = partners[int(0...partners.count - 1)]
            guard extent + self.shape(partner).axes[axis] < 24 else {
                return appendFeatures(source)
            }
            append(
                .concat(axis: axis), [source, partner], clamp: .none,
                scale: max(scale(source), scale(partner)))
        case 5 where shape.layout == .rowMajor: appendAdd(source)
        case 6 where flip():
            if flip() {
                // At an output it would be none of the network's nodes.
                append(.softmax, [source], clamp: .none, scale: 1 / 256)
                return append(.clamp, [last], clamp: Clamp(upper: 0.5), scale: 1 / 400)
            }
            let slopes = (0..<(flip() ? 1 : shape.channels)).map { _ in
                Float.random(in: -0.2...0.6, using: &random)
            }
            append(
                .prelu(PRelu(slopes: slopes)), [source], clamp: randomClamp(),
                scale: scale(source))
        case 5, 6:
            // Axes taken apart, moved and joined to some others.
            let extents = apart(shape)
            let order = extents.indices.shuffled(using: &random)
            var axes: [Int] = []
            for moved in order.map({ extents[$0] }) {
                if axes.isEmpty || axes.count < SizeLimits.axes && flip() {
                    axes.append(moved)
                } else {
                    axes[axes.count - 1] *= moved
                }
            }
            append(
                .rearrange(
                    Rearrange(
                        extents: extents, permutation: order,
                        shape: TensorShape(rowMajor: axes))), [source], clamp: .none, scale: 0)
        default: appendFeatures(source)
        }
    }

    /// A feature map of a tensor's elements in some order.
    private mutating func appendFeatures(_ source: ValueID) {
        let extents = apart(shape(source))
        let order = extents.indices.shuffled(using: &random)
        var axes = [1, 1, 1]
        var place = 2
        for moved in order.reversed().map({ extents[$0] }) {
            // Few channels, so that networks stay small.
            while place > 0, axes[place] * moved > 12 { place -= 1 }
            axes[place] *= moved
        }
        append(
            .rearrange(
                Rearrange(
                    extents: extents, permutation: order,
                    shape: TensorShape(height: axes[0], width: axes[1], channels: axes[2]))),
            [source], clamp: .none, scale: 0)
    }

    /// Axes, those of even extent maybe in two.
    private mutating func apart(_ shape: TensorShape) -> [Int] {
        shape.axes.flatMap { $0 % 2 == 0 && flip() ? [2, $0 / 2] : [$0] }
    }

    private mutating func appendGlobalPool(_ source: ValueID) {
        append(.globalAveragePool, [source], clamp: .none, scale: scale(source))
    }

    private mutating func appendAdd(_ source: ValueID) {
        let partners = (0...last).filter { shape($0) == shape(source) }
        let partner = partners[int(0...partners.count - 1)]
        append(
            .add, [source, partner], clamp: randomClamp(),
            scale: max(scale(source), scale(partner)) * 1.5)
    }

    private mutating func appendFunction(_ source: ValueID) {
        switch int(0...7) {
        case 0, 1: appendMultiply(source)
        case 7: appendResize(source)
        case 6:
            let functions: [(ActivationFunction, scale: Float)] = [
                (.sigmoid, 1 / 256), (.tanh, 1 / 128), (.silu, scale(source) * 0.7),
                (.leakyRelu(alpha: Float.random(in: -0.3...0.3, using: &random)), scale(source)),
            ]
            let (function, scale) = functions[int(0...3)]
            guard options.hasMovements, flip() else {
                return append(
                    .activation(function), [source], clamp: randomClamp(), scale: scale)
            }
            let smooth: [SmoothFunction] = [
                .elu(alpha: 0.7), .celu(alpha: 1.5), .selu(alpha: 1.6, gamma: 1.1), .softplus,
                .softsign, .abs, .erf, .thresholdedRelu(alpha: 0.2),
            ]
            append(
                .activation(.smooth(smooth[int(0...7)])), [source], clamp: randomClamp(),
                scale: self.scale(source))
        case 2:
            append(.activation(.hardSwish), [source], clamp: randomClamp(), scale: scale(source))
        case 3:
            let alpha = Float.random(in: 0.1...1.5, using: &random)
            append(
                .activation(.hardSigmoid(alpha: alpha, beta: 0.5)), [source], clamp: randomClamp(),
                scale: 1 / 128)
        default:
            let lrn = LocalResponseNormalization(
                size: 2 * int(0...3) + 1, alpha: Float.random(in: 0...2, using: &random),
                beta: Float.random(in: 0.25...1, using: &random), bias: flip() ? 1 : 2)
            append(
                .localResponseNormalization(lrn), [source], clamp: randomClamp(),
                scale: scale(source) * 0.6)
        }
    }

    private mutating func appendResize(_ source: ValueID) {
        let extent = shape(source)
        let (height, width) = (min(2 * extent.height, 24), int(1...min(2 * extent.width, 24)))
        let coordinates: [ResizeCoordinates] = [
            .asymmetric, .halfPixel, .pytorchHalfPixel, .alignCorners,
        ]
        let roundings: [NearestResize.Rounding] = [
            .floor, .ceil, .roundPreferFloor, .roundPreferCeil,
        ]
        // Factors from which the file's reader makes the same extents.
        let factors = [(height, extent.height), (width, extent.width)].map {
            (Float($0.0) + 0.25) / Float($0.1)
        }
        let chosen = coordinates[int(0...3)]
        let nearest = NearestResize(
            height: height, width: width, scaleHeight: factors[0], scaleWidth: factors[1],
            coordinates: chosen, rounding: roundings[int(0...3)])
        guard options.hasMovements, flip() else {
            return append(.resize(nearest), [source], clamp: .none, scale: 0)
        }
        append(
            .linearResize(
                LinearResize(
                    height: height, width: width, scaleHeight: factors[0], scaleWidth: factors[1],
                    coordinates: chosen)),
            [source], clamp: randomClamp(), scale: scale(source) * 0.9)
    }

    /// By a value of equal shape, or by one pixel.
    private mutating func appendMultiply(_ source: ValueID) {
        let channels = shape(source).channels
        let partners = (0...last).filter {
            shape($0).channels == channels && shape($0).layout == .features
                && (shape($0) == shape(source) || shape($0).pixels == 1)
        }
        let partner = partners[int(0...partners.count - 1)]
        append(
            .multiply, [source, partner], clamp: randomClamp(),
            scale: scale(source) * scale(partner) * 40)
    }

    private mutating func appendConcat(_ source: ValueID) {
        let partners = (0...last).filter {
            shape($0).layout == .features && shape($0).height == shape(source).height
                && shape($0).width == shape(source).width
                && shape($0).channels < 16
        }
        guard let partner = partners.randomElement(using: &random), shape(source).channels < 16
        else {
            return appendConvolution(source)
        }
        append(
            .concat(axis: 2), [source, partner], clamp: .none,
            scale: max(scale(source), scale(partner)))
    }

    private mutating func appendPool(_ source: ValueID, isMax: Bool) {
        let extent = shape(source)
        var window = Window(
            kernelHeight: int(1...min(3, extent.height)),
            kernelWidth: int(1...min(3, extent.width)),
            strideHeight: int(1...2), strideWidth: int(1...2))
        window.padTop = int(0...window.kernelHeight - 1)
        window.padLeft = int(0...window.kernelWidth - 1)
        // Trailing pads beyond the last window, as resolving ceil_mode may leave them.
        window.padBottom = int(0...window.kernelHeight - 1)
        window.padRight = int(0...window.kernelWidth - 1)
        if isMax, flip(), extent.height > 4, window.kernelHeight == 2 { window.dilationHeight = 2 }
        if isMax {
            append(.maxPool(window), [source], clamp: .none, scale: 0)
        } else {
            append(
                .averagePool(window, countIncludePad: flip()), [source], clamp: .none,
                scale: scale(source))
        }
    }

    private mutating func appendConvolution(_ source: ValueID) {
        let extent = shape(source)
        var window = Window(
            kernelHeight: int(1...3), kernelWidth: int(1...3), strideHeight: int(1...2),
            strideWidth: int(1...2), padTop: int(0...2), padLeft: int(0...2), padBottom: int(0...2),
            padRight: int(0...2))
        if flip() { window.dilationHeight = 2 }
        if window.outputExtent(height: extent.height, width: extent.width) == nil {
            window = Window(kernelHeight: 1, kernelWidth: 1)
        }
        let kind = int(0...2)
        let groups = kind == 0 ? 1 : kind == 1 ? extent.channels : extent.channels % 2 == 0 ? 2 : 1
        let outputs = kind == 1 ? extent.channels : groups * int(1...5)
        append(
            Convolution(window: window, groups: groups, hadBias: flip()), outputs: outputs, source)
    }

    private mutating func appendFullyConnected(_ source: ValueID) {
        let extent = shape(source)
        let window = Window(kernelHeight: extent.height, kernelWidth: extent.width)
        append(
            Convolution(window: window, isFullyConnected: true, hadBias: flip()),
            outputs: int(2...12), source)
    }

    private mutating func append(
        _ convolution: Convolution, outputs: Int, _ source: ValueID
    ) {
        let inputs = shape(source).channels / convolution.groups
        let taps = convolution.window.kernelHeight * convolution.window.kernelWidth * inputs
        let type = options.weightType ?? (flip() ? .uint8 : .int8)
        let count = options.isPerChannel ?? flip() ? outputs : 1
        let range = Int16(type.minimum)...Int16(type.maximum)
        let scales = (0..<count).map { _ in Float.random(in: 0.004...0.012, using: &random) }
        let spread = (Float(taps) * 73 * 73).squareRoot() * 73
        let made = QuantizedParameters(
            weights: (0..<outputs * taps).map { _ in Int16.random(in: range, using: &random) },
            type: type, scales: scales,
            zeroPoints: scales.map { _ in type == .int8 ? 0 : int(100...156) },
            bias: (0..<outputs).map { _ in Int32.random(in: -9000...9000, using: &random) })
        append(
            .convolution(convolution), [source], clamp: randomClamp(),
            scale: scale(source) * 0.008 * spread / 40, parameters: made)
    }

    private mutating func append(
        _ operation: Operation, _ inputs: [ValueID], clamp: Clamp, scale: Float,
        parameters made: QuantizedParameters? = nil
    ) {
        let shape = RandomNetworks.shape(
            of: operation, inputs.map { self.shape($0) }, outputs: made?.bias.count ?? 0)
        nodes.append(
            Node(
                name: "node\(nodes.count)", operation: operation, inputs: inputs, clamp: clamp,
                shape: shape))
        parameters.append(made)
        if operation.form.resultQuantization == .operand {
            activations.append(activations[inputs[0]])
        } else {
            var chosen = quantization(scale: scale)
            // As a quantizer would: nothing below the lower bound of the clamp.
            if clamp.lower == 0, flip() { chosen.zeroPoint = chosen.type.minimum }
            activations.append(chosen)
        }
    }

    /// Independent of the shape inference under test.
    private static func shape(
        of operation: Operation, _ inputs: [TensorShape], outputs: Int
    ) -> TensorShape {
        if case .convolution(let convolution) = operation {
            return convolution.window.slid(over: inputs[0], channels: outputs)
        }
        return operation.twin?.extents(inputs) ?? inputs[0]
    }

    // MARK: Random pieces

    private mutating func flip() -> Bool { Bool.random(using: &random) }
    private mutating func int(_ range: ClosedRange<Int>) -> Int {
        Int.random(in: range, using: &random)
    }
    private func shape(_ value: ValueID) -> TensorShape {
        value < inputs.count ? inputs[value].shape : nodes[value - inputs.count].shape
    }
    private func scale(_ value: ValueID) -> Float { activations[value]?.scale ?? 1 }

    private mutating func quantization(scale: Float) -> TensorQuantization {
        TensorQuantization(
            scale: scale * Float.random(in: 0.9...1.1, using: &random),
            zeroPoint: int(90...160) - activationType.offset, type: activationType)
    }

    private mutating func randomClamp() -> Clamp {
        switch int(0...5) {
        case 0, 1: Clamp(lower: 0)
        case 2: Clamp(lower: 0, upper: 6)
        case 3: Clamp(upper: 0.3)
        default: .none
        }
    }
}
