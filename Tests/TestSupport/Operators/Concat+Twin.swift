// SPDX-License-Identifier: Apache-2.0

import Kernels
package import NetworkGraph

extension Concat: OperatorTwin {
    package func extents(_ inputs: [TensorShape]) -> TensorShape {
        var shape = inputs[0]
        shape.axes[axis] = inputs.map { $0.axes[axis] }.reduce(0, +)
        return shape
    }

    package func doubles(_ call: TwinCall<Double>) -> [Double] {
        joined(call.inputs, call.shapes, axis: axis)
    }

    package func floats(_ call: TwinCall<Float>) -> [Float] {
        joined(call.inputs, call.shapes, axis: axis)
    }

    package func bytes(_ call: ByteTwinCall) -> [UInt8] {
        joined(call.inputs.indices.map { call.quantized(call.real($0)) }, call.shapes, axis: axis)
    }

    package func passes(_ call: ByteTwinCall) -> [[Bool]] {
        zip(call.inputs, call.from).map {
            ScalarReference.rescalingPasses($0, $1, result: call.free, clamp: call.clamp)
        }
    }

    package func gradients(_ arrived: [Float], _ call: ByteTwinCall) -> [[Float]] {
        zip(split(arrived, call.shapes), passes(call)).map { slice, passes in
            zip(slice, passes).map { $1 ? $0 : 0 }
        }
    }

    /// The parts of a value that is laid out as the result.
    package func split<Element>(_ values: [Element], _ shapes: [TensorShape]) -> [[Element]] {
        let owners = joined(
            shapes.enumerated().map { [Int](repeating: $0, count: $1.count) }, shapes, axis: axis)
        return shapes.indices.map { part in
            zip(values, owners).filter { $0.1 == part }.map(\.0)
        }
    }
}

/// Values joined along an axis, element by element.
private func joined<Element>(
    _ parts: [[Element]], _ shapes: [TensorShape], axis: Int
) -> [Element] {
    var extents = shapes[0].axes
    extents[axis] = shapes.reduce(0) { $0 + $1.axes[axis] }
    return indices(extents).map { index in
        var index = index
        for (part, shape) in zip(parts, shapes) {
            if index[axis] < shape.axes[axis] { return part[offset(index, shape.axes)] }
            index[axis] -= shape.axes[axis]
        }
        preconditionFailure("beyond the last part")
    }
}
