// SPDX-License-Identifier: Apache-2.0

import Cluster

/// Which worker returned how many shards when: a row per worker, a bar per bin, as high as its
/// number of shards.
struct TimelineChart {
    var timeline: WorkerTimeline

    var markup: Markup {
        let row = 26.0
        let top = 44.0
        let left = 190.0
        let bottom = top + Double(timeline.workers.count) * row
        let end = max(timeline.end, 1e-3)
        let axis = Axis(linear: [0, end], ticks: 6, from: left, to: 830)
        func x(_ time: Double) -> Double { axis.position(time) }
        let tallest = Double(timeline.workers.flatMap(\.shards).max() ?? 1)
        var body: [Markup] = axis.ticks.map {
            """
            <line class="grid" x1="\(x($0))" x2="\(x($0))" y1="\(top - 6)" y2="\(bottom)"/>\
            <text class="tick" x="\(x($0))" y="\(bottom + 16)" text-anchor="middle">\(NumberText.short($0))\u{A0}s</text>
            """
        }
        for (number, stage) in timeline.stages.enumerated() {
            let from = x(stage.start)
            let width = max(x(stage.end) - from, 1)
            body.append(
                """
                <g><title>\(stage.name): \(NumberText.count(stage.rounds, "round")), \(NumberText.seconds(stage.end - stage.start))</title>\
                <rect class="stage s\(number % 2)" x="\(from)" y="14" width="\(width)" height="16"/></g>
                """)
            if width > Double(stage.name.count) * 7 {
                body.append(
                    "<text class=\"stagename\" x=\"\(from + 5)\" y=\"26\">\(stage.name)</text>")
            }
        }
        for (number, worker) in timeline.workers.enumerated() {
            let base = top + Double(number + 1) * row - 4
            let name =
                worker.worker.count > 28 ? worker.worker.prefix(27) + "…" : worker.worker[...]
            body.append(
                """
                <g><title>\(worker.worker)</title><text class="tick" x="\(left - 10)" y="\(base - 4)" text-anchor="end">\(String(name))</text></g>\
                <line class="grid" x1="\(left)" x2="830" y1="\(base)" y2="\(base)"/>\
                <text class="direct" x="894" y="\(base - 4)" text-anchor="end">\(worker.total)</text>
                """)
            body += worker.shards.enumerated().filter { $0.element > 0 }.map { bin, shards in
                let from = x(Double(bin) * timeline.binWidth)
                let width = max(x(Double(bin + 1) * timeline.binWidth) - from - 0.3, 0.6)
                let height = max(Double(shards) / max(tallest, 1) * (row - 8), 1.5)
                return
                    "<rect class=\"shift after\" x=\"\(from)\" y=\"\(base - height)\" width=\"\(width)\" height=\"\(height)\"/>"
            }
        }
        return """
            <div class="chart"><svg viewBox="0 0 900 \(bottom + 24)" role="img" aria-label="Shards per worker over time">
            <text class="axis" x="894" y="26" text-anchor="end">shards</text>\(body)</svg></div>
            """
    }
}
