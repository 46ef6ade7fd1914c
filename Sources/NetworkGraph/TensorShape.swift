// SPDX-License-Identifier: Apache-2.0

/// Extents of one image's value and how its axes are ordered; the batch axis, which every value
/// has, is left out.
package struct TensorShape: Hashable, Sendable {
    /// What the order of the axes in memory has to do with the order in an ONNX file.
    package enum Layout: String, Hashable, Sendable, Codable {
        /// A feature map: rows, columns, channels in memory, `[N, C, H, W]` in files.
        case features
        /// Any other tensor: the same order in memory as in files, behind the batch axis.
        case rowMajor
    }

    /// Extents, at least 1 each, outermost first as the elements lie in memory: three of a feature
    /// map, 1 to ``SizeLimits/axes`` of any other tensor.
    package var axes: [Int]
    /// What the axes are.
    package var layout: Layout

    /// Position of a feature map's channels among its axes.
    package static let channelAxis = 2

    /// A feature map.
    /// - Parameters:
    ///   - height: rows.
    ///   - width: columns.
    ///   - channels: the fastest-varying axis in memory.
    package init(height: Int, width: Int, channels: Int) {
        axes = [height, width, channels]
        layout = .features
    }

    /// A tensor that is no feature map.
    /// - Parameter axes: extents, batch left out.
    package init(rowMajor axes: [Int]) {
        self.axes = axes
        layout = .rowMajor
    }

    /// Rows: all axes but the last two together, of tensors that are no feature maps. Only those
    /// of a feature map can be set.
    package var height: Int {
        get { axes.dropLast(2).reduce(1, *) }
        set { axes[axes.count - 3] = newValue }
    }
    /// Columns: the last axis but one.
    package var width: Int {
        get { axes.count > 1 ? axes[axes.count - 2] : 1 }
        set { axes[axes.count - 2] = newValue }
    }
    /// The last axis.
    package var channels: Int {
        get { axes[axes.count - 1] }
        set { axes[axes.count - 1] = newValue }
    }
    /// Pixels of one channel.
    package var pixels: Int { axes.dropLast().reduce(1, *) }
    /// Elements of one image.
    package var count: Int { axes.reduce(1, *) }

    /// Steps in memory from one position of each axis to the next.
    package var strides: [Int] {
        var strides = axes
        var step = 1
        for axis in axes.indices.reversed() {
            strides[axis] = step
            step *= axes[axis]
        }
        return strides
    }
}

extension TensorShape: CustomStringConvertible {
    package var description: String { axes.map(String.init).joined(separator: "×") }
}

extension TensorShape: Codable {
    private enum CodingKeys: String, CodingKey { case height, width, channels, axes }

    /// `height`, `width` and `channels` of a feature map, `axes` of any other tensor.
    /// - Throws: `DecodingError` where they are missing.
    package init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        if let axes = try container.decodeIfPresent([Int].self, forKey: .axes) {
            guard 1...SizeLimits.axes ~= axes.count else {
                throw DecodingError.dataCorruptedError(
                    forKey: .axes, in: container, debugDescription: "\(axes.count) axes")
            }
            self.init(rowMajor: axes)
            return
        }
        self.init(
            height: try container.decode(Int.self, forKey: .height),
            width: try container.decode(Int.self, forKey: .width),
            channels: try container.decode(Int.self, forKey: .channels))
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        switch layout {
        case .features:
            try container.encode(height, forKey: .height)
            try container.encode(width, forKey: .width)
            try container.encode(channels, forKey: .channels)
        case .rowMajor: try container.encode(axes, forKey: .axes)
        }
    }
}
