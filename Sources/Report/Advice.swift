// SPDX-License-Identifier: Apache-2.0

import Calibration

/// A finding in plain words, with what to try where something can be done. Each follows from the
/// numbers of the run by a fixed rule.
package struct Advice: Hashable, Sendable {
    /// What a finding is to the reader; raw values are classes of the page's style.
    package enum Kind: String, Sendable {
        /// What the correction achieved.
        case helped
        /// Something to try.
        case next
        /// Something to look at before the model is used.
        case caution
    }

    /// Rules by name; a rule speaks at most once.
    package enum Rule: String, Sendable, CaseIterable {
        case helped, uncorrected, worsened, variance, residualShift, weakestLayer, keptDeadChannels
        case fewImages, narrowSignal, headroom, skippedLayers, tuningKeptStart, tuningStillFalling
        case guardKept, guardTookBack, tuningDiverged, tryTuning, skippedImages
    }

    /// Why it is given.
    package var rule: Rule
    /// What it is to the reader.
    package var kind: Kind
    /// The finding, in whole sentences.
    package var text: String
    /// Flags or keys to try; nil where there is nothing to try.
    package var remedy: String?

    /// Share of the error's energy that makes shift worth more images.
    static let muchShift = 0.25
    /// Below this, in dB, a layer's error is worth mentioning.
    static let lowSQNR = 20.0
    /// Bias as a share of what int32 can hold.
    static let fullHeadroom = 0.5
    /// Root mean square signal in steps of the layer's quantizer.
    static let fewSteps = 4.0

    /// - Returns: what the data says, what helped first.
    package static func find(in data: ReportData) -> [Advice] {
        correction(data) + guarding(data) + noise(data) + ranges(data) + tuning(data) + images(data)
    }

    private static func names(_ layers: [Ledger.Layer]) -> String {
        // The worst first.
        let first = layers.sorted { $0.sqnrAfter < $1.sqnrAfter }.prefix(2).map(\.name)
            .joined(separator: ", ")
        return layers.count > 2 ? first + " and \(layers.count - 2) more" : first
    }

    // MARK: Rules

    private static func correction(_ data: ReportData) -> [Advice] {
        var found: [Advice] = []
        guard data.corrects else {
            return [
                Advice(
                    rule: .uncorrected, kind: .next,
                    text: "Nothing was corrected: this run only quantized the network. A mean of "
                        + "\(NumberText.percent(data.mean(\.mssrAfter))) of the signal is shift that a bias can take out.",
                    remedy: "--method ibc")
            ]
        }
        let before = data.mean(\.mssrBefore)
        let after = data.mean(\.mssrAfter)
        if after < before {
            found.append(
                Advice(
                    rule: .helped, kind: .helped,
                    text:
                        "Correcting biases took the mean shift from \(NumberText.percent(before)) of the signal to "
                        + "\(NumberText.percent(after)), and the mean error from \(NumberText.percent(data.mean(\.rqnsrBefore))) to "
                        + "\(NumberText.percent(data.mean(\.rqnsrAfter)))."))
        }
        let worse = data.layers.filter { $0.sqnrAfter < $0.sqnrBefore - 0.1 }
        if !worse.isEmpty {
            found.append(
                Advice(
                    rule: .worsened, kind: .caution,
                    text:
                        "The error became larger in \(NumberText.count(worse.count, "layer")) (\(names(worse))). "
                        + "That can happen where a few images stand for all, or where fine-tuning trades a layer for the output."
                ))
        }
        let skipped = data.layers.filter { $0.skipped != nil }
        if !skipped.isEmpty, data.ledger.method.contains("ibc") {
            found.append(
                Advice(
                    rule: .skippedLayers, kind: .caution,
                    text:
                        "Bias correction left \(NumberText.count(skipped.count, "layer")) or some of its channels alone: \(names(skipped))."
                ))
        }
        return found
    }

    private static func guarding(_ data: ReportData) -> [Advice] {
        guard let guarding = data.ledger.guarding else { return [] }
        var found: [Advice] = []
        let images = NumberText.count(guarding.images, "held-out image")
        if let before = guarding.lossBefore, let after = guarding.lossAfter, after < before {
            found.append(
                Advice(
                    rule: .guardKept, kind: .helped,
                    text:
                        "On \(images), which no correction saw, the squared error of the output fell from "
                        + "\(NumberText.percent(before)) to \(NumberText.percent(after)) of the signal."
                ))
        }
        var rejected: [String] = []
        if !guarding.rejectedLayers.isEmpty {
            rejected.append(
                "the correction of \(NumberText.count(guarding.rejectedLayers.count, "layer"))")
        }
        if guarding.rejectsTuning { rejected.append("the result of fine-tuning") }
        if !rejected.isEmpty {
            found.append(
                Advice(
                    rule: .guardTookBack, kind: .caution,
                    text: "Taken back, since \(images) became worse: "
                        + rejected.joined(separator: " and ") + ".",
                    remedy: "more images behind the correction (--ibc-images, --bft-images)"))
        }
        return found
    }

    private static func noise(_ data: ReportData) -> [Advice] {
        var found: [Advice] = []
        let low = data.layers.filter { $0.sqnrAfter < lowSQNR }
        let varying = low.filter { $0.shiftShareAfter < 0.1 }
        if data.corrects, !varying.isEmpty {
            let remedy: String
            if !data.isPerChannel {
                remedy =
                    "--granularity channel --weights symmetric, where the runtime takes one weight scale per channel"
            } else if let bits = data.setting("weights.bits").flatMap({ Int($0) }), bits < 8 {
                remedy = "more bits per weight (weights.bits, now \(bits))"
            } else {
                remedy =
                    "fine-tuning (--method ibc,bft), which lets biases compensate across layers"
            }
            found.append(
                Advice(
                    rule: .variance, kind: .next,
                    text:
                        "In \(NumberText.count(varying.count, "layer")) (\(names(varying))) the error that is left is above "
                        + "\(NumberText.fixed(100 * (1 - 0.1), 0)) % variance and the SQNR below \(NumberText.fixed(lowSQNR, 0)) dB. "
                        + "A bias cannot remove variance; finer weights can.",
                    remedy: remedy))
        }
        let shifted = low.filter { $0.shiftShareAfter >= muchShift }
        if data.corrects, !shifted.isEmpty {
            found.append(
                Advice(
                    rule: .residualShift, kind: .next,
                    text: "A quarter or more of the error is still shift in \(names(shifted)).",
                    remedy: data.ledger.match == "pre"
                        ? "--match post"
                        : "more images (--ibc-images), or fine-tuning (--method ibc,bft)"))
        }
        if data.layers.count > 1,
            let weakest = data.layers.min(by: { $0.sqnrAfter < $1.sqnrAfter }),
            weakest.sqnrAfter.isFinite
        {
            found.append(
                Advice(
                    rule: .weakestLayer, kind: .caution,
                    text:
                        "The layer with the lowest SQNR is \(weakest.name): \(NumberText.decibels(weakest.sqnrAfter)) after, "
                        + "\(NumberText.decibels(weakest.sqnrBefore)) before."))
        }
        return found
    }

    private static func ranges(_ data: ReportData) -> [Advice] {
        var found: [Advice] = []
        if data.setting("dead_channels.remove") == "false", !data.isPerChannel {
            found.append(
                Advice(
                    rule: .keptDeadChannels, kind: .next,
                    text:
                        "Dead channels were kept. Where one has huge weights, they set the one scale of its whole layer.",
                    remedy: "without --keep-dead-channels"))
        }
        let coarse = data.layers.filter { layer in
            guard let range = layer.range, range.scale > 0 else { return false }
            return layer.signal > 0 && layer.signal / Double(range.scale) < fewSteps
        }
        if !coarse.isEmpty {
            found.append(
                Advice(
                    rule: .narrowSignal, kind: .caution,
                    text:
                        "The typical activation covers fewer than \(NumberText.fixed(fewSteps, 0)) of the 256 steps in "
                        + "\(names(coarse)): rare peaks set the range."))
        }
        let full = data.layers.filter { ($0.headroom ?? 0) > fullHeadroom }
        if !full.isEmpty {
            found.append(
                Advice(
                    rule: .headroom, kind: .caution,
                    text:
                        "Biases use more than half of what the int32 accumulator can hold in \(names(full)). "
                        + "They are safe, but further corrections may not fit."))
        }
        return found
    }

    private static func tuning(_ data: ReportData) -> [Advice] {
        guard let tuning = data.ledger.tuning else {
            guard data.ledger.method == "ibc",
                data.layers.contains(where: { $0.sqnrAfter < lowSQNR })
            else { return [] }
            return [
                Advice(
                    rule: .tryTuning, kind: .next,
                    text:
                        "Fine-tuning was not tried. It optimizes all biases together for the output, on a few hundred unlabeled images.",
                    remedy: "--method ibc,bft")
            ]
        }
        var found: [Advice] = []
        if tuning.bestEpoch == 0 {
            found.append(
                Advice(
                    rule: .tuningKeptStart, kind: .next,
                    text: "No epoch of fine-tuning beat its start, which was kept.",
                    remedy: "more images (--bft-images) or a lower --learning-rate"))
        } else if tuning.bestEpoch == tuning.validationLosses.count - 1, tuning.ending == .completed
        {
            found.append(
                Advice(
                    rule: .tuningStillFalling, kind: .next,
                    text: "Fine-tuning was best after its last epoch: the loss may fall further.",
                    remedy: "more --epochs"))
        }
        if !tuning.divergedEpochs.isEmpty {
            found.append(
                Advice(
                    rule: .tuningDiverged, kind: .caution,
                    text:
                        "Fine-tuning diverged and was rolled back \(NumberText.count(tuning.divergedEpochs.count, "time")).",
                    remedy: "a lower --learning-rate"))
        }
        return found
    }

    private static func images(_ data: ReportData) -> [Advice] {
        var found: [Advice] = []
        if data.run.images < 16 {
            found.append(
                Advice(
                    rule: .fewImages, kind: .next,
                    text:
                        "Ranges come from \(NumberText.count(data.run.images, "image")) only: values that others reach are cut off.",
                    remedy: "more images in the folder (--limit, --range-images; 64 by default)"))
        }
        if !data.run.skippedImages.isEmpty {
            found.append(
                Advice(
                    rule: .skippedImages, kind: .caution,
                    text:
                        "\(NumberText.count(data.run.skippedImages.count, "image")) could not be read and "
                        + "did not count; they are listed below."))
        }
        return found
    }
}
