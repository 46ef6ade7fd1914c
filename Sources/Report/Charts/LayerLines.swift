// SPDX-License-Identifier: Apache-2.0

/// One value per layer before and after, as two lines with marks.
struct LayerLines {
    var title: String
    var summary: String
    var names: [String]
    var before: [Double]
    var after: [Double]
    var isLogarithmic = false
    var format: (Double) -> String
    var height = 240.0

    var markup: Markup {
        let columns = LayerColumns(count: names.count)
        let bottom = height - 40
        let axis =
            isLogarithmic
            ? Axis(logarithmic: before + after, from: bottom, to: 28)
            : Axis(linear: before + after, from: bottom, to: 28)
        let size = names.count > 70 ? 2.0 : 3.6
        var plot = Plot(
            height: height, summary: summary, axis: axis, axisTitle: title,
            label: isLogarithmic ? NumberText.tickPercent : format)
        for (side, values) in [(Side.before, before), (.after, after)] {
            let points = values.indices.filter { values[$0].isFinite }.map {
                (x: columns.center($0), y: axis.position(values[$0]), layer: $0)
            }
            let path = points.enumerated().map { number, point in
                "\(number == 0 ? "M" : "L")\(NumberText.coordinate(point.x)) \(NumberText.coordinate(point.y))"
            }.joined()
            plot.body.append("<path class=\"line \(side.rawValue)\" d=\"\(path)\"/>")
            plot.body += points.map { point in
                let name: String = names[point.layer]
                return """
                    <g><title>\(point.layer + 1). \(name), \(side.rawValue): \(format(values[point.layer]))</title>\
                    \(side.mark(x: point.x, y: point.y, size: size))</g>
                    """
            }
        }
        plot.body += columns.labels(y: bottom + 18)
        return plot.markup
    }
}
