// SPDX-License-Identifier: Apache-2.0

/// What a folder of images holds besides images that are read.
package struct LeftOut: Hashable, Sendable {
    /// Why an entry of a folder is not read; raw values are for people.
    package enum Kind: String, Hashable, Sendable, Codable, CaseIterable {
        case subfolder = "sub-folder"
        case webp, bmp, gif, tiff, heif, avif
        case brokenLink = "broken link"
        /// Nothing that could be read without waiting.
        case special = "pipe, socket or device"
        case notUTF8 = "name that is not UTF-8"
        case hidden = "hidden file"
        case other = "other file"

        /// Whether somebody may have expected images of it.
        package var mayHoldImages: Bool { self != .hidden && self != .other }

        /// An image format that is not read, by the ending of a name.
        init?(ending: String) {
            switch ending {
            case "webp": self = .webp
            case "bmp", "dib": self = .bmp
            case "gif": self = .gif
            case "tif", "tiff": self = .tiff
            case "heic", "heif": self = .heif
            case "avif": self = .avif
            default: return nil
            }
        }

        fileprivate var plural: String {
            switch self {
            case .special: "pipes, sockets or devices"
            case .notUTF8: "names that are not UTF-8"
            case .webp, .bmp, .gif, .tiff, .heif, .avif: rawValue
            default: rawValue + "s"
            }
        }
    }

    /// An entry of the folder that is not read.
    package struct Entry: Hashable, Sendable, Codable {
        /// File name; with replacement characters where it is not UTF-8.
        package let file: String
        /// Why it is not read.
        package let kind: Kind
    }

    /// Sorted by the bytes of the file name.
    package private(set) var entries: [Entry] = []

    init() {}

    mutating func add(_ file: String, _ kind: Kind) {
        entries.append(Entry(file: file, kind: kind))
    }

    mutating func sort() {
        entries.sort { $0.file.utf8.lexicographicallyPrecedes($1.file.utf8) }
    }

    /// Entries of each kind that occurs.
    package var counts: [Kind: Int] { entries.reduce(into: [:]) { $0[$1.kind, default: 0] += 1 } }

    /// Whether somebody may have expected images of any of them.
    package var mayHoldImages: Bool { entries.contains { $0.kind.mayHoldImages } }

    /// `2 sub-folders, 3 webp`, in the order of the kinds; empty if there is nothing.
    package var summary: String {
        let counts = counts
        return Kind.allCases.compactMap { kind in
            counts[kind].map { "\($0) \($0 == 1 ? kind.rawValue : kind.plural)" }
        }.joined(separator: ", ")
    }

    /// What makes images of them; empty where nothing does.
    package var remedy: String {
        let kinds = Set(entries.map(\.kind))
        var remedies: [String] = []
        if kinds.contains(.subfolder) {
            remedies.append(
                "sub-folders are not searched: give one of them, or link their images into one folder"
            )
        }
        if !kinds.isDisjoint(with: [.webp, .bmp, .gif, .tiff, .heif, .avif]) {
            remedies.append("convert images of other formats to PNG or JPEG")
        }
        if kinds.contains(.brokenLink) { remedies.append("mend or remove broken links") }
        if kinds.contains(.notUTF8) { remedies.append("rename files whose names are not UTF-8") }
        return remedies.joined(separator: "; ")
    }
}
