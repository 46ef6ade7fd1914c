// SPDX-License-Identifier: Apache-2.0

package import Imaging
package import NetworkGraph
package import Settings

extension Preprocessing {
    /// Equal values count as one, so that a grayscale network takes means stated for three
    /// channels.
    private static func perChannel(
        _ values: [Double], _ key: String, _ input: Graph.Input
    ) throws -> [Float] {
        let channels = input.shape.channels
        if let value = values.first, values.allSatisfy({ $0 == value }) { return [Float(value)] }
        guard values.count == channels else {
            throw RunError(
                .configuration,
                "preprocessing.\(key) has \(values.count) values, but the model's input '\(input.name)' has "
                    + "\(channels) channel\(channels == 1 ? "" : "s"); give one value"
                    + (channels == 1 ? "" : ", or one per channel"))
        }
        return values.map(Float.init)
    }

    /// Resolves sizes against the network's input: crop = input size, short side = round(size /
    /// 0.875).
    /// - Throws: ``RunError`` naming the key that contradicts the input.
    package init(_ settings: PreprocessingSettings, input: Graph.Input) throws {
        let shape = input.shape
        let (height, width): (Int, Int) =
            switch settings.crop {
            case .modelInput: (shape.height, shape.width)
            case .size(let height, let width): (height, width)
            }
        guard height == shape.height, width == shape.width else {
            throw RunError(
                .configuration,
                "preprocessing.crop is \(height)×\(width), but the model's input '\(input.name)' is "
                    + "\(shape.height)×\(shape.width)")
        }
        let side: Int? =
            switch settings.resizeShortSide {
            case .derived: Int((Double(max(height, width)) / 0.875).rounded())
            case .off: nil
            case .pixels(let pixels): pixels
            }
        self.init(
            resizeShortSide: side, cropHeight: height, cropWidth: width, channels: shape.channels,
            geometry: settings.geometry, interpolation: settings.interpolation,
            channelOrder: settings.channelOrder,
            mean: try Self.perChannel(settings.mean, "mean", input),
            std: try Self.perChannel(settings.std, "std", input),
            exifOrientation: settings.exifOrientation, inputName: input.name)
    }
}
