// SPDX-License-Identifier: Apache-2.0

package import NetworkGraph

/// An axis of a batch of values as they lie in memory.
package enum Axis: Hashable, Sendable {
    case batch
    /// Position among the axes of a `TensorShape`.
    case memory(Int)

    static let height = Axis.memory(0)
    static let width = Axis.memory(1)
    /// Of a feature map.
    package static let channel = Axis.memory(TensorShape.channelAxis)
}

/// An axis, or what is left where axes are taken apart: every `step`th position, `extent` of them.
struct AxisPart: Hashable, Sendable {
    var axis: Axis
    var extent: Int
    var step = 1
}

/// A tensor of an ONNX graph as a view of a value in memory.
///
/// Each ONNX axis holds a list of parts of memory axes, outermost first; extents of 1 appear
/// nowhere. So `[N, C, H, W]` is `[[batch], [channel], [height], [width]]`, its flattened form
/// `[[batch], [channel, height, width]]`, and operators that only take axes apart, move or join
/// them cost nothing.
package struct TensorView: Hashable, Sendable {
    /// Of the value, per image.
    package var shape: TensorShape
    /// Images of a batch; 1 where the file leaves their number open.
    var batch: Int
    /// Extents in the ONNX graph.
    package var dims: [Int]
    var axes: [[AxisPart]]

    /// A feature map as files have them.
    package static let nchw: [Axis] = [.batch, .channel, .height, .width]
    /// A feature map in the order of memory.
    package static let nhwc: [Axis] = [.batch, .height, .width, .channel]

    /// A view whose axes are `order`, one axis in memory each.
    package init(_ shape: TensorShape, batch: Int, order: [Axis]) {
        self.shape = shape
        self.batch = batch
        dims = []
        axes = []
        dims = order.map { extent(of: $0) }
        axes = order.map { whole($0) }
    }

    /// A view of a tensor in the order in which it lies in memory, behind the batch.
    package init(rowMajor shape: TensorShape, batch: Int) {
        self.init(shape, batch: batch, order: [.batch] + shape.axes.indices.map { .memory($0) })
    }

    func extent(of axis: Axis) -> Int {
        switch axis {
        case .batch: batch
        case .memory(let index): shape.axes[index]
        }
    }

    /// A whole axis as parts: none where its extent is 1.
    func whole(_ axis: Axis) -> [AxisPart] {
        extent(of: axis) == 1 ? [] : [AxisPart(axis: axis, extent: extent(of: axis))]
    }

    /// The axis of biases and of scales per channel, whole: the last in memory.
    var innermost: [AxisPart] { whole(.memory(shape.axes.count - 1)) }

    /// Position along an ONNX axis of each position of the last axis in memory; nil where the ONNX
    /// axis has a part of any other.
    func positions(along axis: Int) -> [Int]? {
        let last = Axis.memory(shape.axes.count - 1)
        guard axes[axis].allSatisfy({ $0.axis == last }) else { return nil }
        return (0..<shape.channels).map { channel in
            axes[axis].reduce(0) { $0 * $1.extent + channel / $1.step % $1.extent }
        }
    }

    /// Several whole axes, one after the other.
    func whole(_ axes: [Axis]) -> [AxisPart] { axes.flatMap { whole($0) } }

    /// Whether each ONNX axis is just the given one in memory.
    package func isOrdered(_ order: [Axis]) -> Bool {
        dims.count == order.count
            && zip(axes, order).allSatisfy { parts, axis in
                if case .memory(let index) = axis, index >= shape.axes.count { return false }
                return parts == whole(axis)
            }
    }

    /// Whether it is a feature map as files have them, `[N, C, H, W]`.
    package var isNCHW: Bool { shape.layout == .features && isOrdered(Self.nchw) }

    /// Whether it is a feature map in the order of memory, `[N, H, W, C]`.
    package var isNHWC: Bool { shape.layout == .features && isOrdered(Self.nhwc) }

    /// The same numbers with other extents; nil if that would cut an axis at no multiple of its
    /// parts.
    func reshaped(to dims: [Int]) -> TensorView? {
        var rest = Array(axes.joined().reversed())
        var axes: [[AxisPart]] = []
        for extent in dims {
            var group: [AxisPart] = []
            var product = 1
            while product < extent, var next = rest.popLast() {
                if extent % (product * next.extent) != 0 {
                    guard extent % product == 0, next.extent % (extent / product) == 0 else {
                        return nil
                    }
                    // The outer part belongs here, the inner one to the next axis.
                    let outer = extent / product
                    let inner = next.extent / outer
                    rest.append(AxisPart(axis: next.axis, extent: inner, step: next.step))
                    next.extent = outer
                    next.step *= inner
                }
                group.append(next)
                product *= next.extent
            }
            guard product == extent else { return nil }
            axes.append(group)
        }
        guard rest.isEmpty else { return nil }
        var result = self
        result.dims = dims
        result.axes = axes.map(Self.joined)
        return result
    }

    /// Parts of one axis that follow each other are one.
    private static func joined(_ parts: [AxisPart]) -> [AxisPart] {
        var result: [AxisPart] = []
        for part in parts {
            if let last = result.last, last.axis == part.axis,
                last.step == part.step * part.extent
            {
                result[result.count - 1].extent *= part.extent
                result[result.count - 1].step = part.step
            } else {
                result.append(part)
            }
        }
        return result
    }

    /// The same value with its ONNX axes permuted.
    func transposed(_ permutation: [Int]) -> TensorView {
        var result = self
        result.dims = permutation.map { dims[$0] }
        result.axes = permutation.map { axes[$0] }
        return result
    }

    // MARK: Forms in memory

    /// Whether the first ONNX axis is the batch and nothing else.
    package var hasBatchAxis: Bool { dims.first == batch && axes.first == whole(.batch) }

    /// What brings the tensor into the order of a feature map; nil where it is no `[N, C, H, W]`.
    var toFeatures: Rearrange? {
        guard dims.count == 4, hasBatchAxis else { return nil }
        return rearrange(
            axes[2] + axes[3] + axes[1],
            to: TensorShape(height: dims[2], width: dims[3], channels: dims[1]))
    }

    /// What brings the tensor into the order of its ONNX axes; nil where images of a batch are
    /// mixed. Without a batch axis of its own, which a batch of one image can do without, all ONNX
    /// axes are the image's.
    var toRowMajor: Rearrange? {
        let own = hasBatchAxis ? dims.dropFirst() : dims[...]
        return rearrange(
            Array(axes[own.indices].joined()),
            to: TensorShape(rowMajor: own.isEmpty ? [1] : Array(own)))
    }

    func rearrange(_ parts: [AxisPart], to target: TensorShape) -> Rearrange? {
        func place(_ part: AxisPart) -> (Int, Int)? {
            if case .memory(let index) = part.axis { (index, -part.step) } else { nil }
        }
        let places = parts.compactMap(place)
        guard places.count == parts.count else { return nil }
        let order = places.indices.sorted { places[$0] < places[$1] }
        var permutation = [Int](repeating: 0, count: parts.count)
        for (position, part) in order.enumerated() { permutation[part] = position }
        return Rearrange(
            extents: order.map { parts[$0].extent }, permutation: permutation, shape: target)
    }
}
