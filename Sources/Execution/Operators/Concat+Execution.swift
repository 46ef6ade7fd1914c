// SPDX-License-Identifier: Apache-2.0

import Kernels
import NetworkGraph

extension Concat: ExecutableOperator {
    func computeFloats(_ call: FloatCall) {
        var target = call.output
        for (source, shape) in zip(call.operands, call.shapes) {
            for pixel in 0..<call.shape.pixels {
                (target + pixel * call.shape.channels).update(
                    from: source + pixel * shape.channels, count: shape.channels)
            }
            target += shape.channels
        }
        call.clampOutput()
    }

    /// Runtimes requantize each operand by itself, as the tables do.
    func computeIntegers(_ call: IntegerCall) {
        var target = call.output
        for (operand, shape) in call.shapes.enumerated() {
            for pixel in 0..<call.shape.pixels {
                IntegerKernels.lookup(
                    call.operands[operand] + pixel * shape.channels, count: shape.channels,
                    table: call.tables[operand], target + pixel * call.shape.channels)
            }
            target += shape.channels
        }
    }

    /// Slices of the gradient, each with its own mask.
    func propagate(_ call: BackwardCall) {
        var source = call.gradient
        for (operand, shape) in call.shapes.enumerated() {
            let slice = source
            source += shape.channels
            call.contribute(to: operand) { target in
                for pixel in 0..<call.shape.pixels {
                    (target + pixel * shape.channels).update(
                        from: slice + pixel * call.shape.channels, count: shape.channels)
                }
                guard let mask = call.record.operandMask(operand) else { return }
                GradientKernels.mask(
                    target, by: mask.bytes, pixels: call.shape.pixels, channels: shape.channels,
                    sums: nil, isa: call.isa)
            }
        }
    }

    var tabulated: ((Float) -> Float)? { { $0 } }
    var mask: RecordedMask { .operands }
}
