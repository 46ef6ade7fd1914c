// SPDX-License-Identifier: Apache-2.0

/// How a resize of the short side and a centre crop round to whole pixels.
///
/// The two rules differ by a pixel where an extent does not divide; everything else is the same.
package enum ResizeGeometry: String, Hashable, Sendable, Codable, CaseIterable {
    /// torchvision's `Resize(N)` and `CenterCrop(M)`: the long side is cut off to a whole number,
    /// the crop's offset rounded, ties to even. The default.
    case torchvision
    /// The long side is rounded, ties to even; the crop's offset is cut off to a whole number.
    case rounded

    /// Extent after a resize that makes the short side `shortSide`.
    /// - Parameters:
    ///   - width: at least 1.
    ///   - height: at least 1.
    ///   - shortSide: at least 1; nil leaves the extent alone.
    /// - Returns: both sides, at least `shortSide`.
    func resizedExtent(width: Int, height: Int, shortSide: Int?) -> (width: Int, height: Int) {
        guard let shortSide else { return (width, height) }
        let long = longSide(from: max(width, height), shortSide: shortSide, min(width, height))
        return width <= height ? (shortSide, long) : (long, shortSide)
    }

    private func longSide(from long: Int, shortSide: Int, _ short: Int) -> Int {
        switch self {
        case .torchvision:
            // Python's division of integers, which rounds once.
            Int(Double(shortSide * long) / Double(short))
        case .rounded:
            max(
                shortSide,
                Int((Double(long) * (Double(shortSide) / Double(short))).rounded(.toNearestOrEven)))
        }
    }

    /// First row or column of a centre crop.
    /// - Parameters:
    ///   - extent: of the image.
    ///   - crop: at most `extent`.
    /// - Returns: in `0...extent - crop`.
    func cropOffset(extent: Int, crop: Int) -> Int {
        switch self {
        case .torchvision: Int((Double(extent - crop) / 2).rounded(.toNearestOrEven))
        case .rounded: (extent - crop) / 2
        }
    }
}
