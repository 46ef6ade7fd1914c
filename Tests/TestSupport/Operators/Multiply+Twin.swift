// SPDX-License-Identifier: Apache-2.0

import Kernels
package import NetworkGraph

extension Multiply: OperatorTwin {
    package func doubles(_ call: TwinCall<Double>) -> [Double] {
        let factor = call.inputs[1]
        return call.inputs[0].indices.map { call.inputs[0][$0] * factor[$0 % factor.count] }
    }

    package func floats(_ call: TwinCall<Float>) -> [Float] {
        ScalarReference.multiply(call.inputs[0], call.inputs[1], clamp: .none)
    }

    package func bytes(_ call: ByteTwinCall) -> [UInt8] {
        ScalarReference.multiply(
            call.inputs[0], call.from[0], call.inputs[1], call.from[1], result: call.bounded)
    }

    package func passes(_ call: ByteTwinCall) -> [[Bool]] {
        [
            ScalarReference.multiplyPasses(
                call.inputs[0], call.from[0], call.inputs[1], call.from[1], result: call.free,
                clamp: call.clamp)
        ]
    }

    package func gradients(_ arrived: [Float], _ call: ByteTwinCall) -> [[Float]] {
        let masked = call.masked(arrived, by: passes(call)[0])
        let isRepeated = call.shapes[1] != call.shape
        return [
            ScalarReference.multiplyGradient(masked, other: call.inputs[1], call.from[1]),
            isRepeated
                ? ScalarReference.multiplyGradientSum(
                    masked, other: call.inputs[0], call.from[0], channels: call.shape.channels)
                : ScalarReference.multiplyGradient(masked, other: call.inputs[0], call.from[0]),
        ]
    }
}
