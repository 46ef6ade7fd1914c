// SPDX-License-Identifier: Apache-2.0

import Calibration
import Cluster
import Dispatch
import Foundation
import Imaging
import Logging
import NetworkGraph
import Settings
import Storage
import Synchronization

/// The images of a job, decoded once, in order.
struct PreparedPool {
    var names: [String] = []
    var images: [(reference: ImageReference, bytes: [UInt8])] = []
    /// Images that could not be read, with the reason.
    var skipped: [SkippedImage] = []

    struct SkippedImage: Codable {
        var file: String
        var reason: String
    }

    /// A signal came before the first round; what was in the folder is untouched.
    struct Stopped: Error, CustomStringConvertible {
        var signal: String
        var description: String {
            "stopped by \(signal) while images were prepared; start the same command again"
        }
    }

    /// Whether all images are pixels, so that the range of the input is known beforehand.
    var isPixels: Bool { !images.contains { $0.reference.isTensor } }

    /// - Parameters:
    ///   - entries: files in order.
    ///   - count: images wanted; bad ones are replaced by the next of the folder when they may be
    ///     skipped.
    ///   - preprocessing: from files to pixels.
    ///   - skipsBad: list bad images instead of stopping.
    ///   - stop: looked at before every image.
    /// - Throws: `ImageError` naming the file; ``Stopped``.
    init(
        entries: [ImageEntry], count: Int, preprocessing: Preprocessing, skipsBad: Bool,
        stop: StopSignal? = nil
    ) throws {
        try preprocessing.validate()
        var position = 0
        while images.count < count, position < entries.count {
            let end = min(position + count - images.count, entries.count)
            let batch = Array(entries[position..<end])
            position = end
            for (entry, result) in zip(batch, Self.prepare(batch, preprocessing, stop)) {
                switch result {
                case nil: throw Stopped(signal: stop?.received ?? "a signal")
                case .success(let image):
                    names.append(entry.name)
                    images.append(image)
                case .failure(let error):
                    guard skipsBad, error.concernsOneImage else { throw error }
                    skipped.append(SkippedImage(file: entry.name, reason: "\(error)"))
                }
            }
        }
    }

    private typealias Prepared = Result<(reference: ImageReference, bytes: [UInt8]), ImageError>

    /// Nil for images that a signal left undone.
    private static func prepare(
        _ entries: [ImageEntry], _ preprocessing: Preprocessing, _ stop: StopSignal?
    ) -> [Prepared?] {
        let results = Mutex([Prepared?](repeating: nil, count: entries.count))
        DispatchQueue.concurrentPerform(iterations: entries.count) { index in
            if stop?.received != nil { return }
            let result: Prepared
            do throws(ImageError) {
                result = .success(try entries[index].prepare(preprocessing).blob)
            } catch {
                result = .failure(error)
            }
            results.withLock { $0[index] = result }
        }
        return results.withLock { $0 }
    }
}

extension PreparedImage {
    /// Content address and bytes, as workers get them.
    var blob: (reference: ImageReference, bytes: [UInt8]) {
        let (bytes, isTensor): ([UInt8], Bool) =
            switch payload {
            case .pixels(let pixels): (pixels, false)
            case .tensor(let values): (values.withUnsafeBytes { Array($0) }, true)
            }
        return (ImageReference(digest: Digest.sha256(of: bytes), isTensor: isTensor), bytes)
    }
}

extension Preprocessing {
    /// Equal values count as one, so that a grayscale network takes means stated for three
    /// channels.
    private static func perChannel(
        _ values: [Double], _ key: String, _ input: Graph.Input
    ) throws -> [Float] {
        let channels = input.shape.channels
        if let value = values.first, values.allSatisfy({ $0 == value }) { return [Float(value)] }
        guard values.count == channels else {
            throw CommandError(
                EX_CONFIG,
                "preprocessing.\(key) has \(values.count) values, but the model's input '\(input.name)' has "
                    + "\(channels) channel\(channels == 1 ? "" : "s"); give one value"
                    + (channels == 1 ? "" : ", or one per channel"))
        }
        return values.map(Float.init)
    }

    /// Resolves sizes against the network's input: crop = input size, short side = round(size /
    /// 0.875).
    init(_ settings: PreprocessingSettings, input: Graph.Input) throws {
        let shape = input.shape
        let (height, width): (Int, Int) =
            switch settings.crop {
            case .modelInput: (shape.height, shape.width)
            case .size(let height, let width): (height, width)
            }
        guard height == shape.height, width == shape.width else {
            throw CommandError(
                EX_CONFIG,
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
            geometry: settings.geometry == .rounded ? .rounded : .torchvision,
            interpolation: settings.interpolation == .bicubic ? .bicubic : .bilinear,
            channelOrder: settings.channelOrder == .bgr ? .bgr : .rgb,
            mean: try Self.perChannel(settings.mean, "mean", input),
            std: try Self.perChannel(settings.std, "std", input),
            exifOrientation: ExifOrientation(rawValue: settings.exifOrientation.rawValue)
                ?? .ignore,
            inputName: input.name)
    }
}
