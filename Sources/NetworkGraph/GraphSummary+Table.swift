// SPDX-License-Identifier: Apache-2.0

import PrintableText

extension GraphSummary {
    /// The summary as an aligned text table, ending in a newline.
    package var table: String {
        let header = ["#", "layer", "kind", "reads", "input", "output", "clamp", "params", "MACs"]
        let cells = rows.map { row in
            [
                "\(row.index)", Self.shortened(row.name), row.kind,
                row.inputs.map { "\($0)" }.joined(separator: ","), "\(row.inputShape)",
                "\(row.outputShape)", "\(row.clamp)",
                row.parameters == 0 ? "" : "\(row.parameters)", row.macs == 0 ? "" : "\(row.macs)",
            ]
        }
        let widths = header.indices.map { column in
            ([header] + cells).map { $0[column].count }.max() ?? 0
        }
        let numeric: Set = [0, 7, 8]
        func line(_ cells: [String]) -> String {
            let padded = cells.enumerated().map { column, cell in
                let space = String(repeating: " ", count: widths[column] - cell.count)
                return numeric.contains(column) ? space + cell : cell + space
            }
            let line = padded.joined(separator: "  ")
            return String(line.reversed().drop { $0 == " " }.reversed()) + "\n"
        }
        let ends =
            inputs.map { input in
                let batch = input.batch.map { "\($0)" } ?? "any"
                return "input   \(Self.shortened(input.name)): \(input.shape) "
                    + "(\(input.layout.rawValue.uppercased()) in the file, batch \(batch))\n"
            }
            + zip(outputs, outputShapes).map { output, shape in
                let function =
                    output.function.map { ", then \($0.rawValue), which stays float" } ?? ""
                return "output  \(Self.shortened(output.name)): \(shape)\(function)\n"
            }
        let layers = rows.count
        return """
            \(ends.joined())
            \(line(header))\(cells.map(line).joined())
            \(layers) nodes, \(parameters) parameters, \(macs) MACs (\(Self.scaled(macs)))

            """
    }

    /// Long names lose their beginning, since exporters nest them.
    private static func shortened(_ name: String) -> String {
        let clean = name.printable(bytes: PrintableText.lineBytes)
        return clean.count <= 48 ? clean : "…" + clean.suffix(47)
    }

    /// Three digits or so with a unit.
    private static func scaled(_ count: Int) -> String {
        for (unit, name) in [(1_000_000_000, "G"), (1_000_000, "M"), (1000, "k")]
        where count >= unit {
            let tenths = count / (unit / 10)
            return "\(tenths / 10).\(tenths % 10) \(name)"
        }
        return "\(count)"
    }
}
