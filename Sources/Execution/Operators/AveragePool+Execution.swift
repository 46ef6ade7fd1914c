// SPDX-License-Identifier: Apache-2.0

import Kernels
import NetworkGraph

extension AveragePool: ExecutableOperator {
    func computeFloats(_ call: FloatCall) {
        FloatKernels.averagePool(
            call.operands[0], shape: call.shapes[0], window: window,
            countIncludePad: countIncludePad, call.output)
        call.clampOutput()
    }

    func computeIntegers(_ call: IntegerCall) {
        if let mask = call.mask {
            IntegerKernels.averagePool(
                call.operands[0], call.sources[0], shape: call.shapes[0], window: window,
                countIncludePad: countIncludePad, result: call.result, clamp: call.clamp,
                call.output, mask: mask, isa: call.isa)
        } else {
            IntegerKernels.averagePool(
                call.operands[0], call.sources[0], shape: call.shapes[0], window: window,
                countIncludePad: countIncludePad, result: call.result, call.output)
        }
    }

    func propagate(_ call: BackwardCall) {
        call.contribute(to: 0) {
            GradientKernels.averagePool(
                call.gradient, shape: call.shapes[0], window: window,
                countIncludePad: countIncludePad, $0, isa: call.isa)
        }
    }
}
