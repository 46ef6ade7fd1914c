// SPDX-License-Identifier: Apache-2.0

import PrintableText

/// What went wrong with one image, folder or preprocessing setting.
package struct ImageError: Error, Hashable, Sendable {
    /// What is wrong; the description says it and what helps.
    package enum Code: String, Hashable, Sendable {
        /// The file or folder cannot be opened or read.
        case unreadable
        /// The folder holds no image.
        case emptyFolder
        /// Neither JPEG nor PNG nor NumPy array.
        case unknownFormat
        /// Damaged or truncated.
        case corrupt
        /// A valid image of a kind that is not read.
        case unsupported
        /// A valid array of a kind that is not read.
        case unsupportedArray
        /// More pixels than allowed.
        case tooLarge
        case outOfMemory
        /// A turned image where orientation tags are to be refused.
        case turned
        /// The resized image is smaller than the crop.
        case cropTooLarge
        /// An image for a network whose input has other than 1, 3 or 4 channels.
        case channelMismatch
        /// An array whose shape is not the network's input.
        case shapeMismatch
        /// An array with an infinity or a NaN.
        case notFinite
        /// A preprocessing field out of its range.
        case invalidPreprocessing
    }

    /// For tests and for callers that act on it; the description is for people.
    package var code: Code
    /// File, folder or field name, as the user wrote it.
    package var subject: String
    /// Reason, as precise as the source gives it; may be empty.
    package var detail: String

    /// Of that code; `subject` is printed before it, `detail` behind it.
    package init(_ code: Code, _ subject: String, _ detail: String = "") {
        self.code = code
        self.subject = subject
        self.detail = detail
    }

    /// Whether skipping this one image lets the job go on (`--skip-bad-images`).
    package var concernsOneImage: Bool {
        switch code {
        case .emptyFolder, .invalidPreprocessing: false
        default: true
        }
    }
}

extension ImageError: CustomStringConvertible {
    package var description: String {
        let reason = detail.isEmpty ? "" : ": \(detail)"
        return "\(subject): \(summary)\(reason)\(advice)"
            .printable(bytes: PrintableText.lineBytes)
    }

    private var summary: String {
        switch code {
        case .unreadable: "cannot be read"
        case .emptyFolder: "no images (.jpg, .jpeg, .png, .npy) in this folder"
        case .unknownFormat: "not a JPEG, PNG or NumPy file"
        case .corrupt: "damaged file"
        case .unsupported: "kind of image that is not read"
        case .unsupportedArray: "kind of array that is not read"
        case .tooLarge: "too large"
        case .outOfMemory: "not enough memory to decode"
        case .turned: "has an EXIF orientation"
        case .cropTooLarge: "smaller than the crop"
        case .channelMismatch: "the number of channels does not fit the network's input"
        case .shapeMismatch: "array does not fit the network's input"
        case .notFinite: "array holds a value that is not finite"
        case .invalidPreprocessing: "invalid preprocessing"
        }
    }

    private var advice: String {
        switch code {
        case .corrupt, .unknownFormat, .tooLarge, .outOfMemory:
            "; replace or remove it, or run with --skip-bad-images"
        case .unsupported: "; convert it to an 8-bit PNG or a baseline JPEG"
        case .turned: "; choose exif_orientation apply or ignore, or store it upright"
        case .cropTooLarge:
            "; set preprocessing.resize_short_side so that no side is smaller than the crop"
        case .unsupportedArray: "; save it with np.save as an array of uint8 or float32"
        case .channelMismatch:
            "; give a folder of .npy arrays as images, uint8 for values that are to be normalized"
        case .unreadable, .emptyFolder, .shapeMismatch, .notFinite, .invalidPreprocessing: ""
        }
    }
}
