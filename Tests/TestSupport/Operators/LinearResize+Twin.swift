// SPDX-License-Identifier: Apache-2.0

package import NetworkGraph

extension LinearResize: OperatorTwin {
    package func extents(_ inputs: [TensorShape]) -> TensorShape {
        TensorShape(height: height, width: width, channels: inputs[0].channels)
    }

    /// The part of each pixel of the operand in one of the result.
    private func parts(_ y: Int, _ x: Int, _ shape: TensorShape) -> [(pixel: Int, part: Float)] {
        let (row, column) = (rows(of: shape.height)[y], columns(of: shape.width)[x])
        return [(row.first, 1 - row.weight), (row.second, row.weight)].flatMap { y, rowPart in
            [(column.first, 1 - column.weight), (column.second, column.weight)].map { x, part in
                (y * shape.width + x, rowPart * part)
            }
        }
    }

    /// Four products, summed.
    package func doubles(_ call: TwinCall<Double>) -> [Double] {
        indices(call.shape.axes).map { index in
            parts(index[0], index[1], call.shapes[0]).reduce(0) {
                $0 + Double($1.part)
                    * call.inputs[0][$1.pixel * call.shape.channels + index[2]]
            }
        }
    }

    /// Columns first, then rows.
    package func floats(_ call: TwinCall<Float>) -> [Float] {
        func mix(_ a: Float, _ b: Float, _ weight: Float) -> Float {
            a.addingProduct(-weight, a).addingProduct(weight, b)
        }
        let (input, shape) = (call.inputs[0], call.shapes[0])
        let (rows, columns) = (rows(of: shape.height), columns(of: shape.width))
        return indices(call.shape.axes).map { index in
            let (row, column) = (rows[index[0]], columns[index[1]])
            func between(_ y: Int) -> Float {
                mix(
                    input[offset([y, column.first, index[2]], shape.axes)],
                    input[offset([y, column.second, index[2]], shape.axes)], column.weight)
            }
            return mix(between(row.first), between(row.second), row.weight)
        }
    }

    package func gradients(_ arrived: [Float], _ call: ByteTwinCall) -> [[Float]] {
        let masked = call.masked(arrived, by: passes(call)[0])
        var sums = [Float](repeating: 0, count: call.shapes[0].count)
        for (index, value) in zip(indices(call.shape.axes), masked) {
            for (pixel, part) in parts(index[0], index[1], call.shapes[0]) {
                sums[pixel * call.shape.channels + index[2]].addProduct(part, value)
            }
        }
        return [sums]
    }
}
