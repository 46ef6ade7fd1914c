// SPDX-License-Identifier: Apache-2.0

import Kernels
import NetworkGraph

extension Clip: ExecutableOperator {
    func computeFloats(_ call: FloatCall) {
        call.output.update(from: call.operands[0], count: call.shape.count)
        call.clampOutput()
    }

    func computeIntegers(_ call: IntegerCall) {
        IntegerKernels.lookup(
            call.operands[0], count: call.shape.count, table: call.tables[0], call.output)
    }

    /// The masked gradient as it is.
    func propagate(_ call: BackwardCall) {
        call.contribute(to: 0) { $0.update(from: call.gradient, count: call.shape.count) }
    }

    var tabulated: ((Float) -> Float)? { { $0 } }
    var mask: RecordedMask { .operands }
    var handsGradientOn: Bool { true }
}
