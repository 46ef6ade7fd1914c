// SPDX-License-Identifier: Apache-2.0

/// The Python dictionary at the start of a `.npy` file, versions 1 and 2.
struct NumpyHeader: Equatable {
    var descriptor: String
    var isFortranOrder: Bool
    var shape: [Int]

    /// Parses `{'descr': '<f4', 'fortran_order': False, 'shape': (3, 224, 224), }`, keys in any
    /// order. Nil if it is anything else.
    init?(_ text: [UInt8]) {
        var scanner = Scanner(text: text)
        var descriptor: String?
        var isFortranOrder: Bool?
        var shape: [Int]?
        guard scanner.take("{") else { return nil }
        while !scanner.take("}") {
            guard let key = scanner.string(), scanner.take(":") else { return nil }
            switch key {
            case "descr" where descriptor == nil: descriptor = scanner.string()
            case "fortran_order" where isFortranOrder == nil: isFortranOrder = scanner.boolean()
            case "shape" where shape == nil: shape = scanner.tuple()
            default: return nil
            }
            if !scanner.take(",") {
                guard scanner.take("}") else { return nil }
                break
            }
        }
        guard scanner.isAtEnd, let descriptor, let isFortranOrder, let shape else { return nil }
        self.descriptor = descriptor
        self.isFortranOrder = isFortranOrder
        self.shape = shape
    }
}

/// Reads the few literals of that dictionary, skipping white space in front of each.
private struct Scanner {
    let text: [UInt8]
    var position = 0

    init(text: [UInt8]) { self.text = text }

    private mutating func skipSpace() {
        while position < text.count, [0x20, 0x09, 0x0A, 0x0D].contains(text[position]) {
            position += 1
        }
    }

    var isAtEnd: Bool {
        mutating get {
            skipSpace()
            return position == text.count
        }
    }

    /// Consumes `word` if it is next.
    mutating func take(_ word: String) -> Bool {
        skipSpace()
        guard text[position...].starts(with: word.utf8) else { return false }
        position += word.utf8.count
        return true
    }

    mutating func string() -> String? {
        skipSpace()
        guard position < text.count, text[position] == 0x27 || text[position] == 0x22 else {
            return nil
        }
        let quote = text[position]
        guard let end = text[(position + 1)...].firstIndex(of: quote) else { return nil }
        defer { position = end + 1 }
        return String(validating: text[position + 1..<end], as: UTF8.self)
    }

    mutating func boolean() -> Bool? {
        if take("True") { return true }
        return take("False") ? false : nil
    }

    mutating func tuple() -> [Int]? {
        guard take("(") else { return nil }
        var values: [Int] = []
        while !take(")") {
            guard let value = integer() else { return nil }
            values.append(value)
            if !take(",") {
                guard take(")") else { return nil }
                break
            }
        }
        return values
    }

    private mutating func integer() -> Int? {
        skipSpace()
        let digits = text[position...].prefix { (0x30...0x39).contains($0) }
        position += digits.count
        return Int(String(decoding: digits, as: UTF8.self))
    }
}
