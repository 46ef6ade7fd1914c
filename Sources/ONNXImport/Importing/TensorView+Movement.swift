// SPDX-License-Identifier: Apache-2.0

package import NetworkGraph

/// Operations that bring values into the form that others need, and what is seen of their results.
extension TensorView {
    /// An operation on the value, and the same ONNX tensor as a view of its result.
    package struct Step {
        /// Of one operand.
        package var operation: Operation
        /// As many ONNX axes as before, or as the operation leaves.
        package var view: TensorView
    }

    /// Whether ONNX axes and axes in memory are the same, batch aside.
    var isRowMajor: Bool { shape.layout == .rowMajor && isOrdered(rowMajorOrder) }

    private var rowMajorOrder: [Axis] {
        let own = shape.axes.indices.map { Axis.memory($0) }
        return dims.count > own.count ? [.batch] + own : own
    }

    /// Where one ONNX axis is one axis in memory: the latter, by the former; nil elsewhere.
    private var order: [Axis]? {
        if isNCHW { return Self.nchw }
        if isNHWC { return Self.nhwc }
        return isRowMajor ? rowMajorOrder : nil
    }

    /// Brings it to `[N, C, H, W]` of a feature map; nothing where it is that. Nil where it cannot
    /// be.
    func toNCHW() -> [Step]? {
        if isNCHW { return [] }
        guard let move = toFeatures else { return nil }
        return [
            Step(
                operation: .rearrange(move),
                view: TensorView(move.shape, batch: batch, order: Self.nchw))
        ]
    }

    /// Brings it to the order of its ONNX axes; nil where images of a batch are mixed.
    package func toRows() -> [Step]? {
        if isRowMajor { return [] }
        guard let move = toRowMajor else { return nil }
        let own = move.shape.axes.indices.map { Axis.memory($0) }
        return [
            Step(
                operation: .rearrange(move),
                view: TensorView(
                    move.shape, batch: batch,
                    order: hasBatchAxis && !dims.isEmpty
                        ? (dims.count == 1 ? [.batch] : [.batch] + own) : own))
        ]
    }

    /// Brings it to a feature map whose channels are the last ONNX axis and whose pixels are all
    /// others, in order: for what looks at that axis alone. Nil where images of a batch are mixed.
    func toPixels() -> [Step]? {
        if shape.layout == .features, axes.last == innermost, !dims.isEmpty { return [] }
        let own = hasBatchAxis ? Array(dims.dropFirst()) : dims
        let rows = TensorShape(rowMajor: own.isEmpty ? [1] : own)
        let target = TensorShape(height: rows.height, width: rows.width, channels: rows.channels)
        guard let move = rearrange(Array(axes.suffix(own.count).joined()), to: target) else {
            return nil
        }
        var view = TensorView(target, batch: batch, order: [])
        view.dims = dims
        // Axes in front of the last two are parts of the rows.
        let steps = TensorShape(rowMajor: Array(own.dropLast(2)) + [1]).strides
        let parts = own.indices.map { index -> [AxisPart] in
            let fromEnd = own.count - 1 - index
            if fromEnd == 0 { return view.whole(.channel) }
            if fromEnd == 1 { return view.whole(.width) }
            return own[index] == 1
                ? [] : [AxisPart(axis: .height, extent: own[index], step: steps[index])]
        }
        view.axes = (hasBatchAxis ? [whole(.batch)] : []) + parts
        return [Step(operation: .rearrange(move), view: view)]
    }

    /// Brings it to a form in which one ONNX axis is one axis in memory: that of a feature map
    /// where its channels lie innermost already.
    func toPlain() -> [Step]? {
        if order != nil { return [] }
        let innermost = axes.joined().filter { $0.axis != .batch }.max {
            (index($0.axis), -$0.step) < (index($1.axis), -$1.step)
        }
        if dims.count == 4, let innermost, axes[1].contains(innermost), let steps = toNCHW() {
            return steps
        }
        return toRows()
    }

    private func index(_ axis: Axis) -> Int {
        if case .memory(let index) = axis { index } else { -1 }
    }

    /// Brings an ONNX axis to where channels lie, last in memory.
    /// - Returns: the steps, and the same tensor as a view of what they give; nil where images of a
    ///   batch are mixed.
    func withInnermost(_ axis: Int) -> (steps: [Step], view: TensorView)? {
        guard axis > 0 || !hasBatchAxis else { return nil }
        if axes[axis] == innermost { return ([], self) }
        let order = dims.indices.filter { $0 != axis } + [axis]
        let turned = transposed(order)
        guard let steps = turned.toRows() else { return nil }
        var inverse = order
        for (place, old) in order.enumerated() { inverse[old] = place }
        return (steps, (steps.last?.view ?? turned).transposed(inverse))
    }

    /// All of an image in one axis, from which any can be cut: the view, and what brings it into
    /// that order.
    func flattened() -> (view: TensorView, steps: [Step])? {
        guard let flat = reshaped(to: [batch, shape.count]), let steps = flat.toRows() else {
            return nil
        }
        return (flat, steps)
    }

    /// Takes positions along an ONNX axis.
    /// - Returns: the steps; nil where they would select among images of a batch, or mix them.
    func taking(_ positions: [Int], along axis: Int) -> [Step]? {
        if positions == Array(0..<dims[axis]) { return [] }
        if let step = takingDirectly(positions, along: axis) { return [step] }
        guard let steps = toPlain() else { return nil }
        let plain = steps.last?.view ?? self
        guard case .memory(let place) = plain.order?[axis] else { return nil }
        return steps + [plain.taking(positions, along: axis, in: place)]
    }

    /// Where the axis is one in memory, or that one in another order.
    private func takingDirectly(_ positions: [Int], along axis: Int) -> Step? {
        let parts = axes[axis]
        guard case .memory(let place) = parts.first?.axis,
            parts.allSatisfy({ $0.axis == .memory(place) }), dims[axis] == shape.axes[place]
        else { return nil }
        let moved = positions.map { position in
            var rest = position
            return parts.reversed().reduce(0) { sum, part in
                defer { rest /= part.extent }
                return sum + rest % part.extent * part.step
            }
        }
        return taking(moved, along: axis, in: place)
    }

    private func taking(_ positions: [Int], along axis: Int, in place: Int) -> Step {
        var view = self
        view.shape.axes[place] = positions.count
        view.dims[axis] = positions.count
        view.axes[axis] = view.whole(.memory(place))
        let take = Take(axis: place, positions: Take.Positions(positions))
        return Step(operation: .take(take), view: view)
    }

    /// Adds a constant around it.
    /// - Parameters:
    ///   - before: positions in front of each ONNX axis.
    ///   - after: behind each.
    ///   - value: what stands there.
    /// - Returns: the steps; nil where the batch would be padded, or its images mixed.
    func padded(before: [Int], after: [Int], value: Float) -> [Step]? {
        guard let steps = toPlain() else { return nil }
        var view = steps.last?.view ?? self
        guard let order = view.order else { return nil }
        var pad = ConstantPad(
            before: [Int](repeating: 0, count: view.shape.axes.count),
            after: [Int](repeating: 0, count: view.shape.axes.count), value: value)
        for (axis, place) in order.enumerated() where before[axis] + after[axis] > 0 {
            guard case .memory(let index) = place else { return nil }
            pad.before[index] = before[axis]
            pad.after[index] = after[axis]
            view.shape.axes[index] += before[axis] + after[axis]
        }
        view = TensorView(view.shape, batch: batch, order: order)
        return steps + [Step(operation: .pad(pad), view: view)]
    }

    // MARK: Several tensors

    /// Brings two tensors of equal extents into the same order.
    /// - Returns: the steps of each; nil where images of a batch are mixed.
    static func aligned(_ left: TensorView, _ right: TensorView) -> ([Step], [Step])? {
        if left == right { return ([], []) }
        let wantsFeatures =
            left.isNCHW || right.isNCHW
            || left.dims.count == 4 && !left.isRowMajor
                && !right.isRowMajor
        if wantsFeatures, let first = left.toNCHW(), let second = right.toNCHW() {
            return (first, second)
        }
        guard let first = left.toRows(), let second = right.toRows() else { return nil }
        return (first, second)
    }

    /// Joins tensors along an ONNX axis.
    /// - Returns: the steps of each, the axis in memory along which they are joined, and the view
    ///   of the result; nil where that is not possible.
    static func joined(
        _ views: [TensorView], along axis: Int
    ) -> (steps: [[Step]], axis: Int, view: TensorView)? {
        if let (place, view) = joinedDirectly(views, along: axis) {
            return (views.map { _ in [] }, place, view)
        }
        let isFeatures = views.contains(where: \.isNCHW) || views[0].dims.count == 4
        for form in isFeatures ? [\TensorView.stepsToNCHW, \.stepsToRows] : [\.stepsToRows] {
            let steps = views.compactMap { $0[keyPath: form] }
            guard steps.count == views.count else { continue }
            let plain = zip(views, steps).map { $1.last?.view ?? $0 }
            guard case .memory(let place) = plain[0].order?[axis] else { continue }
            if let view = joined(plain, along: axis, in: place) { return (steps, place, view) }
        }
        return nil
    }

    private var stepsToNCHW: [Step]? { toNCHW() }
    private var stepsToRows: [Step]? { toRows() }

    /// Where all have the same order, and the axis is one in memory.
    private static func joinedDirectly(
        _ views: [TensorView], along axis: Int
    ) -> (Int, TensorView)? {
        let named = views.lazy.compactMap { view -> Int? in
            if case .memory(let place) = view.axes[axis].first?.axis { place } else { nil }
        }.first
        // Axes of one extent appear nowhere; one channel is what can be meant.
        let place = named ?? TensorShape.channelAxis
        guard let view = joined(views, along: axis, in: place) else { return nil }
        return (place, view)
    }

    private static func joined(
        _ views: [TensorView], along axis: Int, in place: Int
    ) -> TensorView? {
        var result = views[0]
        func others(_ view: TensorView) -> [[AxisPart]] {
            view.axes.enumerated().map { $0 == axis ? [] : $1 }
        }
        guard result.shape.axes.indices.contains(place) else { return nil }
        var extent = 0
        for view in views {
            var shape = view.shape
            guard shape.axes.count == result.shape.axes.count else { return nil }
            shape.axes[place] = result.shape.axes[place]
            guard shape == result.shape, view.dims.count == result.dims.count,
                others(view) == others(result), view.dims[axis] == view.shape.axes[place],
                view.axes[axis] == view.whole(.memory(place))
            else { return nil }
            extent += view.shape.axes[place]
        }
        result.shape.axes[place] = extent
        result.dims[axis] = extent
        result.axes[axis] = result.whole(.memory(place))
        return result
    }
}
