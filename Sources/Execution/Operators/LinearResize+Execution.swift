// SPDX-License-Identifier: Apache-2.0

import NetworkGraph

extension LinearResize: FloatOperator {
    /// Per element `fma(w, b, fma(-w, a, a))` of two columns a and b, in both rows; then of the
    /// rows.
    func computeFloats(_ call: FloatCall) {
        let (shape, input) = (call.shapes[0], call.operands[0])
        let columns = columns(of: shape.width)
        var target = call.output
        for row in rows(of: shape.height) {
            let upper = input + row.first * shape.width * shape.channels
            let lower = input + row.second * shape.width * shape.channels
            for column in columns {
                let (left, right) = (
                    column.first * shape.channels, column.second * shape.channels
                )
                for channel in 0..<shape.channels {
                    let above = Self.mix(
                        upper[left + channel], upper[right + channel], column.weight)
                    let below = Self.mix(
                        lower[left + channel], lower[right + channel], column.weight)
                    target[channel] = Self.mix(above, below, row.weight)
                }
                target += shape.channels
            }
        }
        call.clampOutput()
    }

    @inline(__always)
    private static func mix(_ a: Float, _ b: Float, _ weight: Float) -> Float {
        a.addingProduct(-weight, a).addingProduct(weight, b)
    }

    /// To the four neighbours, in the order of the result, from +0.
    func propagate(_ call: BackwardCall) {
        let shape = call.shapes[0]
        let columns = columns(of: shape.width)
        call.contribute(to: 0) { target in
            target.update(repeating: 0, count: shape.count)
            var source = call.gradient
            for row in rows(of: shape.height) {
                for column in columns {
                    for (y, rowWeight) in [(row.first, 1 - row.weight), (row.second, row.weight)] {
                        for (x, weight) in [
                            (column.first, 1 - column.weight), (column.second, column.weight),
                        ] {
                            let pixel = target + (y * shape.width + x) * shape.channels
                            let part = rowWeight * weight
                            for channel in 0..<shape.channels {
                                pixel[channel].addProduct(part, source[channel])
                            }
                        }
                    }
                    source += shape.channels
                }
            }
        }
    }
}
