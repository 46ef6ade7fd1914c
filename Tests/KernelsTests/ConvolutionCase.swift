// SPDX-License-Identifier: Apache-2.0

import NetworkGraph

/// A random convolution.
struct ConvolutionCase: CustomStringConvertible {
    enum Kind: CaseIterable { case pointwise, dense, deep, grouped, multiplier, depthwise }

    let seed: UInt64
    let kind: Kind
    let input: TensorShape
    let output: TensorShape
    let convolution: Convolution
    let clamp: Clamp
    /// Continues where the shape's numbers ended: for contents.
    var random: Random

    var weightCount: Int {
        let window = convolution.window
        return output.channels * window.kernelHeight * window.kernelWidth * input.channels
            / convolution.groups
    }

    var description: String {
        "seed \(seed), \(kind), \(input) -> \(output), \(convolution), \(clamp)"
    }

    init(seed: UInt64) {
        var random = Random(seed: seed)
        kind = Kind.allCases[Int(seed % UInt64(Kind.allCases.count))]
        let isUnit = kind == .pointwise || kind == .deep
        var window = isUnit ? Window(kernelHeight: 1, kernelWidth: 1) : Self.window(&random)
        var groups = 1
        var inputChannels = random.int(1...40)
        var outputChannels = random.int(1...40)
        switch kind {
        case .deep:
            // Reductions around the 512 steps of one pass and two of them.
            inputChannels = random.element([255, 511, 512, 513, 514, 1023, 1024, 1025, 1100])
            if random.bool() { window.strideHeight = 2 }
        case .grouped:
            groups = random.int(2...4)
            inputChannels = groups * random.int(1...9)
            outputChannels = groups * random.int(1...19)
        case .multiplier:
            groups = random.int(2...12)
            inputChannels = groups
            outputChannels = groups * random.int(2...3)
        case .depthwise:
            groups = random.int(1...70)
            inputChannels = groups
            outputChannels = groups
        case .pointwise, .dense: break
        }
        let reachY = window.dilationHeight * (window.kernelHeight - 1) + 1
        let reachX = window.dilationWidth * (window.kernelWidth - 1) + 1
        let height = max(random.int(1...13), reachY - window.padTop - window.padBottom)
        let width = max(random.int(1...13), reachX - window.padLeft - window.padRight)
        input = TensorShape(height: height, width: width, channels: inputChannels)
        let extent = window.outputExtent(height: height, width: width) ?? (0, 0)
        output = TensorShape(
            height: extent.height, width: extent.width, channels: outputChannels)
        convolution = Convolution(window: window, groups: groups)
        clamp = random.clamp()
        self.seed = seed
        self.random = random
    }

    /// A chosen one.
    init(input: TensorShape, outputs: Int, convolution: Convolution) {
        let extent = convolution.window.outputExtent(height: input.height, width: input.width)
        seed = 0
        kind = .dense
        self.input = input
        output = TensorShape(
            height: extent?.height ?? 0, width: extent?.width ?? 0, channels: outputs)
        self.convolution = convolution
        clamp = .none
        random = Random(seed: 0)
    }

    /// Odd kernels, strides, dilations and pads, which may exceed the kernel.
    static func window(_ random: inout Random) -> Window {
        Window(
            kernelHeight: random.int(1...5), kernelWidth: random.int(1...5),
            strideHeight: random.int(1...3), strideWidth: random.int(1...3),
            dilationHeight: random.element([1, 1, 1, 2, 3]),
            dilationWidth: random.element([1, 1, 1, 2, 3]),
            padTop: random.int(0...3), padLeft: random.int(0...3), padBottom: random.int(0...3),
            padRight: random.int(0...3))
    }
}
