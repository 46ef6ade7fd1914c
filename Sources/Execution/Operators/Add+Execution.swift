// SPDX-License-Identifier: Apache-2.0

import Kernels
import NetworkGraph

extension Add: ExecutableOperator {
    func computeFloats(_ call: FloatCall) {
        FloatKernels.add(
            call.operands[0], call.operands[1], count: call.shape.count, clamp: call.clamp,
            call.output)
    }

    func computeIntegers(_ call: IntegerCall) {
        let (left, right) = (call.operands[0], call.operands[1])
        if let mask = call.mask {
            IntegerKernels.add(
                left, call.sources[0], right, call.sources[1], pixels: call.shape.pixels,
                channels: call.shape.channels, result: call.result, clamp: call.clamp, call.output,
                mask: mask, isa: call.isa)
        } else {
            IntegerKernels.add(
                left, call.sources[0], right, call.sources[1], count: call.shape.count,
                result: call.result, call.output)
        }
    }

    /// Both operands have the result's gradient.
    func propagate(_ call: BackwardCall) {
        for operand in call.inputs.indices {
            call.contribute(to: operand) {
                $0.update(from: call.gradient, count: call.shape.count)
            }
        }
    }

    var handsGradientOn: Bool { true }
}
