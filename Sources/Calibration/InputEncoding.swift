// SPDX-License-Identifier: Apache-2.0

package import Quantization

/// An image as it travels to workers.
package enum InputPayload: Hashable, Sendable {
    /// HWC pixels, resized and cropped, in the network's channel order.
    case pixels([UInt8])
    /// HWC values, ready for the network.
    case tensor([Float])

    /// Pixels times channels; values of all inputs together for a tensor.
    package var count: Int {
        switch self {
        case .pixels(let pixels): pixels.count
        case .tensor(let values): values.count
        }
    }

    /// The image with left and right exchanged.
    /// - Parameters:
    ///   - width: pixels in a row, at least 1.
    ///   - channels: values per pixel, at least 1; `count` is a multiple of their product.
    /// - Returns: as many values, in the same order but for the columns.
    package func mirrored(width: Int, channels: Int) -> InputPayload {
        switch self {
        case .pixels(let pixels): .pixels(Self.mirrored(pixels, width, channels))
        case .tensor(let values): .tensor(Self.mirrored(values, width, channels))
        }
    }

    private static func mirrored<Value>(_ values: [Value], _ width: Int, _ channels: Int) -> [Value]
    {
        let rowCount = width * channels
        precondition(values.count % rowCount == 0)
        return [Value](unsafeUninitializedCapacity: values.count) { output, initialized in
            for row in stride(from: 0, to: values.count, by: rowCount) {
                for column in 0..<width {
                    for channel in 0..<channels {
                        output.initializeElement(
                            at: row + column * channels + channel,
                            to: values[row + (width - 1 - column) * channels + channel])
                    }
                }
            }
            initialized = values.count
        }
    }
}

/// How pixels become the network's float input: one 256-entry table per channel.
///
/// Tables travel instead of formulas, so that no worker can round a mean differently.
package struct InputEncoding: Hashable, Sendable {
    /// `[channels][256]`; each finite.
    package var tables: [[Float]]

    /// Tables of one channel after the other, 256 finite values each.
    package init(tables: [[Float]]) {
        self.tables = tables
    }

    /// What the network's input has to cover, so that pixels are represented best.
    package var range: ActivationRange { ActivationRange(representing: tables.flatMap(\.self)) }

    /// Smallest and largest value of each input of an image's ``encode(_:)``; 0 of one without any.
    /// - Parameters:
    ///   - payload: the image.
    ///   - counts: elements of each input; pixels are one input.
    /// - Returns: one range per input.
    func extrema(of payload: InputPayload, counts: [Int]) -> [ActivationRange] {
        switch payload {
        case .pixels(let pixels):
            return [ActivationRange(of: occurring(in: pixels))]
        case .tensor(let values):
            var rest = values[...]
            return counts.map { count in
                defer { rest = rest.dropFirst(count) }
                return ActivationRange(of: rest.prefix(count))
            }
        }
    }

    /// The tables' entries that pixels use, far fewer than there are pixels.
    private func occurring(in pixels: [UInt8]) -> [Float] {
        let channels = tables.count
        guard channels > 0 else { return [] }
        var occurs = [Bool](repeating: false, count: 256 * channels)
        occurs.withUnsafeMutableBufferPointer { occurs in
            pixels.withUnsafeBufferPointer { pixels in
                for channel in 0..<channels {
                    for index in stride(from: channel, to: pixels.count, by: channels) {
                        occurs[256 * channel + Int(pixels[index])] = true
                    }
                }
            }
        }
        return occurs.indices.lazy.filter { occurs[$0] }.map { tables[$0 / 256][$0 % 256] }
    }

    /// - Returns: NHWC input of the network.
    package func encode(_ payload: InputPayload) -> [Float] {
        switch payload {
        case .tensor(let values):
            return values
        case .pixels(let pixels):
            return [Float](unsafeUninitializedCapacity: pixels.count) { output, initialized in
                pixels.withUnsafeBufferPointer { source in
                    let channels = tables.count
                    for (channel, table) in tables.enumerated() {
                        table.withUnsafeBufferPointer { table in
                            var index = channel
                            while index < source.count {
                                output[index] = table[Int(source[index])]
                                index += channels
                            }
                        }
                    }
                }
                initialized = pixels.count
            }
        }
    }
}

extension ActivationRange {
    fileprivate init(of values: some Collection<Float>) {
        self.init(lower: values.min() ?? 0, upper: values.max() ?? 0)
    }
}
