// SPDX-License-Identifier: Apache-2.0

import Calibration
import Foundation
import Testing

@testable import Report

/// Every rule: once where it speaks, once where it is silent.
@Suite struct AdviceTests {
    private func speaks(_ rule: Advice.Rule, _ data: ReportData) -> Bool {
        Advice.find(in: data).contains { $0.rule == rule }
    }

    @Test func whatHelped() {
        #expect(speaks(.helped, Samples.data()))
        #expect(
            !speaks(.helped, Samples.data([Samples.layer(mssr: (0.1, 0.2), rqnsr: (0.3, 0.3))])))
    }

    @Test func uncorrected() {
        #expect(speaks(.uncorrected, Samples.data(method: "none")))
        #expect(!speaks(.uncorrected, Samples.data()))
    }

    @Test func worsened() {
        #expect(speaks(.worsened, Samples.data([Samples.layer(rqnsr: (0.2, 0.3))])))
        #expect(!speaks(.worsened, Samples.data()))
    }

    @Test func variance() throws {
        let noisy = [Samples.layer(rqnsr: (0.4, 0.3))]
        let perTensor = Samples.data(noisy, settings: [("weights.granularity", "tensor")])
        let advice = try #require(Advice.find(in: perTensor).first { $0.rule == .variance })
        #expect(advice.remedy?.contains("--granularity channel") == true)
        let coarse = Samples.data(
            noisy, settings: [("weights.granularity", "channel"), ("weights.bits", "4")])
        #expect(
            Advice.find(in: coarse).first { $0.rule == .variance }?.remedy?.contains("weights.bits")
                == true)
        #expect(
            Advice.find(in: Samples.data(noisy)).first { $0.rule == .variance }?.remedy?
                .contains("ibc,bft") == true)
        #expect(!speaks(.variance, Samples.data()))
        // As noisy, but of shift.
        #expect(
            !speaks(.variance, Samples.data([Samples.layer(mssr: (0.3, 0.2), rqnsr: (0.4, 0.3))])))
    }

    @Test func residualShift() {
        let shifted = [Samples.layer(mssr: (0.3, 0.2), rqnsr: (0.4, 0.3))]
        #expect(speaks(.residualShift, Samples.data(shifted)))
        #expect(!speaks(.residualShift, Samples.data()))
        let pre = Advice.find(in: Samples.data(shifted, match: "pre"))
        #expect(pre.first { $0.rule == .residualShift }?.remedy == "--match post")
    }

    @Test func weakestLayer() {
        let layers = [Samples.layer("good"), Samples.layer("bad", rqnsr: (0.3, 0.09))]
        let advice = Advice.find(in: Samples.data(layers)).first { $0.rule == .weakestLayer }
        #expect(advice?.text.contains("bad") == true)
        #expect(!speaks(.weakestLayer, Samples.data([Samples.layer()])))
    }

    @Test func keptDeadChannels() {
        #expect(
            speaks(
                .keptDeadChannels,
                Samples.data(settings: [
                    ("weights.granularity", "tensor"), ("dead_channels.remove", "false"),
                ])))
        #expect(!speaks(.keptDeadChannels, Samples.data()))
    }

    @Test func ranges() {
        #expect(speaks(.narrowSignal, Samples.data([Samples.layer(scale: 10)])))
        #expect(!speaks(.narrowSignal, Samples.data()))
        #expect(speaks(.headroom, Samples.data([Samples.layer(headroom: 0.6)])))
        #expect(!speaks(.headroom, Samples.data()))
    }

    @Test func skipped() {
        #expect(speaks(.skippedLayers, Samples.data([Samples.layer(skipped: "overflow")])))
        #expect(!speaks(.skippedLayers, Samples.data()))
        #expect(speaks(.skippedImages, Samples.data(skipped: [("a.jpg", "broken")])))
        #expect(!speaks(.skippedImages, Samples.data()))
        #expect(speaks(.fewImages, Samples.data(images: 8)))
        #expect(!speaks(.fewImages, Samples.data()))
    }

    @Test func tuning() throws {
        let noisy = [Samples.layer(rqnsr: (0.4, 0.3))]
        #expect(speaks(.tryTuning, Samples.data(noisy)))
        #expect(!speaks(.tryTuning, Samples.data()))
        func tuned(best: Int, diverged: [Int] = []) throws -> ReportData {
            var data = Samples.data(noisy, method: "ibc,bft")
            data.ledger.tuning = try Samples.tuning(best: best, diverged: diverged)
            return data
        }
        #expect(speaks(.tuningKeptStart, try tuned(best: 0)))
        #expect(!speaks(.tuningKeptStart, try tuned(best: 1)))
        #expect(speaks(.tuningStillFalling, try tuned(best: 2)))
        #expect(!speaks(.tuningStillFalling, try tuned(best: 1)))
        #expect(speaks(.tuningDiverged, try tuned(best: 1, diverged: [2])))
        #expect(!speaks(.tuningDiverged, try tuned(best: 1)))
        #expect(!speaks(.tryTuning, try tuned(best: 1)))
    }

    @Test func guarding() throws {
        func guarded(_ after: Double, rejected: String) throws -> ReportData {
            var data = Samples.data()
            let json =
                "{\"images\":16,\"lossBefore\":0.2,\"lossAfter\":\(after),"
                + "\"rejectedLayers\":[\(rejected)],\"rejectsTuning\":false}"
            data.ledger.guarding = try JSONDecoder().decode(
                HeldOutSummary.self, from: Data(json.utf8))
            return data
        }
        #expect(speaks(.guardKept, try guarded(0.1, rejected: "")))
        #expect(!speaks(.guardKept, try guarded(0.2, rejected: "")))
        #expect(speaks(.guardTookBack, try guarded(0.1, rejected: "\"conv\"")))
        #expect(!speaks(.guardTookBack, try guarded(0.1, rejected: "")))
        #expect(!speaks(.guardTookBack, Samples.data()))
    }
}
