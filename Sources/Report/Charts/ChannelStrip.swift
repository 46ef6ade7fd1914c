// SPDX-License-Identifier: Apache-2.0

/// The signed shift of every channel of one layer, sorted by what it was before: a bar before, a
/// bar after.
struct ChannelStrip {
    /// Shares of the layer's root mean square signal.
    var before: [Double]
    var after: [Double]

    /// Most points drawn; beyond, neighbours are represented by the one with the larger shift.
    static let limit = 120

    var markup: Markup {
        let order = before.indices.sorted { (before[$0], $0) < (before[$1], $1) }
        let group = max((order.count + Self.limit - 1) / Self.limit, 1)
        let points = stride(from: 0, to: order.count, by: group).map { start in
            let members = order[start..<min(start + group, order.count)]
            func largest(_ values: [Double]) -> Double {
                members.map { values[$0] }.max { abs($0) < abs($1) } ?? 0
            }
            return (before: largest(before), after: largest(after))
        }
        let span = max(points.reduce(0) { max($0, abs($1.before), abs($1.after)) }, 1e-9)
        let step = 240 / Double(max(points.count, 1))
        func path(_ value: (Int) -> Double) -> String {
            points.indices.map {
                let x = NumberText.coordinate((Double($0) + 0.5) * step)
                return "M\(x) 26V\(NumberText.coordinate(26 - value($0) / span * 24))"
            }.joined()
        }
        let width = max(step * 0.8, 0.6)
        return """
            <svg viewBox="0 0 240 52" role="img" aria-label="Shift of each channel"><path class="strip before" \
            stroke-width="\(width)" d="\(path { points[$0].before })"/><path class="strip after" \
            stroke-width="\(max(width * 0.55, 0.5))" d="\(path { points[$0].after })"/>\
            <line class="zero" x1="0" x2="240" y1="26" y2="26"/></svg><small>largest \(NumberText.percent(span))</small>
            """
    }
}
