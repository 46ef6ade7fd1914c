// SPDX-License-Identifier: Apache-2.0

import Kernels
import NetworkGraph

extension MaxPool: ExecutableOperator {
    func computeFloats(_ call: FloatCall) {
        FloatKernels.maxPool(call.operands[0], shape: call.shapes[0], window: window, call.output)
        call.clampOutput()
    }

    func computeIntegers(_ call: IntegerCall) {
        if let indices = call.indices {
            IntegerKernels.maxPool(
                call.operands[0], shape: call.shapes[0], window: window, call.output,
                indices: indices, isa: call.isa)
        } else {
            IntegerKernels.maxPool(
                call.operands[0], shape: call.shapes[0], window: window, call.output)
        }
    }

    /// To the element that was the largest of its window.
    func propagate(_ call: BackwardCall) {
        guard let indices = call.record.indices else { preconditionFailure("no indices") }
        call.contribute(to: 0) {
            GradientKernels.maxPool(
                call.gradient, indices: indices.uint16s, shape: call.shapes[0], window: window, $0,
                isa: call.isa)
        }
    }

    var mask: RecordedMask { .none }
    var keepsIndices: Bool { true }
}
