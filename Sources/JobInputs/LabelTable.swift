// SPDX-License-Identifier: Apache-2.0

import Foundation
import PrintableText
import Storage

/// Known classes of images: a CSV table with the columns `file` and `class_index`.
package struct LabelTable: Sendable {
    private let path: String
    private var classes: [String: Int] = [:]

    /// Above a hundred bytes for each image of the largest collections there are.
    private static let maximumBytes = 256 << 20

    /// - Throws: an error naming the file and the line.
    package init(path: String) throws {
        self.path = path
        let data: [UInt8]
        do {
            data = try POSIXFileSystem().read(path, limit: Self.maximumBytes)
        } catch {
            throw RunError(.missing, "\(path): the labels cannot be read: \(error.reason)")
        }
        // Without the byte order mark that spreadsheets write.
        let isMarked = data.starts(with: [0xEF, 0xBB, 0xBF])
        let lines = String(decoding: data.dropFirst(isMarked ? 3 : 0), as: UTF8.self).split(
            omittingEmptySubsequences: false, whereSeparator: \.isNewline)
        let header = Self.cells(lines.first ?? "")
        guard let file = header.firstIndex(of: "file"),
            let label = header.firstIndex(of: "class_index")
        else {
            throw RunError(
                .data, "\(path), line 1: columns 'file' and 'class_index' are expected")
        }
        for (number, line) in lines.enumerated().dropFirst() where !line.isEmpty {
            let cells = Self.cells(line)
            guard cells.count > max(file, label), let index = Int(cells[label]), index >= 0 else {
                throw RunError(
                    .data,
                    "\(path), line \(number + 1): '\(line.printable())' is not file,class_index")
            }
            guard classes.updateValue(index, forKey: cells[file]) == nil else {
                throw RunError(
                    .data,
                    "\(path), line \(number + 1): '\(cells[file].printable())' is listed twice")
            }
        }
    }

    private static func cells(_ line: Substring) -> [String] {
        line.split(separator: ",", omittingEmptySubsequences: false).map {
            $0.trimmingCharacters(in: .whitespaces)
        }
    }

    /// Index of an image's logit.
    /// - Parameters:
    ///   - file: name of the image in its folder.
    ///   - offset: added to the table's index.
    ///   - count: logits of the network.
    /// - Returns: an index in `0..<count`.
    /// - Throws: ``RunError`` for an image that is not listed, or an index that is no logit.
    package func label(of file: String, offset: Int, classes count: Int) throws -> Int {
        guard let index = classes[file] else {
            throw RunError(.data, "\(path): no label for '\(file.printable())'")
        }
        guard (0..<count).contains(index + offset) else {
            throw RunError(
                .data,
                "\(path): class \(index) of '\(file.printable())' with labels.offset \(offset) is not one of the "
                    + "model's \(count) classes; labels that count from 1 need an offset of -1, networks with a "
                    + "background class one of 1")
        }
        return index + offset
    }
}
