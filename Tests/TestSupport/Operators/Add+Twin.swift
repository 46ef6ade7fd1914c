// SPDX-License-Identifier: Apache-2.0

import Kernels
package import NetworkGraph

extension Add: OperatorTwin {
    package func doubles(_ call: TwinCall<Double>) -> [Double] {
        zip(call.inputs[0], call.inputs[1]).map { $0 + $1 }
    }

    package func floats(_ call: TwinCall<Float>) -> [Float] {
        ScalarReference.add(call.inputs[0], call.inputs[1], clamp: .none)
    }

    package func bytes(_ call: ByteTwinCall) -> [UInt8] {
        ScalarReference.add(
            call.inputs[0], call.from[0], call.inputs[1], call.from[1], result: call.bounded)
    }

    package func passes(_ call: ByteTwinCall) -> [[Bool]] {
        [
            ScalarReference.addPasses(
                call.inputs[0], call.from[0], call.inputs[1], call.from[1], result: call.free,
                clamp: call.clamp)
        ]
    }

    package func gradients(_ arrived: [Float], _ call: ByteTwinCall) -> [[Float]] {
        let masked = call.masked(arrived, by: passes(call)[0])
        return [masked, masked]
    }
}
