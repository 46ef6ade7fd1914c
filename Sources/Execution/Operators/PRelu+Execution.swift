// SPDX-License-Identifier: Apache-2.0

import Kernels
import NetworkGraph

extension PRelu: FloatOperator {
    func computeFloats(_ call: FloatCall) {
        let (input, channels) = (call.operands[0], call.shape.channels)
        for first in stride(from: 0, to: call.shape.count, by: channels) {
            for channel in 0..<channels {
                let x = input[first + channel]
                call.output[first + channel] = x < 0 ? slope(channel) * x : x
            }
        }
        call.clampOutput()
    }

    /// Times the slope where the operand is negative.
    func propagate(_ call: BackwardCall) {
        let operand = call.kept(0)
        let (stored, zero) = (operand.values.bytes, operand.quantization.zeroPoint)
        let channels = call.shape.channels
        call.contribute(to: 0) { target in
            for first in stride(from: 0, to: call.shape.count, by: channels) {
                for channel in 0..<channels {
                    let index = first + channel
                    let gradient = call.gradient[index]
                    target[index] = stored[index] < zero ? slope(channel) * gradient : gradient
                }
            }
        }
    }

    func keptOperands(_ needsGradient: [Bool]) -> [Int] { [0] }
}
