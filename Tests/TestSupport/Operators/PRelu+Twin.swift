// SPDX-License-Identifier: Apache-2.0

package import NetworkGraph

extension PRelu: OperatorTwin {
    package func doubles(_ call: TwinCall<Double>) -> [Double] {
        call.inputs[0].enumerated().map { index, x in
            max(x, 0) + Double(slope(index % call.shape.channels)) * min(x, 0)
        }
    }

    package func floats(_ call: TwinCall<Float>) -> [Float] {
        call.inputs[0].enumerated().map { index, x in
            x < 0 ? slope(index % call.shape.channels) * x : x
        }
    }

    package func gradients(_ arrived: [Float], _ call: ByteTwinCall) -> [[Float]] {
        let masked = call.masked(arrived, by: passes(call)[0])
        return [
            zip(masked, call.real(0)).enumerated().map { index, pair in
                pair.1 < 0 ? slope(index % call.shape.channels) * pair.0 : pair.0
            }
        ]
    }
}
