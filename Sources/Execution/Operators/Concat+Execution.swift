// SPDX-License-Identifier: Apache-2.0

import Kernels
import NetworkGraph

extension Concat: ExecutableOperator {
    func computeFloats(_ call: FloatCall) {
        forEachRun(call.shapes, call.shape) { operand, source, target, count in
            (call.output + target).update(from: call.operands[operand] + source, count: count)
        }
        call.clampOutput()
    }

    /// Runtimes requantize each operand by itself, as the tables do.
    func computeIntegers(_ call: IntegerCall) {
        forEachRun(call.shapes, call.shape) { operand, source, target, count in
            IntegerKernels.lookup(
                call.operands[operand] + source, count: count, table: call.tables[operand],
                call.output + target)
        }
    }

    /// Slices of the gradient, each with its own mask.
    func propagate(_ call: BackwardCall) {
        for (operand, shape) in call.shapes.enumerated() {
            call.contribute(to: operand) { target in
                forEachRun(call.shapes, call.shape, of: operand) { _, source, result, count in
                    (target + source).update(from: call.gradient + result, count: count)
                }
                guard let mask = call.record.operandMask(operand) else { return }
                GradientKernels.mask(
                    target, by: mask.bytes, pixels: shape.pixels, channels: shape.channels,
                    sums: nil, isa: call.isa)
            }
        }
    }

    /// Elements that lie together in an operand and in the result.
    private func forEachRun(
        _ operands: [TensorShape], _ result: TensorShape, of only: Int? = nil,
        _ body: (_ operand: Int, _ source: Int, _ target: Int, _ count: Int) -> Void
    ) {
        let outer = result.axes[..<axis].reduce(1, *)
        let inner = result.axes[(axis + 1)...].reduce(1, *)
        let row = result.axes[axis] * inner
        var first = 0
        for (operand, shape) in operands.enumerated() {
            let run = shape.axes[axis] * inner
            if only == nil || only == operand {
                for index in 0..<outer { body(operand, index * run, index * row + first, run) }
            }
            first += run
        }
    }

    var tabulated: ((Float) -> Float)? { { $0 } }
    var mask: RecordedMask { .operands }
}
