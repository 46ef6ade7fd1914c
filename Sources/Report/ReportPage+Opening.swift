// SPDX-License-Identifier: Apache-2.0

import Calibration
import Quantization

/// What happened, and what it means.
extension ReportPage {
    var names: [String] { data.layers.map(\.name) }

    static let legend: Markup = """
        <p class="legend"><span><svg viewBox="0 0 12 12"><circle class="mark before" cx="6" cy="6" r="4"/></svg> before: quantized, \
        dead channels handled, biases as rounded</span><span><svg viewBox="0 0 12 12"><rect class="mark after" x="2" y="2" width="8" height="8"/></svg> after: \
        the exported model</span></p>
        """

    private var headline: String {
        let before = data.mean(\.mssrBefore)
        let after = data.mean(\.mssrAfter)
        guard data.corrects else { return "Quantized, not corrected" }
        guard after < before else { return "The correction did not reduce the shift" }
        if after <= 0 { return "The shift is gone" }
        let factor = before / after
        guard factor >= 1.1 else { return "The shift hardly changed" }
        return "\(NumberText.fixed(factor, factor < 10 ? 1 : 0)) times less shift"
    }

    private var methodText: String {
        switch data.ledger.method {
        case "ibc": "iterative bias correction (IBC)"
        case "bft": "bias fine-tuning (BFT)"
        case "ibc,bft": "iterative bias correction and fine-tuning (IBC, BFT)"
        default: "no correction"
        }
    }

    var header: Markup {
        let bits = data.setting("weights.bits") ?? "8"
        let scale =
            data.isPerChannel
            ? "one weight scale per output channel" : "one weight scale per tensor"
        let channels = data.layers.reduce(0) { $0 + $1.channels }
        let dead = data.run.deadChannels.reduce(0) { $0 + $1.channels.count }
        return """
            <header><p class="eyebrow">Counterbias · calibration report</p><h1>\(headline)</h1>
            <p class="lead"><b>\(data.modelName)</b> was quantized to 8-bit activations and \(bits)-bit weights (\(scale)), with \
            \(methodText) over \(NumberText.count(data.layers.count, "layer")) and \(NumberText.count(channels, "channel")). \
            \(data.ledger.equalization == nil ? "" : "Its channels were equalized first. ")\
            Before and after differ in biases only. Shift and error are those on \
            \(NumberText.count(data.ledger.images, "calibration image")).</p>
            <div class="figures">
            \(figure("shift / signal", data.mean(\.mssrBefore), data.mean(\.mssrAfter), "mean over layers (MSSR)"))
            \(figure("error / signal", data.mean(\.rqnsrBefore), data.mean(\.rqnsrAfter), "mean over layers (rQNSR)"))
            \(outputFigure)
            <div><small>run</small><strong>\(NumberText.seconds(data.run.timings.last?.seconds ?? 0))</strong>\
            <small>\(NumberText.count(data.run.images, "image")), \(NumberText.count(data.run.rounds, "round"))\
            \(dead > 0 ? ", " + NumberText.count(dead, "dead channel") + " removed" : "")</small></div>
            </div></header>
            """
    }

    private func figure(_ name: String, _ before: Double, _ after: Double, _ unit: String) -> Markup
    {
        """
        <div><small>\(name)</small><strong><span class="was">\(NumberText.percent(before))</span> → \(NumberText.percent(after))</strong>\
        <small>\(unit)</small></div>
        """
    }

    private var outputFigure: Markup {
        guard let last = data.layers.last else { return "" }
        return """
            <div><small>SQNR of the last layer</small><strong><span class="was">\(NumberText.fixed(last.sqnrBefore, 1))</span> → \
            \(NumberText.decibels(last.sqnrAfter))</strong><small>\(last.name)</small></div>
            """
    }

    var advice: Markup {
        let all = Advice.find(in: data)
        func list(_ kinds: [Advice.Kind]) -> Markup {
            let items: [Markup] = all.filter { kinds.contains($0.kind) }.map { advice in
                let symbol =
                    switch advice.kind {
                    case .helped: "✓"
                    case .next: "→"
                    case .caution: "!"
                    }
                let remedy: Markup =
                    advice.remedy.map { "<br/><span class=\"try\">Try: \($0).</span>" } ?? ""
                return
                    "<li class=\"\(advice.kind.rawValue)\"><b>\(symbol)</b><span>\(advice.text)\(remedy)</span></li>"
            }
            return items.isEmpty
                ? "<p>Nothing stands out.</p>" : "<ul class=\"advice\">\(items)</ul>"
        }
        return """
            <section><h2>What helped, what to know, what to try next</h2><div class="two"><div><h3>Findings</h3>\
            \(list([.helped, .caution]))</div><div><h3>To try next</h3>\(list([.next]))</div></div></section>
            """
    }
}
