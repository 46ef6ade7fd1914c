// SPDX-License-Identifier: Apache-2.0

/// Bytes of a file replaced by others.
package struct ByteEdit: Hashable, Sendable {
    /// What the bytes are.
    package enum Elements: String, Hashable, Sendable { case int32, float, structure }

    /// A tensor, or a part of the file's structure.
    package var name: String
    /// What both the old and the new bytes are.
    package var elements: Elements
    /// Where the old bytes begin in the old file.
    package var offset: Int
    /// What must lie there, or is put back; may be empty.
    package var old: [UInt8]
    /// What takes their place, of any length.
    package var new: [UInt8]

    /// `offset` is one of the old file, in bytes.
    package init(
        name: String, elements: Elements, offset: Int, old: [UInt8], new: [UInt8]
    ) {
        self.name = name
        self.elements = elements
        self.offset = offset
        self.old = old
        self.new = new
    }

    var range: Range<Int> { offset..<offset + old.count }
}

extension [ByteEdit] {
    /// The edits that undo these. They are in ascending order and do not overlap.
    package var inverted: [ByteEdit] {
        var shift = 0
        return map { edit in
            defer { shift += edit.new.count - edit.old.count }
            return ByteEdit(
                name: edit.name, elements: edit.elements, offset: edit.offset + shift,
                old: edit.new, new: edit.old)
        }
    }

    /// The edited bytes; nil where the old bytes are others, or edits overlap.
    package func applied(to bytes: [UInt8]) -> [UInt8]? {
        var result: [UInt8] = []
        result.reserveCapacity(bytes.count)
        var position = 0
        for edit in self {
            // Offsets come from a file: nothing about them is sure.
            guard edit.offset >= position, edit.offset <= bytes.count,
                edit.old.count <= bytes.count - edit.offset,
                bytes[edit.range].elementsEqual(edit.old)
            else { return nil }
            result += bytes[position..<edit.offset]
            result += edit.new
            position = edit.range.upperBound
        }
        result += bytes[position...]
        return result
    }
}
