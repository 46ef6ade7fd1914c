// SPDX-License-Identifier: Apache-2.0

import Calibration
import Cluster
import Quantization

@testable import Report

/// Runs made up for tests.
enum Samples {
    static func layer(
        _ name: String = "conv", channels: Int = 4, mssr: (Double, Double) = (0.2, 0.01),
        rqnsr: (Double, Double) = (0.25, 0.05), scale: Float = 0.01, headroom: Double = 0.01,
        skipped: String? = nil
    ) -> Ledger.Layer {
        func column(_ value: Double) -> [Float] {
            [Float](repeating: Float(value), count: channels)
        }
        return Ledger.Layer(
            name: name, kind: "Conv 3×3", channels: channels, skipped: skipped,
            mssrBefore: mssr.0, mssrAfter: mssr.1, rqnsrBefore: rqnsr.0, rqnsrAfter: rqnsr.1,
            channel: Ledger.Channels(
                shiftBefore: column(mssr.0), shiftAfter: column(mssr.1), correction: column(0.1),
                int32: [Int32](repeating: 7, count: channels), residual: column(0),
                mssrBefore: column(mssr.0), mssrAfter: column(mssr.1),
                rqnsrBefore: column(rqnsr.0), rqnsrAfter: column(rqnsr.1)),
            range: Ledger.Range(lower: 0, upper: 2.55, scale: scale, zeroPoint: 0),
            headroom: headroom)
    }

    static func data(
        _ layers: [Ledger.Layer] = [layer("first"), layer("second")], method: String = "ibc",
        match: String? = "post", images: Int = 64,
        settings: [(key: String, value: String)] = [
            ("model", "models/net.onnx"), ("weights.granularity", "channel"), ("weights.bits", "8"),
            ("dead_channels.remove", "true"),
        ], skipped: [(file: String, reason: String)] = [], warnings: [String] = []
    ) -> ReportData {
        var timeline = WorkerTimeline()
        timeline.admit("host · 1")
        timeline.note("host · 1", at: 0.1)
        timeline.finish("statistics", from: 0, to: 0.2)
        return ReportData(
            ledger: Ledger(method: method, match: match, images: 8, layers: layers),
            run: ReportData.Run(
                version: "1.2.3", settings: settings, digests: [("job", "abc")],
                timings: [("total", 1.5)], rounds: 9, images: images, skippedImages: skipped,
                deadChannels: [], warnings: warnings), timeline: timeline)
    }
}
