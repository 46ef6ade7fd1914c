// SPDX-License-Identifier: Apache-2.0

import Calibration
import Quantization

/// Numbers in full.
extension ReportPage {
    var table: Markup {
        let rows: [Markup] = data.layers.enumerated().map { number, layer in
            """
            <tr><td>\(number + 1)</td><th scope="row">\(layer.name)<small>\(layer.kind)\(layer.biasAdded ? ", bias added" : "")\
            \(layer.skipped.map { ": " + $0 } ?? "")</small></th><td>\(layer.channels)</td>\
            <td>\(layer.deadChannels.isEmpty ? "" : "\(layer.deadChannels.count)")</td>\
            <td>\(NumberText.percent(layer.mssrBefore))</td><td><b>\(NumberText.percent(layer.mssrAfter))</b></td>\
            <td>\(NumberText.percent(layer.rqnsrBefore))</td><td><b>\(NumberText.percent(layer.rqnsrAfter))</b></td>\
            <td>\(NumberText.fixed(layer.sqnrBefore, 1))</td><td><b>\(NumberText.fixed(layer.sqnrAfter, 1))</b></td>\
            <td>\(NumberText.percent(1 - layer.shiftShareAfter))</td></tr>
            """
        }
        return """
            <section><h2>Layers</h2><div class="scroll"><table><thead><tr><th scope="col">#</th><th scope="col">layer</th>\
            <th scope="col">channels</th><th scope="col">dead</th><th scope="col">MSSR before</th><th scope="col">after</th>\
            <th scope="col">rQNSR before</th><th scope="col">after</th><th scope="col">SQNR before, dB</th><th scope="col">after</th>\
            <th scope="col">variance left</th></tr></thead><tbody>\(rows)</tbody></table></div></section>
            """
    }

    /// Ranges, steps, headroom.
    var numbers: Markup {
        guard data.layers.contains(where: { $0.range != nil }) else { return "" }
        let rows: [Markup] = data.layers.enumerated().map { number, layer in
            let range = layer.range
            let used = layer.headroom ?? 0
            return """
                <tr><td>\(number + 1)</td><th scope="row">\(layer.name)</th>\
                <td>\(range.map { NumberText.short(Double($0.lower)) } ?? "")</td><td>\(range.map { NumberText.short(Double($0.upper)) } ?? "")</td>\
                <td>\(range.map { $0.scale > 0 ? NumberText.short(Double($0.scale)) : "float" } ?? "")</td>\
                <td>\(range.map { "\($0.zeroPoint)" } ?? "")</td>\
                <td>\(range.map { $0.scale > 0 && layer.signal > 0 ? NumberText.fixed(layer.signal / Double($0.scale), 0) : "–" } ?? "")</td>\
                <td>\(used > 0 && used < 1e-5 ? "&lt; 0.001 %" as Markup : "\(NumberText.percent(used))")</td>\
                <td class="bar"><svg viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true"><rect class="wash after" width="100" height="8"/>\
                <rect class="shift after" width="\(min(used, 1) * 100)" height="8"/></svg></td></tr>
                """
        }
        let dead: [Markup] = data.run.deadChannels.map {
            """
            <li><b>\($0.layer)</b>: \(NumberText.count($0.channels.count, "channel")) replaced by constants; weight scale \
            \(NumberText.short(Double($0.scaleBefore))) → \(NumberText.short(Double($0.scaleAfter)))</li>
            """
        }
        let deadList: Markup =
            dead.isEmpty ? "<p>No dead channels were removed.</p>" : "<ul>\(dead)</ul>"
        return """
            <section><h2>Ranges and headroom</h2><p>What the float activation reaches, the step of its quantizer, how many steps the root mean \
            square activation covers, and the largest bias as a share of what the int32 accumulator can take without overflow on any \
            input.</p><div class="scroll"><table><thead><tr><th scope="col">#</th><th scope="col">layer</th><th scope="col">lowest</th>\
            <th scope="col">highest</th><th scope="col">step</th><th scope="col">zero point</th><th scope="col">rms, steps</th>\
            <th scope="col">bias / limit</th><th scope="col"><span class="hidden">share</span></th></tr></thead><tbody>\(rows)</tbody></table></div>\
            <h3>Dead channels</h3>\(deadList)</section>
            """
    }

    var settings: Markup {
        func rows(_ pairs: [(String, String)]) -> [Markup] {
            pairs.map { "<tr><th scope=\"row\">\($0.0)</th><td>\($0.1)</td></tr>" }
        }
        let warnings: [Markup] = data.run.warnings.map { "<li>\($0)</li>" }
        let skipped: [Markup] = data.run.skippedImages.prefix(200).map {
            "<li><b>\($0.file)</b>: \($0.reason)</li>"
        }
        let notes: Markup = warnings.isEmpty ? "" : "<h3>Notes</h3><ul>\(warnings)</ul>"
        let images: Markup = skipped.isEmpty ? "" : "<h3>Skipped images</h3><ul>\(skipped)</ul>"
        return """
            <section><h2>The run</h2>\(notes)\(images)<div class="two"><div><h3>Digests (SHA-256)</h3><table class="pairs"><tbody>\
            \(rows(data.run.digests.map { ($0.name, $0.hex) }))</tbody></table></div><div><h3>Time</h3><table class="pairs"><tbody>\
            \(rows(data.run.timings.map { ($0.stage, NumberText.seconds($0.seconds)) }))</tbody></table></div></div>\
            <h3>Configuration</h3><table class="pairs settings"><tbody>\(rows(data.run.settings.map { ($0.key, $0.value) }))</tbody></table></section>
            """
    }
}
