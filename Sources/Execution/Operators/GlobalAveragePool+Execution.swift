// SPDX-License-Identifier: Apache-2.0

import Kernels
import NetworkGraph

extension GlobalAveragePool: ExecutableOperator {
    func computeFloats(_ call: FloatCall) {
        FloatKernels.globalAveragePool(call.operands[0], shape: call.shapes[0], call.output)
        call.clampOutput()
    }

    func computeIntegers(_ call: IntegerCall) {
        if let mask = call.mask {
            IntegerKernels.globalAveragePool(
                call.operands[0], call.sources[0], shape: call.shapes[0], result: call.result,
                clamp: call.clamp, call.output, mask: mask, isa: call.isa)
        } else {
            IntegerKernels.globalAveragePool(
                call.operands[0], call.sources[0], shape: call.shapes[0], result: call.result,
                call.output)
        }
    }

    func propagate(_ call: BackwardCall) {
        call.contribute(to: 0) {
            GradientKernels.globalAveragePool(
                call.gradient, shape: call.shapes[0], $0, isa: call.isa)
        }
    }
}
