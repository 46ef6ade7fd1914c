// SPDX-License-Identifier: Apache-2.0

package import Imaging
package import Logging
import PrintableText
import Release
package import Settings

/// Which pixels a run makes of its images, for the log, `run.json` and `evaluate --json`.
package struct PixelRecord: Codable, Sendable {
    /// In one line, as logged.
    package var summary: String
    /// Every value, none left to a rule; a list of equal means or standard deviations is one.
    package var values: PreprocessingSettings
    /// Where each comes from.
    package var origin: PreprocessingOrigin
    /// Images that were arrays taken as they are, to which none of it applied.
    package var arrays = 0

    /// - Parameters:
    ///   - settings: as given.
    ///   - preprocessing: the same, resolved for the network's input.
    ///   - origin: where they come from.
    package init(
        _ settings: PreprocessingSettings, resolved preprocessing: Preprocessing,
        origin: PreprocessingOrigin
    ) {
        values = settings
        values.crop = .size(height: preprocessing.cropHeight, width: preprocessing.cropWidth)
        values.resizeShortSide = preprocessing.resizeShortSide.map { .pixels($0) } ?? .off
        values.mean = preprocessing.mean.count == 1 ? [settings.mean[0]] : settings.mean
        values.std = preprocessing.std.count == 1 ? [settings.std[0]] : settings.std
        summary = preprocessing.summary
        self.origin = origin
    }

    /// What an 8-bit model says of how it was made.
    package var modelMetadata: [String: String] {
        [
            "counterbias.version": Build.version,
            PreprocessingSettings.metadataKey: values.metadata,
        ]
    }

    /// Logs it.
    package func report(to logger: Logger) {
        logger.notice("pixels", metadata: ["made": "\(summary)", "from": "\(origin)"])
    }
}

extension Preprocessing {
    /// `short side 256, crop 224×224, RGB, (x - 127.5) / 127.5`.
    fileprivate var summary: String {
        var steps: [String] = []
        if let resizeShortSide { steps.append("short side \(resizeShortSide)") }
        steps.append("crop \(cropHeight)×\(cropWidth)")
        if geometry != .torchvision { steps.append("geometry \(geometry.rawValue)") }
        if interpolation != .bilinear, resizeShortSide != nil {
            steps.append(interpolation.rawValue)
        }
        if exifOrientation == .apply { steps.append("turned upright") }
        let colors =
            switch channels {
            case 1: "gray"
            case 3: channelOrder.rawValue.uppercased()
            case 4: channelOrder.rawValue.uppercased() + "A"
            default: "\(channels) channels"
            }
        steps.append(colors)
        steps.append(normalization)
        return steps.joined(separator: ", ")
    }

    private var normalization: String {
        let difference = mean.allSatisfy { $0 == 0 } ? "x" : "x - \(Self.text(mean))"
        guard std.contains(where: { $0 != 1 }) else { return difference }
        let dividend = difference == "x" ? "x" : "(\(difference))"
        return "\(dividend) / \(Self.text(std))"
    }

    private static func text(_ values: [Float]) -> String {
        let texts = values.map { Double($0).significant(digits: 6) }
        return Set(texts).count == 1 ? texts[0] : "[\(texts.joined(separator: ", "))]"
    }
}
