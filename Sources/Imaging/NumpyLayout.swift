// SPDX-License-Identifier: Apache-2.0

/// Where the elements of network inputs lie in an array: how many inputs it holds, and the distance
/// in elements from one to the next along each axis.
struct NumpyLayout: Equatable {
    private(set) var inputs = 1
    private(set) var inputStride = 0
    private(set) var rowStride = 0
    private(set) var columnStride = 0
    private(set) var channelStride = 0

    private enum Axis { case input, row, column, channel }

    /// Finds the one reading of a shape that gives inputs of this extent: `(H, W, C)`, `(C, H, W)`,
    /// both also behind an axis of inputs, and `(H, W)` and `(N, H, W)` for one channel.
    /// - Parameters:
    ///   - header: of the array.
    ///   - preprocessing: whose extent the inputs have.
    ///   - name: what errors call the file.
    /// - Throws: `.shapeMismatch`, also where two readings give different inputs.
    init(
        _ header: NumpyHeader, for preprocessing: Preprocessing, name: String
    ) throws(ImageError) {
        let readings = Self.readings(rank: header.shape.count, channels: preprocessing.channels)
            .compactMap { Self(axes: $0, header, preprocessing) }
        guard let first = readings.first else {
            let extent = [preprocessing.cropHeight, preprocessing.cropWidth]
            let channels = [preprocessing.channels]
            throw ImageError(
                .shapeMismatch, name,
                "shape \(header.shape), needed \(extent + channels) or \(channels + extent), "
                    + "alone or behind an axis of inputs\(preprocessing.inputClause)")
        }
        guard readings.allSatisfy({ $0 == first }) else {
            throw ImageError(
                .shapeMismatch, name, "\(header.shape) may be (H, W, C) or (C, H, W)")
        }
        self = first
    }

    private static func readings(rank: Int, channels: Int) -> [[Axis]] {
        switch rank {
        case 2 where channels == 1: [[.row, .column]]
        case 3:
            [[.row, .column, .channel], [.channel, .row, .column]]
                + (channels == 1 ? [[.input, .row, .column]] : [])
        case 4: [[.input, .row, .column, .channel], [.input, .channel, .row, .column]]
        default: []
        }
    }

    /// Nil if the extents are others.
    private init?(axes: [Axis], _ header: NumpyHeader, _ preprocessing: Preprocessing) {
        var stride = 1
        // The last axis of C order is the one whose elements are neighbours, the first of
        // Fortran's.
        let order = Array(zip(axes, header.shape))
        for (axis, extent) in header.isFortranOrder ? order : order.reversed() {
            // Steps along an axis of one are never taken; without them equal readings compare as
            // equal.
            let step = extent == 1 ? 0 : stride
            switch axis {
            case .input: (inputs, inputStride) = (extent, step)
            case .row where extent == preprocessing.cropHeight: rowStride = step
            case .column where extent == preprocessing.cropWidth: columnStride = step
            case .channel where extent == preprocessing.channels: channelStride = step
            default: return nil
            }
            stride *= extent
        }
    }
}
