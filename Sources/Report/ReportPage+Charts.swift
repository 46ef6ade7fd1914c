// SPDX-License-Identifier: Apache-2.0

import Calibration
import Cluster

/// The charts by layer.
extension ReportPage {
    var quality: Markup {
        let chart = LayerLines(
            title: "SQNR, dB (higher is better)",
            summary: "SQNR of every layer before and after correction",
            names: names, before: data.layers.map(\.sqnrBefore),
            after: data.layers.map(\.sqnrAfter),
            format: { NumberText.fixed($0, $0 == $0.rounded() ? 0 : 1) })
        return """
            <section><h2>Signal to noise, layer by layer</h2><p>Every layer's output against the float network's, over \
            \(NumberText.count(data.ledger.images, "image")). 6 dB are a factor of two in the error.</p>\(Self.legend)\(chart.markup)</section>
            """
    }

    var shift: Markup {
        let boxes = ChannelBoxes(
            title: "|shift| / signal, by channel (logarithmic)",
            summary: "Distribution of the shift over the channels of every layer",
            names: names, before: data.layers.map { $0.channel.mssrBefore.map(Double.init) },
            after: data.layers.map { $0.channel.mssrAfter.map(Double.init) })
        let mean = LayerLines(
            title: "MSSR: shift / signal of the layer (logarithmic)",
            summary: "MSSR of every layer", names: names,
            before: data.layers.map(\.mssrBefore), after: data.layers.map(\.mssrAfter),
            isLogarithmic: true, format: NumberText.percent)
        return """
            <section><h2>The shift a bias can take out</h2><p>Quantization moves the mean of a channel. Each column is a layer: the \
            thin line spans 10 to 90 % of its channels, the thick one 25 to 75 %, the mark is the median. Values below the axis \
            stand on it.</p>\(Self.legend)\(boxes.markup)\(mean.markup)</section>
            """
    }

    var energy: Markup {
        func parts(_ shift: Double, _ noise: Double) -> (shift: Double, total: Double) {
            (min(shift * shift, noise * noise), noise * noise)
        }
        let bars = ErrorBars(
            summary: "Error of every layer, split into shift and variance", names: names,
            before: data.layers.map { parts($0.mssrBefore, $0.rqnsrBefore) },
            after: data.layers.map { parts($0.mssrAfter, $0.rqnsrAfter) })
        let noise = LayerLines(
            title: "rQNSR: error / signal of the layer (logarithmic)",
            summary: "rQNSR of every layer", names: names,
            before: data.layers.map(\.rqnsrBefore), after: data.layers.map(\.rqnsrAfter),
            isLogarithmic: true, format: NumberText.percent)
        return """
            <section><h2>Shift and variance</h2><p>The error splits exactly, E[e²] = E[e]² + Var[e]. Solid is shift, which a bias \
            removes; hatched is variance, which it cannot. Left bar before, right bar after.</p>
            <svg class="defs" aria-hidden="true"><defs>\
            <pattern id="hatch-before" width="5" height="5" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">\
            <rect class="wash before" width="5" height="5"/><line class="hatch before" x1="0" x2="0" y1="0" y2="5"/></pattern>\
            <pattern id="hatch-after" width="5" height="5" patternUnits="userSpaceOnUse" patternTransform="rotate(-45)">\
            <rect class="wash after" width="5" height="5"/><line class="hatch after" x1="0" x2="0" y1="0" y2="5"/></pattern></defs></svg>
            <p class="legend">\(key("shift before"))\(key("variance before"))\(key("shift after"))\(key("variance after"))</p>
            \(bars.markup)\(noise.markup)</section>
            """
    }

    private func key(_ name: String) -> Markup {
        """
        <span><svg viewBox="0 0 12 12"><rect class="\(name)" width="12" height="12"/></svg> \(name)</span>
        """
    }

    var tuning: Markup {
        guard let tuning = data.ledger.tuning else { return "" }
        let images =
            tuning.validationImages > 0
            ? NumberText.count(tuning.validationImages, "held-out image") : "the training images"
        return """
            <section><h2>Fine-tuning</h2><p>Thin line: loss of every step on its batch. Squares: loss on \(images) after every epoch; \
            the large one was kept. \(NumberText.count(tuning.images, "image")), \
            \(NumberText.count(tuning.stepsPerEpoch, "step")) per epoch. Outcome: loss \(NumberText.short(tuning.startLoss)) at the \
            start, \(NumberText.short(tuning.bestLoss)) at its best (epoch \(tuning.bestEpoch)).</p>\
            \(LossCurve(tuning: tuning).markup)</section>
            """
    }

    var channels: Markup {
        let strips: [Markup] = data.layers.enumerated().map { number, layer in
            let signal = layer.signal
            func shares(_ shifts: [Float]) -> [Double] {
                shifts.map { signal > 0 ? Double($0) / signal : 0 }
            }
            let strip = ChannelStrip(
                before: shares(layer.channel.shiftBefore), after: shares(layer.channel.shiftAfter))
            return
                "<figure><figcaption>\(number + 1). \(layer.name)</figcaption>\(strip.markup)</figure>"
        }
        return """
            <section><h2>Every channel</h2><p>Signed shift of each channel as a share of its layer's signal, sorted by what it was \
            before; wide bars before, narrow ones after. Each picture has its own scale; of more than \
            \(ChannelStrip.limit) channels the largest neighbours are drawn.</p><div class="strips">\(strips)</div></section>
            """
    }

    var timeline: Markup {
        guard let timeline = data.timeline, !timeline.workers.isEmpty else { return "" }
        return """
            <section><h2>Who computed when</h2><p>A bar for every \(NumberText.seconds(timeline.binWidth)), as high as the number of \
            shards that came back in it. A resumed run shows its own part.</p>\(TimelineChart(timeline: timeline).markup)</section>
            """
    }
}
