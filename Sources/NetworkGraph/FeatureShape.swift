// SPDX-License-Identifier: Apache-2.0

/// Extent of one image's activations, NHWC without the batch axis.
package struct FeatureShape: Hashable, Sendable, Codable {
    /// Rows, at least 1.
    package var height: Int
    /// Columns, at least 1.
    package var width: Int
    /// Channels, at least 1; the fastest-varying axis in memory.
    package var channels: Int

    package init(height: Int, width: Int, channels: Int) {
        self.height = height
        self.width = width
        self.channels = channels
    }

    /// Pixels of one channel.
    package var pixels: Int { height * width }
    /// Elements of one image.
    package var count: Int { height * width * channels }
}

extension FeatureShape: CustomStringConvertible {
    package var description: String { "\(height)×\(width)×\(channels)" }
}
