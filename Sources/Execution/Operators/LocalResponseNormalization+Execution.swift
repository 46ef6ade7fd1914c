// SPDX-License-Identifier: Apache-2.0

import Kernels
import NetworkGraph

extension LocalResponseNormalization: FloatOperator {
    func computeFloats(_ call: FloatCall) {
        FloatKernels.localResponseNormalization(
            self, call.operands[0], shape: call.shapes[0], call.output)
        call.clampOutput()
    }

    func propagate(_ call: BackwardCall) {
        let operand = call.kept(0)
        let input = call.workspace.take(
            byteCount: call.shape.count * MemoryLayout<Float>.stride)
        let scratch = call.workspace.scratch(
            byteCount: call.shape.channels * MemoryLayout<Double>.stride)
        IntegerKernels.dequantize(
            operand.values.bytes, count: call.shape.count, scale: operand.quantization.scale,
            zeroPoint: operand.quantization.zeroPoint, input.floats, isa: call.isa)
        call.contribute(to: 0) {
            GradientKernels.localResponseNormalization(
                call.gradient, self, input: input.floats, shape: call.shape, $0,
                scratch: scratch.assumingMemoryBound(to: Double.self), isa: call.isa)
        }
        call.workspace.give(input)
    }

    func keptOperands(_ needsGradient: [Bool]) -> [Int] { [0] }
    var backwardScratch: Int { 1 }
}
