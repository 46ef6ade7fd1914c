// SPDX-License-Identifier: Apache-2.0

import Kernels
import NetworkGraph

extension ActivationFunction: ExecutableOperator {
    func computeFloats(_ call: FloatCall) {
        FloatKernels.activation(self, call.operands[0], count: call.shape.count, call.output)
        call.clampOutput()
    }

    func computeIntegers(_ call: IntegerCall) {
        IntegerKernels.lookup(
            call.operands[0], count: call.shape.count, table: call.tables[0], call.output)
    }

    func propagate(_ call: BackwardCall) { call.multiplyBySlopes() }

    var tabulated: ((Float) -> Float)? { value(at:) }

    func slopes(
        from operand: ByteQuantization, to result: ByteQuantization, clamp: Clamp
    ) -> [Float] {
        GradientMask.slopes(of: self, from: operand, to: result, clamp: clamp)
    }

    var mask: RecordedMask { .none }
    func keptOperands(_ needsGradient: [Bool]) -> [Int] { [0] }
}
