// SPDX-License-Identifier: Apache-2.0

import Foundation
import Kernels
package import NetworkGraph

extension LocalResponseNormalization: OperatorTwin {
    package func doubles(_ call: TwinCall<Double>) -> [Double] {
        let (input, channels) = (call.inputs[0], call.shape.channels)
        return input.indices.map { index in
            let channel = index % channels
            var sum = 0.0
            for offset in -(size / 2)...size / 2 where 0..<channels ~= channel + offset {
                sum += input[index + offset] * input[index + offset]
            }
            let base = Double(bias) + Double(alpha) / Double(size) * sum
            return input[index] * pow(base, -Double(beta))
        }
    }

    package func floats(_ call: TwinCall<Float>) -> [Float] {
        ScalarReference.localResponseNormalization(
            self, call.inputs[0], channels: call.shape.channels)
    }

    package func gradients(_ arrived: [Float], _ call: ByteTwinCall) -> [[Float]] {
        [
            ScalarReference.localResponseNormalizationGradient(
                call.masked(arrived, by: passes(call)[0]), self, input: call.real(0),
                channels: call.shape.channels)
        ]
    }
}
