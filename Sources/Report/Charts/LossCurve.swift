// SPDX-License-Identifier: Apache-2.0

import Calibration

/// The loss of every step of fine-tuning, and on the held-out images after every epoch.
struct LossCurve {
    var tuning: TuningSummary
    var height = 240.0

    var markup: Markup {
        let bottom = height - 40
        let validation = tuning.validationLosses
        let axis = Axis(
            linear: tuning.stepLosses + validation.compactMap { $0 }, includingZero: false,
            from: bottom, to: 28)
        let steps = max(tuning.stepLosses.count, (validation.count - 1) * tuning.stepsPerEpoch, 1)
        func x(_ step: Double) -> Double {
            Plot.left + 10 + step / Double(steps) * (Plot.right - Plot.left - 20)
        }
        var plot = Plot(
            height: height, summary: "Loss of fine-tuning by step", axis: axis,
            axisTitle: "loss per image", label: NumberText.short)
        plot.body.append(
            "<path class=\"line thin\" d=\"\(Self.path(tuning.stepLosses, x: { x($0 + 0.5) }, axis))\"/>"
        )
        let marks = validation.enumerated().compactMap { epoch, loss -> (Int, Double, Double)? in
            loss.map { (epoch, x(Double(epoch * tuning.stepsPerEpoch)), $0) }
        }
        let path = marks.enumerated().map { number, mark in
            "\(number == 0 ? "M" : "L")\(NumberText.coordinate(mark.1)) \(NumberText.coordinate(axis.position(mark.2)))"
        }.joined()
        plot.body.append("<path class=\"line after\" d=\"\(path)\"/>")
        for (epoch, x, loss) in marks {
            let y = axis.position(loss)
            let isBest = epoch == tuning.bestEpoch
            plot.body.append(
                """
                <g><title>after epoch \(epoch): \(NumberText.short(loss))</title>\
                \(Side.after.mark(x: x, y: y, size: isBest ? 6 : 4))</g>
                """)
            if isBest {
                let atEnd = x > Plot.right - 90
                plot.body.append(
                    "<text class=\"direct\" x=\"\(atEnd ? x - 10 : x + 10)\" y=\"\(y - 10)\" text-anchor=\"\(atEnd ? "end" : "start")\">kept: \(NumberText.short(loss))</text>"
                )
            }
        }
        for epoch in 0..<validation.count {
            plot.body.append(
                "<text class=\"tick\" x=\"\(x(Double(epoch * tuning.stepsPerEpoch)))\" y=\"\(bottom + 18)\" text-anchor=\"middle\">\(epoch)</text>"
            )
        }
        plot.body.append(
            "<text class=\"axis\" x=\"\(Plot.right)\" y=\"\(bottom + 34)\" text-anchor=\"end\">epochs done</text>"
        )
        return plot.markup
    }

    /// At most 600 points: means over neighbours.
    private static func path(
        _ values: [Double], x: (Double) -> Double, _ axis: Axis
    ) -> String {
        let group = max((values.count + 599) / 600, 1)
        var path = ""
        for start in stride(from: 0, to: values.count, by: group) {
            let part = values[start..<min(start + group, values.count)].filter(\.isFinite)
            guard !part.isEmpty else { continue }
            let mean = part.reduce(0, +) / Double(part.count)
            path += path.isEmpty ? "M" : "L"
            path +=
                "\(NumberText.coordinate(x(Double(start) + Double(group - 1) / 2))) \(NumberText.coordinate(axis.position(mean)))"
        }
        return path
    }
}
