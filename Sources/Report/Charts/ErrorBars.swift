// SPDX-License-Identifier: Apache-2.0

/// `E[e²] = E[e]² + Var[e]` per layer, as shares of the signal's energy: two stacked bars per
/// layer, before and after.
struct ErrorBars {
    var summary: String
    var names: [String]
    /// `E[e]²` and `E[e²]` over `E[x²]`.
    var before: [(shift: Double, total: Double)]
    var after: [(shift: Double, total: Double)]
    var height = 270.0

    var markup: Markup {
        let columns = LayerColumns(count: names.count)
        let bottom = height - 40
        let axis = Axis(linear: (before + after).map(\.total), from: bottom, to: 28)
        var plot = Plot(
            height: height, summary: summary, axis: axis,
            axisTitle: "error energy as a share of the signal's", label: NumberText.tickPercent)
        let width = max(min(columns.step * 0.38, 22), 1.5)
        for (side, values) in [(Side.before, before), (.after, after)] {
            for (layer, value) in values.enumerated() {
                let x = columns.center(layer) + (side == .before ? -width - 0.5 : 0.5)
                let top = axis.position(value.total)
                let middle = axis.position(value.shift)
                plot.body.append(
                    """
                    <g><title>\(layer + 1). \(names[layer]), \(side.rawValue): shift \(NumberText.percent(value.shift)), \
                    variance \(NumberText.percent(value.total - value.shift))</title>\
                    <rect class="variance \(side.rawValue)" x="\(x)" y="\(top)" width="\(width)" height="\(middle - top)"/>\
                    <rect class="shift \(side.rawValue)" x="\(x)" y="\(middle)" width="\(width)" height="\(bottom - middle)"/></g>
                    """)
            }
        }
        plot.body += columns.labels(y: bottom + 18)
        return plot.markup
    }
}
