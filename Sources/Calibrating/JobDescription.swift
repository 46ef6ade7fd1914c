// SPDX-License-Identifier: Apache-2.0

package import Calibration
import Foundation
package import JobState
package import Storage

/// Everything that decides a job's bits; its digest names the job.
package struct JobDescription: Codable, Hashable, Sendable {
    /// Digest of the folded float network with its pixel encoding.
    package var network: Digest
    /// Digest of the given quantized model's file; nil where the network is quantized here.
    package var quantized: Digest?
    /// Digest over the digests of all images, in order.
    package var images: Digest
    /// In the pool, those held out included.
    package var imageCount: Int
    /// Right logit of every image, where fine-tuning compares with labels.
    package var labels: [Int]?
    /// What decides the result besides networks, images and labels.
    package var options: CalibrationOptions

    /// Memberwise, unchecked.
    package init(
        network: Digest, quantized: Digest?, images: Digest, imageCount: Int, labels: [Int]?,
        options: CalibrationOptions
    ) {
        self.network = network
        self.quantized = quantized
        self.images = images
        self.imageCount = imageCount
        self.labels = labels
        self.options = options
    }

    /// As deterministic JSON, which checkpoints hold.
    package func text() throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys]
        return String(decoding: try encoder.encode(self), as: UTF8.self)
    }

    /// What differs from an earlier job, in the user's words.
    /// - Parameters:
    ///   - record: of this job.
    ///   - other: the earlier job.
    ///   - otherRecord: names its files; without it only the kind of difference is known.
    /// - Returns: one phrase per difference; none if the jobs are the same.
    package func differences(
        _ record: JobRecord, from other: JobDescription, _ otherRecord: JobRecord?
    ) -> [String] {
        var names = JobDifferences.of(other.options, options)
        if let otherRecord {
            if names.isEmpty, options != other.options {
                names = JobDifferences.otherSettings(otherRecord, record)
            }
            let files = JobDifferences.of(otherRecord, record)
            names = files + names
            // The same file, read another way.
            if network != other.network, files.isEmpty {
                names.append(
                    JobDifferences.change("the release", otherRecord.version, record.version))
            }
        } else {
            if network != other.network { names.append("the model or its preprocessing") }
            if quantized != other.quantized { names.append("the quantized model") }
            if imageCount != other.imageCount {
                names.append("the number of images (\(other.imageCount) then, \(imageCount) now)")
            } else if images != other.images {
                names.append("the images")
            }
        }
        if let labels, let others = other.labels, labels != others,
            let position = zip(others, labels).enumerated().first(where: { $1.0 != $1.1 })
        {
            let name = record.images[position.offset].name
            names.append(
                JobDifferences.change(
                    "the label of \(name)", "\(position.element.0)", "\(position.element.1)"))
        }
        return names
    }
}
