// SPDX-License-Identifier: Apache-2.0

package import Calibration
import Dispatch
package import Imaging
package import Logging
package import Settings
import Synchronization

/// The images of a job, decoded once, in order.
package struct PreparedPool: Sendable {
    /// File names in the folder.
    package private(set) var names: [String] = []
    /// As many as ``names``, until ``forgetImages()``.
    package private(set) var images: [PreparedImage] = []
    /// Images that could not be read, with the reason.
    package private(set) var skipped: [SkippedImage] = []

    /// An image that was left out since it cannot be read or does not fit.
    package struct SkippedImage: Codable, Hashable, Sendable {
        /// File name in the folder.
        package var file: String
        /// What ``ImageError`` says of it.
        package var reason: String
    }

    /// A signal came before the first round; what was in the folder is untouched.
    package struct Stopped: Error, CustomStringConvertible {
        /// As in `SIGTERM`.
        package var signal: String
        package var description: String {
            "stopped by \(signal) while images were prepared; start the same command again"
        }
    }

    /// Whether all images are pixels, so that the range of the input is known beforehand.
    package var isPixels: Bool {
        images.allSatisfy { if case .pixels = $0.payload { true } else { false } }
    }

    /// Frees the memory of the images; their names stay.
    package mutating func forgetImages() { images = [] }

    /// - Parameters:
    ///   - entries: files in order.
    ///   - count: images wanted; bad ones are replaced by the next of the folder when they may be
    ///     skipped.
    ///   - preprocessing: from files to pixels.
    ///   - skipsBad: list bad images instead of stopping.
    ///   - signal: asked before every image; the name of a signal that has come ends it.
    /// - Throws: `ImageError` naming the file; ``Stopped``.
    package init(
        entries: [ImageEntry], count: Int, preprocessing: Preprocessing, skipsBad: Bool,
        signal: @Sendable () -> String? = { nil }
    ) throws {
        try preprocessing.validate()
        var position = 0
        while images.count < count, position < entries.count {
            let end = min(position + count - images.count, entries.count)
            let batch = Array(entries[position..<end])
            position = end
            for (entry, result) in zip(batch, Self.prepare(batch, preprocessing, signal)) {
                switch result {
                case nil: throw Stopped(signal: signal() ?? "a signal")
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

    /// The images that a calibration takes of a folder.
    /// - Parameters:
    ///   - folder: listed.
    ///   - configuration: how many, and whether bad ones may be skipped.
    ///   - preprocessing: resolved for the network's input.
    ///   - logger: told of files left out and images skipped.
    ///   - signal: as of the other initializer.
    /// - Throws: `ImageError` naming the file; ``Stopped``; ``RunError`` where there is no image.
    package init(
        of folder: ImageFolder, for configuration: Configuration, preprocessing: Preprocessing,
        logger: Logger, signal: @Sendable () -> String? = { nil }
    ) throws {
        if !folder.leftOut.entries.isEmpty {
            logger.info("files left out", metadata: ["counts": "\(folder.leftOut.summary)"])
        }
        let inputs = folder.inputs(for: preprocessing, limit: configuration.limit)
        let wanted = min(inputs.count, configuration.imagesWanted)
        logger.info("preparing images", metadata: ["count": "\(wanted)"])
        try self.init(
            entries: inputs, count: wanted, preprocessing: preprocessing,
            skipsBad: configuration.skipBadImages, signal: signal)
        for image in skipped {
            logger.warning(
                "image skipped", metadata: ["file": "\(image.file)", "reason": "\(image.reason)"])
        }
        guard !images.isEmpty else {
            throw RunError(.data, "\(configuration.images): no image could be read")
        }
    }

    private typealias Prepared = Result<PreparedImage, ImageError>

    /// Nil for images that a signal left undone.
    private static func prepare(
        _ entries: [ImageEntry], _ preprocessing: Preprocessing, _ signal: @Sendable () -> String?
    ) -> [Prepared?] {
        let results = Mutex([Prepared?](repeating: nil, count: entries.count))
        DispatchQueue.concurrentPerform(iterations: entries.count) { index in
            if signal() != nil { return }
            let result: Prepared
            do throws(ImageError) {
                result = .success(try entries[index].prepare(preprocessing))
            } catch {
                result = .failure(error)
            }
            results.withLock { $0[index] = result }
        }
        return results.withLock { $0 }
    }
}

extension PreparedImage {
    /// As rounds take it.
    package var input: InputPayload {
        switch payload {
        case .pixels(let pixels): .pixels(pixels)
        case .tensor(let values): .tensor(values)
        }
    }
}
