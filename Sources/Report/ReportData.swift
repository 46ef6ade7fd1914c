// SPDX-License-Identifier: Apache-2.0

package import Calibration
package import Cluster
package import Quantization

/// Everything the page shows.
package struct ReportData: Sendable {
    /// What `run.json` holds of a run, as text where the page only shows it.
    package struct Run: Sendable {
        /// Release that wrote the results.
        package var version: String
        /// Keys and values of the resolved configuration, in order.
        package var settings: [(key: String, value: String)]
        /// SHA-256 of model, job and the like, in hexadecimal, by name.
        package var digests: [(name: String, hex: String)]
        /// Stages and their seconds, in order.
        package var timings: [(stage: String, seconds: Double)]
        /// Rounds of the whole job, those before a resumption included.
        package var rounds: Int
        /// In the pool, those held out included.
        package var images: Int
        /// Images that could not be read, with the reason.
        package var skippedImages: [(file: String, reason: String)]
        /// Channels that were taken out before quantization.
        package var deadChannels: [DeadChannels]
        /// One sentence each, as the command printed them.
        package var warnings: [String]

        /// Memberwise, unchecked.
        package init(
            version: String, settings: [(key: String, value: String)],
            digests: [(name: String, hex: String)], timings: [(stage: String, seconds: Double)],
            rounds: Int, images: Int, skippedImages: [(file: String, reason: String)],
            deadChannels: [DeadChannels], warnings: [String]
        ) {
            self.version = version
            self.settings = settings
            self.digests = digests
            self.timings = timings
            self.rounds = rounds
            self.images = images
            self.skippedImages = skippedImages
            self.deadChannels = deadChannels
            self.warnings = warnings
        }
    }

    /// What was found and done, layer by layer.
    package var ledger: Ledger
    /// What was run, with what, and how long it took.
    package var run: Run
    /// Of the incarnation that finished; nil where none was kept.
    package var timeline: WorkerTimeline?

    /// Memberwise, unchecked.
    package init(ledger: Ledger, run: Run, timeline: WorkerTimeline?) {
        self.ledger = ledger
        self.run = run
        self.timeline = timeline
    }

    var layers: [Ledger.Layer] { ledger.layers }
    func setting(_ key: String) -> String? { run.settings.first { $0.key == key }?.value }
    var isPerChannel: Bool { setting("weights.granularity") == "channel" }
    var corrects: Bool { ledger.method != "none" }
    var modelName: String {
        setting("model")?.split(separator: "/").last.map(String.init) ?? "the model"
    }

    /// Mean over layers, as the command line prints it.
    func mean(_ value: (Ledger.Layer) -> Double) -> Double {
        layers.isEmpty ? 0 : layers.map(value).reduce(0, +) / Double(layers.count)
    }
}

extension Ledger.Layer {
    /// `10 log10(Σ E[x²] / Σ E[e²])`, dB; infinite without error.
    var sqnrBefore: Double { Decibels(ofNoise: rqnsrBefore).value }
    var sqnrAfter: Double { Decibels(ofNoise: rqnsrAfter).value }

    /// Share of the error's energy that is shift: `Σ E[e]² / Σ E[e²]`, 0 to 1.
    var shiftShareBefore: Double { Self.share(mssrBefore, rqnsrBefore) }
    var shiftShareAfter: Double { Self.share(mssrAfter, rqnsrAfter) }

    private static func share(_ shift: Double, _ noise: Double) -> Double {
        noise > 0 ? min(shift * shift / (noise * noise), 1) : 0
    }
}

extension Ledger.Layer {
    /// Root mean square of the float activation, real units: the unit of ``mssrBefore``.
    ///
    /// Recovered from the shifts, `sqrt(Σ shift² / channels) / MSSR`; 0 where there was no shift to
    /// recover it from.
    var signal: Double {
        let squares = channel.shiftBefore.reduce(0) { $0 + Double($1) * Double($1) }
        guard mssrBefore > 0, channels > 0 else { return 0 }
        return (squares / Double(channels)).squareRoot() / mssrBefore
    }
}
