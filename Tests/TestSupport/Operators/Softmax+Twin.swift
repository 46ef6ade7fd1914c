// SPDX-License-Identifier: Apache-2.0

import Foundation
package import NetworkGraph

extension Softmax: OperatorTwin {
    package func doubles(_ call: TwinCall<Double>) -> [Double] {
        rows(call.inputs[0], call.shape).flatMap { row in
            let sum = row.reduce(0) { $0 + exp($1) }
            return row.map { exp($0) / sum }
        }
    }

    package func floats(_ call: TwinCall<Float>) -> [Float] {
        rows(call.inputs[0], call.shape).flatMap(normalized)
    }

    package func gradients(_ arrived: [Float], _ call: ByteTwinCall) -> [[Float]] {
        let masked = rows(call.masked(arrived, by: passes(call)[0]), call.shape)
        let values = rows(call.real(0), call.shape).map(normalized)
        return [
            zip(masked, values).flatMap { gradient, values in
                var product: Float = 0
                for (g, y) in zip(gradient, values) { product.addProduct(g, y) }
                return zip(gradient, values).map { $1 * ($0 - product) }
            }
        ]
    }

    private func normalized(_ row: [Float]) -> [Float] {
        let largest = row.max() ?? 0
        let powers = row.map { FloatFunctions.exp($0 - largest) }
        let sum = powers.reduce(0, +)
        return powers.map { $0 / sum }
    }

    private func rows<Element>(_ values: [Element], _ shape: TensorShape) -> [[Element]] {
        stride(from: 0, to: values.count, by: shape.channels).map {
            Array(values[$0..<$0 + shape.channels])
        }
    }
}
