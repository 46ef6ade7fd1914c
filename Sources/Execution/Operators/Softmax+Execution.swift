// SPDX-License-Identifier: Apache-2.0

import Kernels
import NetworkGraph

extension Softmax: FloatOperator {
    func computeFloats(_ call: FloatCall) {
        let channels = call.shape.channels
        for first in stride(from: 0, to: call.shape.count, by: channels) {
            Self.normalize(call.operands[0] + first, count: channels, call.output + first)
        }
        call.clampOutput()
    }

    /// Exponentials of the distance to the largest, summed from +0 in order.
    private static func normalize(
        _ input: UnsafePointer<Float>, count: Int, _ output: UnsafeMutablePointer<Float>
    ) {
        var largest = input[0]
        for index in 1..<max(count, 1) where input[index] > largest { largest = input[index] }
        var sum: Float = 0
        for index in 0..<count {
            output[index] = FloatFunctions.exp(input[index] - largest)
            sum += output[index]
        }
        for index in 0..<count { output[index] /= sum }
    }

    /// `y * (g - Σ g y)`, the sum one chain of fused steps.
    func propagate(_ call: BackwardCall) {
        let operand = call.kept(0)
        let channels = call.shape.channels
        let real = call.workspace.take(byteCount: channels * MemoryLayout<Float>.stride)
        let values = call.workspace.take(byteCount: channels * MemoryLayout<Float>.stride)
        call.contribute(to: 0) { target in
            for first in stride(from: 0, to: call.shape.count, by: channels) {
                IntegerKernels.dequantize(
                    operand.values.bytes + first, count: channels,
                    scale: operand.quantization.scale, zeroPoint: operand.quantization.zeroPoint,
                    real.floats, isa: call.isa)
                Self.normalize(real.floats, count: channels, values.floats)
                var product: Float = 0
                for index in 0..<channels {
                    product.addProduct(call.gradient[first + index], values.floats[index])
                }
                for index in 0..<channels {
                    target[first + index] =
                        values.floats[index] * (call.gradient[first + index] - product)
                }
            }
        }
        call.workspace.give(real)
        call.workspace.give(values)
    }

    func keptOperands(_ needsGradient: [Bool]) -> [Int] { [0] }
    /// Two rows of channels, at most two values.
    var backwardScratch: Int { 2 }
}
