// SPDX-License-Identifier: Apache-2.0

/// Frame shared by all charts with a value axis at the left: grid, tick labels, title of the axis,
/// and what is drawn inside.
struct Plot {
    static let width = 900.0
    static let left = 64.0
    static let right = 880.0

    /// Of the whole picture.
    var height: Double
    /// What a reader who cannot see it is told.
    var summary: String
    var axis: Axis
    var axisTitle: String
    var label: (Double) -> String
    var body: [Markup] = []

    var markup: Markup {
        let grid: [Markup] = axis.ticks.map { tick in
            let y = axis.position(tick)
            return """
                <line class="grid" x1="\(Self.left)" x2="\(Self.right)" y1="\(y)" y2="\(y)"/>\
                <text class="tick" x="\(Self.left - 8)" y="\(y + 4)" text-anchor="end">\(label(tick))</text>
                """
        }
        return """
            <div class="chart"><svg viewBox="0 0 \(Self.width) \(height)" role="img" aria-label="\(summary)">
            <text class="axis" x="0" y="12">\(axisTitle)</text>
            \(grid)\(body)</svg></div>
            """
    }
}

/// Places the layers along the bottom of a plot, by their number.
struct LayerColumns {
    let count: Int
    var step: Double { (Plot.right - Plot.left) / Double(max(count, 1)) }
    func center(_ layer: Int) -> Double { Plot.left + (Double(layer) + 0.5) * step }
    /// Largest width of a mark.
    var markWidth: Double { min(step * 0.36, 16) }

    /// Numbers below the plot, as many as fit.
    func labels(y: Double) -> [Markup] {
        let stride = [1, 2, 5, 10, 20, 50, 100].first { Double($0) * step >= 24 } ?? 200
        return (0..<count).filter { ($0 + 1) % stride == 0 || (stride > 1 && $0 == 0) }.map {
            "<text class=\"tick\" x=\"\(center($0))\" y=\"\(y)\" text-anchor=\"middle\">\($0 + 1)</text>"
        } + [
            "<text class=\"axis\" x=\"\(Plot.right)\" y=\"\(y + 16)\" text-anchor=\"end\">layer, in order of computation</text>"
        ]
    }
}

/// The two states every chart compares: told apart by color, shape and side.
enum Side: String, CaseIterable {
    case before, after

    func mark(x: Double, y: Double, size: Double) -> Markup {
        switch self {
        case .before: "<circle class=\"mark before\" cx=\"\(x)\" cy=\"\(y)\" r=\"\(size)\"/>"
        case .after:
            "<rect class=\"mark after\" x=\"\(x - size)\" y=\"\(y - size)\" width=\"\(2 * size)\" height=\"\(2 * size)\"/>"
        }
    }
}
