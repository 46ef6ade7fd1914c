// SPDX-License-Identifier: Apache-2.0

import Kernels
package import NetworkGraph

/// Operators that only move data: each says which index of the operand an index of the result has.
package protocol MovementTwin: DataMovement, OperatorTwin {
    /// - Parameters:
    ///   - index: into the result, along the axes of ``extents(_:)`` or those it moves.
    ///   - shape: of the operand.
    /// - Returns: into the operand, as an offset; nil where the filler stands.
    func source(_ index: [Int], in shape: TensorShape) -> Int?

    /// Axes along which ``source(_:in:)`` counts, outermost first.
    func counted(_ shape: TensorShape) -> [Int]
}

extension MovementTwin {
    package func counted(_ shape: TensorShape) -> [Int] { extents([shape]).axes }

    private func moved<Element>(_ values: [Element], _ shape: TensorShape, _ filler: Element)
        -> [Element]
    {
        indices(counted(shape)).map { source($0, in: shape).map { values[$0] } ?? filler }
    }

    package func doubles(_ call: TwinCall<Double>) -> [Double] {
        moved(call.inputs[0], call.shapes[0], Double(filler))
    }

    package func floats(_ call: TwinCall<Float>) -> [Float] {
        moved(call.inputs[0], call.shapes[0], filler)
    }

    package func bytes(_ call: ByteTwinCall) -> [UInt8] {
        moved(
            call.inputs[0], call.shapes[0],
            ScalarReference.quantize(
                [filler], scale: call.free.scale, zeroPoint: call.free.zeroPoint)[0])
    }

    package func passes(_ call: ByteTwinCall) -> [[Bool]] { [] }

    package func gradients(_ arrived: [Float], _ call: ByteTwinCall) -> [[Float]] {
        var sums = [Float](repeating: 0, count: call.shapes[0].count)
        let sources = indices(counted(call.shapes[0])).map { source($0, in: call.shapes[0]) }
        for case (let source?, let value) in zip(sources, arrived) { sums[source] += value }
        return [sums]
    }
}

extension Rearrange: MovementTwin {
    package func extents(_ inputs: [TensorShape]) -> TensorShape { shape }
    package func counted(_ shape: TensorShape) -> [Int] { permutation.map { extents[$0] } }

    package func source(_ index: [Int], in shape: TensorShape) -> Int? {
        var source = [Int](repeating: 0, count: index.count)
        for (place, axis) in permutation.enumerated() { source[axis] = index[place] }
        return offset(source, extents)
    }
}

extension Take: MovementTwin {
    package func extents(_ inputs: [TensorShape]) -> TensorShape {
        var shape = inputs[0]
        shape.axes[axis] = positions.list.count
        return shape
    }

    package func source(_ index: [Int], in shape: TensorShape) -> Int? {
        var source = index
        source[axis] = positions.list[index[axis]]
        return offset(source, shape.axes)
    }
}

extension ConstantPad: MovementTwin {
    package func extents(_ inputs: [TensorShape]) -> TensorShape {
        var shape = inputs[0]
        for axis in shape.axes.indices { shape.axes[axis] += before[axis] + after[axis] }
        return shape
    }

    package func source(_ index: [Int], in shape: TensorShape) -> Int? {
        let source = zip(index, before).map { $0 - $1 }
        return zip(source, shape.axes).allSatisfy { 0..<$1 ~= $0 }
            ? offset(source, shape.axes) : nil
    }
}

extension NearestResize: MovementTwin {
    package func extents(_ inputs: [TensorShape]) -> TensorShape {
        TensorShape(height: height, width: width, channels: inputs[0].channels)
    }

    package func source(_ index: [Int], in shape: TensorShape) -> Int? {
        offset(
            [rows(of: shape.height)[index[0]], columns(of: shape.width)[index[1]], index[2]],
            shape.axes)
    }
}

/// All indices into a tensor, row-major.
func indices(_ extents: [Int]) -> [[Int]] {
    extents.reduce([[]]) { outer, extent in
        outer.flatMap { index in (0..<extent).map { index + [$0] } }
    }
}

/// Position of an index in a row-major tensor.
func offset(_ index: [Int], _ extents: [Int]) -> Int {
    zip(index, extents).reduce(0) { $0 * $1.1 + $1.0 }
}
