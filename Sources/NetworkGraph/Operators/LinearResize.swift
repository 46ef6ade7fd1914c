// SPDX-License-Identifier: Apache-2.0

/// Rows and columns interpolated between two neighbours each (ONNX Resize, opset 10 to 23, mode
/// linear, and Upsample), without antialiasing; beyond the border its pixels count.
package struct LinearResize: SpatialResize, Codable {
    /// Rows of the result, at least 1.
    package var height: Int
    /// Columns of the result, at least 1.
    package var width: Int
    /// Rows of the result over rows of the operand.
    package var scaleHeight: Float
    /// The same of columns.
    package var scaleWidth: Float
    /// How positions in the operand are found.
    package var coordinates: ResizeCoordinates

    /// Parameters as given; ``outputShape(of:outputChannels:)`` checks them.
    package init(
        height: Int, width: Int, scaleHeight: Float, scaleWidth: Float,
        coordinates: ResizeCoordinates
    ) {
        self.height = height
        self.width = width
        self.scaleHeight = scaleHeight
        self.scaleWidth = scaleWidth
        self.coordinates = coordinates
    }

    /// Two neighbours of the operand, and how far the position is from the first to the second.
    package struct Tap: Hashable, Sendable {
        /// Row or column.
        package var first: Int
        /// Row or column.
        package var second: Int
        /// 0 to 1, the second one's part; the first one's is the rest.
        package var weight: Float
    }

    /// Neighbours of each row of the result, among `extent` rows of the operand.
    package func rows(of extent: Int) -> [Tap] {
        (0..<height).map { tap($0, of: height, scale: scaleHeight, extent: extent) }
    }

    /// Neighbours of each column of the result, among `extent` columns of the operand.
    package func columns(of extent: Int) -> [Tap] {
        (0..<width).map { tap($0, of: width, scale: scaleWidth, extent: extent) }
    }

    private func tap(_ index: Int, of count: Int, scale: Float, extent: Int) -> Tap {
        let position = coordinates.position(index, of: count, scale: scale, extent: extent)
        let inside = min(max(position, 0), Float(extent - 1))
        let first = min(Int(inside), extent - 1)
        return Tap(
            first: first, second: min(first + 1, extent - 1), weight: inside - Float(first))
    }

    /// `resize 14×14 linear`.
    package func kind(input: TensorShape) -> String { "resize \(height)×\(width) linear" }

    /// ``height``, ``width`` and the operand's channels.
    /// - Throws: ``OperatorFault`` where factors and extents do not agree.
    package func outputShape(
        of operands: [TensorShape], outputChannels: Int
    ) throws(OperatorFault) -> TensorShape {
        try resized(operands.single())
    }

    /// Feature maps only.
    package var readsFeatures: Bool { true }
    /// All channels are interpolated alike.
    package var channelScaling: ChannelScaling { .passesOn }
    /// Runtimes truncate where they interpolate 8-bit values, and compute in float where operand
    /// and result have unlike scales.
    package var floatPrecision: FloatPrecision { .always }
    /// As the operand.
    package func isNonNegative(_ operands: [Bool]) -> Bool { operands.allSatisfy(\.self) }
}
