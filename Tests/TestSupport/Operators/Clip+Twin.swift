// SPDX-License-Identifier: Apache-2.0

import Kernels
package import NetworkGraph

extension Clip: OperatorTwin {
    package func doubles(_ call: TwinCall<Double>) -> [Double] { call.inputs[0] }
    package func floats(_ call: TwinCall<Float>) -> [Float] { call.inputs[0] }

    package func passes(_ call: ByteTwinCall) -> [[Bool]] {
        [
            ScalarReference.rescalingPasses(
                call.inputs[0], call.from[0], result: call.free, clamp: call.clamp)
        ]
    }

    package func gradients(_ arrived: [Float], _ call: ByteTwinCall) -> [[Float]] {
        [call.masked(arrived, by: passes(call)[0])]
    }
}
