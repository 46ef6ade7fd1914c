// SPDX-License-Identifier: Apache-2.0

/// The paper's figure: how a quantity spreads over each layer's channels, before and after.
///
/// Thin line: 10 to 90 % of the channels; thick: 25 to 75 %; mark: the median.
struct ChannelBoxes {
    var title: String
    var summary: String
    var names: [String]
    var before: [[Double]]
    var after: [[Double]]
    var height = 300.0

    var markup: Markup {
        let columns = LayerColumns(count: names.count)
        let bottom = height - 40
        let spreads = [before, after].map { $0.map { Quantiles(of: $0) } }
        let axis = Axis(
            logarithmic: spreads.flatMap { $0 }.flatMap { [$0.low, $0.median, $0.high] },
            decades: 5, from: bottom, to: 28)
        var plot = Plot(
            height: height, summary: summary, axis: axis, axisTitle: title,
            label: NumberText.tickPercent)
        let offset = min(columns.step * 0.2, 9)
        let width = max(min(columns.step * 0.26, 9), 2)
        for (side, quantiles) in zip(Side.allCases, spreads) {
            for (layer, spread) in quantiles.enumerated() {
                let x = columns.center(layer) + (side == .before ? -offset : offset)
                func y(_ value: Double) -> Double { axis.position(value) }
                let mark = side.mark(x: x, y: y(spread.median), size: min(width * 0.42, 3))
                plot.body.append(
                    """
                    <g class="box \(side.rawValue)"><title>\(layer + 1). \(names[layer]), \(side.rawValue): median \
                    \(NumberText.percent(spread.median)), 90 % of channels below \(NumberText.percent(spread.high))</title>\
                    <line class="whisker" x1="\(x)" x2="\(x)" y1="\(y(spread.low))" y2="\(y(spread.high))"/>\
                    <line class="quartiles" stroke-width="\(width)" x1="\(x)" x2="\(x)" y1="\(y(spread.lowerQuarter))" \
                    y2="\(y(spread.upperQuarter) - 0.5)"/>\(mark)</g>
                    """)
            }
        }
        plot.body += columns.labels(y: bottom + 18)
        return plot.markup
    }
}

/// Nearest-rank quantiles of the finite values.
struct Quantiles: Hashable {
    var low = 0.0
    var lowerQuarter = 0.0
    var median = 0.0
    var upperQuarter = 0.0
    var high = 0.0

    init(of values: [Double]) {
        let sorted = values.filter(\.isFinite).sorted()
        guard !sorted.isEmpty else { return }
        func at(_ share: Double) -> Double {
            sorted[Int((Double(sorted.count - 1) * share).rounded())]
        }
        (low, lowerQuarter, median, upperQuarter, high) =
            (at(0.1), at(0.25), at(0.5), at(0.75), at(0.9))
    }
}
