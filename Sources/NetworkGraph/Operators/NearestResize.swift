// SPDX-License-Identifier: Apache-2.0

/// Rows and columns repeated or left out (ONNX Resize, opset 11 to 19, mode nearest, and Upsample):
/// each pixel of the result is one of the operand.
package struct NearestResize: Hashable, Sendable, Codable {
    /// From there to a pixel (`nearest_mode`).
    package enum Rounding: String, Hashable, Sendable, Codable {
        case floor, ceil
        case roundPreferFloor = "round_prefer_floor"
        case roundPreferCeil = "round_prefer_ceil"
    }

    /// Rows of the result, at least 1.
    package var height: Int
    /// Columns of the result, at least 1.
    package var width: Int
    /// Result over operand, positive and finite; times the operand's extents, rounded down, they
    /// give the result's. `alignCorners` does not look at them.
    package var scaleHeight: Float
    /// The same of columns.
    package var scaleWidth: Float
    /// How positions in the operand are found.
    package var coordinates: ResizeCoordinates
    /// How pixels are found at them.
    package var rounding: Rounding

    /// Parameters as given; ``outputShape(of:outputChannels:)`` checks them.
    package init(
        height: Int, width: Int, scaleHeight: Float, scaleWidth: Float,
        coordinates: ResizeCoordinates, rounding: Rounding
    ) {
        self.height = height
        self.width = width
        self.scaleHeight = scaleHeight
        self.scaleWidth = scaleWidth
        self.coordinates = coordinates
        self.rounding = rounding
    }

    /// Row of the operand for each row of the result.
    /// - Parameter extent: rows of the operand.
    /// - Returns: one for each of `height`, below `extent`.
    package func rows(of extent: Int) -> [Int] {
        (0..<height).map { source($0, of: height, scale: scaleHeight, extent: extent) }
    }

    /// Column of the operand for each column of the result.
    /// - Parameter extent: columns of the operand.
    /// - Returns: one for each of `width`, below `extent`.
    package func columns(of extent: Int) -> [Int] {
        (0..<width).map { source($0, of: width, scale: scaleWidth, extent: extent) }
    }

    /// In Float, as runtimes compute it.
    private func source(_ index: Int, of count: Int, scale: Float, extent: Int) -> Int {
        let position = coordinates.position(index, of: count, scale: scale, extent: extent)
        let nearest: Float =
            switch rounding {
            case .floor: position.rounded(.down)
            case .ceil: position.rounded(.up)
            case .roundPreferFloor: (position - 0.5).rounded(.up)
            case .roundPreferCeil: (position + 0.5).rounded(.down)
            }
        return min(max(Int(nearest), 0), extent - 1)
    }
}

extension NearestResize: DataMovement, SpatialResize {
    /// `resize 14×14 nearest`.
    package func kind(input: TensorShape) -> String { "resize \(height)×\(width) nearest" }

    /// Feature maps only.
    package var readsFeatures: Bool { true }

    /// ``height``, ``width`` and the operand's channels.
    /// - Throws: ``OperatorFault`` where a factor is not positive, normal and below 1e6, or the
    ///   extents are not those that factors and operand give.
    package func outputShape(
        of operands: [TensorShape], outputChannels: Int
    ) throws(OperatorFault) -> TensorShape {
        try resized(operands.single())
    }

    /// All channels are moved alike.
    package var channelScaling: ChannelScaling { .passesOn }

    /// Pixels at ``rows(of:)`` and ``columns(of:)``.
    package func movement(of operand: TensorShape) -> Movement {
        let step = operand.strides
        return Movement([
            .listed(rows(of: operand.height).map { $0 * step[0] }),
            .listed(columns(of: operand.width).map { $0 * step[1] }),
            .even(count: operand.channels, step: 1),
        ])
    }
}
