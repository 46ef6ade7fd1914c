// SPDX-License-Identifier: Apache-2.0

import NetworkGraph
import ONNXModel

/// Pad on constants.
extension ConstantFolding {
    static let pads: [String: Rule] = ["Pad": one(pad)]

    private static func pad(_ inputs: Operands) throws(ONNXError) -> ONNXTensor {
        let call = inputs.call
        let tensor = try inputs[0]
        var offsets = zip(tensor.dims, strides(tensor.dims)).map { steps($0, $1) }
        for (axis, positions) in try SelectionRules.pad(tensor.dims, inputs) {
            let along = offsets[axis]
            offsets[axis] = positions.map { $0.map { along[$0] } ?? outside }
        }
        var fill = inputs.optional(2)
        if let value = try call.float("value") {
            fill = ONNXTensor(type: .float, dims: [1], elements: .reals([value]))
        }
        return try collect(tensor, offsets: offsets, fill: fill, at: call)
    }

    /// Makes every sum of offsets negative.
    private static let outside = -1 << 50
}
