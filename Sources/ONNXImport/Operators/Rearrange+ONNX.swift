// SPDX-License-Identifier: Apache-2.0

import NetworkGraph
import ONNXModel
import Quantization

/// Written as Reshape (opset 13), Transpose (opset 13) and Reshape, as few of them as do it.
extension Rearrange: WrittenOperator {
    func write(_ call: inout WriteCall, _ writer: inout some QDQWriting) {
        let value = call.node.inputs[0]
        let steps = steps(from: writer.view(of: value), isFlat: call.isFlat)
        var source = writer.float(of: value)
        for (index, step) in steps.enumerated() {
            let isLast = index == steps.count - 1
            let stem = call.node.name + (isLast ? "" : "_\(index + 1)")
            let (type, inputs, attributes) = writer.rearranging(step, stem: stem)
            if isLast {
                writer.append(
                    type, name: call.node.name, [source] + inputs, call.target, attributes)
            } else {
                source = writer.reshaped(
                    value, stem: stem, type, [source] + inputs, attributes)
            }
        }
    }

    /// One node; extents and order leave the batch axis out.
    enum Step: Hashable {
        case reshape([Int])
        case transpose([Int])
    }

    /// At least one.
    private func steps(from source: TensorView, isFlat: Bool) -> [Step] {
        let memory = TensorView(rowMajor: source.shape, batch: 1)
        let order = [0] + permutation.map { $0 + 1 }
        guard
            let apart = memory.reshaped(to: [1] + extents),
            let joined = apart.transposed(order)
                .reshaped(to: [1] + (isFlat ? [shape.count] : shape.axes))
        else { return stepByStep(from: source, isFlat: isFlat) }
        let isFeatures = shape.layout == .features && !isFlat
        let target = isFeatures ? joined.transposed(TransposeOrder.toNCHW) : joined
        // The source's axes in the parts that move.
        let moved = target.axes.flatMap { $0 }
        let parts = source.axes.flatMap { axis in
            moved.filter { part in axis.contains { $0.axis == part.axis } }
                .sorted { $0.step > $1.step }
        }
        let places = moved.compactMap(parts.firstIndex(of:))
        let whole = Rearrange(
            extents: parts.map(\.extent), permutation: places, shape: shape)
        return whole.steps(from: Array(source.dims.dropFirst()), to: Array(target.dims.dropFirst()))
    }

    private func steps(from source: [Int], to target: [Int]) -> [Step] {
        guard !isReshape else { return [.reshape(target)] }
        var steps: [Step] = []
        if source != extents { steps.append(.reshape(extents)) }
        steps.append(.transpose(permutation))
        if permutation.map({ extents[$0] }) != target { steps.append(.reshape(target)) }
        return steps
    }

    /// By way of the order of memory.
    private func stepByStep(from source: TensorView, isFlat: Bool) -> [Step] {
        var steps: [Step] = []
        if source.isNCHW { steps.append(.transpose([1, 2, 0])) }
        steps += [
            .reshape(extents), .transpose(permutation),
            .reshape(isFlat ? [shape.count] : shape.axes),
        ]
        if shape.layout == .features, !isFlat { steps.append(.transpose([2, 0, 1])) }
        return steps
    }
}

extension QDQWriting {
    /// Operator, further inputs and attributes of a step.
    fileprivate mutating func rearranging(
        _ step: Rearrange.Step, stem: String
    ) -> (type: String, inputs: [String], attributes: [Onnx_AttributeProto]) {
        switch step {
        case .reshape(let extents):
            let shape = names.tensors.claim(stem + "_extents")
            // 0 keeps the batch.
            graph.initializer.append(
                QDQProto.tensor(shape, ([0] + extents).map(Int64.init), axes: [extents.count + 1]))
            return ("Reshape", [shape], [])
        case .transpose(let order):
            let axes = [0] + order.map { $0 + 1 }
            return ("Transpose", [], [QDQProto.attribute("perm", axes)])
        }
    }
}
