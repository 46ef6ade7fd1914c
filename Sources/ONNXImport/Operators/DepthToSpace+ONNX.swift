// SPDX-License-Identifier: Apache-2.0

import NetworkGraph
import ONNXModel

/// DepthToSpace (opset 1 to 13) and SpaceToDepth (opset 1 to 13): axes taken apart and moved.
extension ONNXOperator {
    static let depthToSpace = ONNXOperator(
        ["DepthToSpace"],
        translate: { call, network throws(ONNXError) in
            try call.expect(inputs: 1...1, attributes: ["blocksize", "mode"])
            let isDepthFirst = try call.string("mode") ?? "DCR" == "DCR"
            return try network.moveBlocks(call) { n, c, h, w, size in
                isDepthFirst
                    ? BlockMove(
                        apart: [n, size, size, c / size / size, h, w], order: [0, 3, 4, 1, 5, 2],
                        joined: [n, c / size / size, h * size, w * size])
                    : BlockMove(
                        apart: [n, c / size / size, size, size, h, w], order: [0, 1, 4, 2, 5, 3],
                        joined: [n, c / size / size, h * size, w * size])
            }
        })

    static let spaceToDepth = ONNXOperator(
        ["SpaceToDepth"],
        translate: { call, network throws(ONNXError) in
            try call.expect(inputs: 1...1, attributes: ["blocksize"])
            return try network.moveBlocks(call) { n, c, h, w, size in
                BlockMove(
                    apart: [n, c, h / size, size, w / size, size], order: [0, 3, 5, 1, 2, 4],
                    joined: [n, c * size * size, h / size, w / size])
            }
        })
}

/// Axes of `[N, C, H, W]` taken apart, put in another order and joined.
private struct BlockMove {
    var apart: [Int]
    var order: [Int]
    var joined: [Int]
}

extension GraphTranslation {
    fileprivate mutating func moveBlocks(
        _ call: OperatorCall, _ move: (Int, Int, Int, Int, Int) -> BlockMove
    ) throws(ONNXError) -> Value {
        let activation = try activation(0, of: call)
        let dims = activation.dims
        guard dims.count == 4, let size = try call.integer("blocksize"),
            1...SizeLimits.step ~= size
        else { throw call.malformed("needs four axes and a blocksize.") }
        let move = move(dims[0], dims[1], dims[2], dims[3], size)
        guard move.apart.reduce(1, *) == dims.reduce(1, *),
            let apart = activation.view.reshaped(to: move.apart),
            let joined = apart.transposed(move.order).reshaped(to: move.joined)
        else { throw call.malformed("its blocks of \(size) do not divide \(dims).") }
        return .activation(activation.viewed(joined, by: call.name))
    }
}
