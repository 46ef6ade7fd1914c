// SPDX-License-Identifier: Apache-2.0

/// A table with aligned columns; numbers to the right.
package struct TextTable: Sendable {
    /// A cell for each column; may be empty.
    package var header: [String]
    /// As many cells as the header each.
    package var rows: [[String]] = []
    /// Columns aligned to the left; all others to the right.
    package var leftColumns: Set<Int>

    /// Without rows.
    package init(header: [String], leftColumns: Set<Int> = [0]) {
        self.header = header
        self.leftColumns = leftColumns
    }

    /// Header, rule and rows, a line each; cells are made printable.
    package var text: String {
        let all = ([header] + rows).map { $0.map { $0.printable() } }
        let widths = header.indices.map { column in all.map { $0[column].count }.max() ?? 0 }
        func line(_ cells: [String]) -> String {
            cells.enumerated().map { column, cell in
                let padding = String(repeating: " ", count: widths[column] - cell.count)
                return leftColumns.contains(column) ? cell + padding : padding + cell
            }.joined(separator: "  ").trimmingTrailingSpaces
        }
        let rule = widths.map { String(repeating: "─", count: $0) }.joined(separator: "  ")
        return ([line(all[0]), rule] + all.dropFirst().map(line)).joined(separator: "\n")
    }
}

extension String {
    fileprivate var trimmingTrailingSpaces: String {
        var text = self
        while text.last == " " { text.removeLast() }
        return text
    }
}
