// SPDX-License-Identifier: Apache-2.0

/// From a position in the result of a Resize to one in its operand (ONNX
/// `coordinate_transformation_mode`).
package enum ResizeCoordinates: String, Hashable, Sendable, Codable {
    case asymmetric
    case halfPixel = "half_pixel"
    case pytorchHalfPixel = "pytorch_half_pixel"
    case alignCorners = "align_corners"

    /// In Float, as runtimes compute it.
    /// - Parameters:
    ///   - index: row or column of the result.
    ///   - count: rows or columns of the result.
    ///   - scale: result over operand.
    ///   - extent: rows or columns of the operand.
    /// - Returns: in rows or columns of the operand; may lie outside of it.
    package func position(_ index: Int, of count: Int, scale: Float, extent: Int) -> Float {
        let x = Float(index)
        return switch self {
        case .asymmetric: x / scale
        case .halfPixel: (x + 0.5) / scale - 0.5
        case .pytorchHalfPixel: count > 1 ? (x + 0.5) / scale - 0.5 : 0
        case .alignCorners: count > 1 ? x * Float(extent - 1) / Float(count - 1) : 0
        }
    }
}

/// What resizing operators of feature maps share.
package protocol SpatialResize: OperatorForm {
    /// Rows of the result, at least 1.
    var height: Int { get }
    /// Columns of the result, at least 1.
    var width: Int { get }
    /// Rows of the result over rows of the operand, positive and finite; times the operand's,
    /// rounded down, they give the result's. `alignCorners` does not look at them.
    var scaleHeight: Float { get }
    /// The same of columns.
    var scaleWidth: Float { get }
    /// How positions in the operand are found.
    var coordinates: ResizeCoordinates { get }
}

extension SpatialResize {
    /// Extents of the result.
    /// - Throws: ``OperatorFault`` where factors and extents do not agree.
    func resized(_ input: TensorShape) throws(OperatorFault) -> TensorShape {
        guard [scaleHeight, scaleWidth].allSatisfy({ $0.isNormal && $0 > 0 && $0 < 1e6 }),
            height >= 1, width >= 1, Int(Float(input.height) * scaleHeight) == height,
            Int(Float(input.width) * scaleWidth) == width
        else {
            throw OperatorFault(
                "resizes to \(height)×\(width) by factors \(scaleHeight) and \(scaleWidth)")
        }
        return TensorShape(height: height, width: width, channels: input.channels)
    }
}
