// SPDX-License-Identifier: Apache-2.0

import Kernels
import NetworkGraph

extension Multiply: ExecutableOperator {
    func computeFloats(_ call: FloatCall) {
        FloatKernels.multiply(
            call.operands[0], call.operands[1], shape: call.shape,
            broadcasts: call.shapes[1] != call.shape, clamp: call.clamp, call.output)
    }

    func computeIntegers(_ call: IntegerCall) {
        let (left, right) = (call.operands[0], call.operands[1])
        let broadcasts = call.shapes[1] != call.shape
        if let mask = call.mask {
            IntegerKernels.multiply(
                left, call.sources[0], right, call.sources[1], shape: call.shape,
                broadcasts: broadcasts, result: call.result, clamp: call.clamp, call.output,
                mask: mask, isa: call.isa)
        } else {
            IntegerKernels.multiply(
                left, call.sources[0], right, call.sources[1], shape: call.shape,
                broadcasts: broadcasts, result: call.result, call.output)
        }
    }

    /// The result's gradient times the other factor.
    func propagate(_ call: BackwardCall) {
        let broadcasts = call.shapes[1] != call.shape
        for operand in 0...1 where call.needsGradient[operand] {
            let other = call.kept(1 - operand)
            call.contribute(to: operand) { target in
                if operand == 1, broadcasts {
                    GradientKernels.multiplySum(
                        call.gradient, other: other.values.bytes, other.quantization,
                        shape: call.shape, target, isa: call.isa)
                } else {
                    GradientKernels.multiply(
                        call.gradient, other: other.values.bytes, other.quantization,
                        shape: call.shape, broadcasts: broadcasts, target, isa: call.isa)
                }
            }
        }
    }

    func keptOperands(_ needsGradient: [Bool]) -> [Int] { (0...1).filter { needsGradient[1 - $0] } }
}
