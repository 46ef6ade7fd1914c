// SPDX-License-Identifier: Apache-2.0

import Calibration

/// Seconds by stage.
package struct Timings: Codable, Sendable {
    var load = 0.0
    var images = 0.0
    var statistics = 0.0
    var correction = 0.0
    /// Teacher logits and losses of fine-tuning.
    var tuningMeasurement = 0.0
    /// Steps of fine-tuning.
    var tuning = 0.0
    var measurement = 0.0
    /// Processor time of the coordinator in the steps of fine-tuning.
    var tuningProcessor = 0.0
    var total = 0.0

    mutating func add(_ round: Round, _ seconds: Double, _ processorSeconds: Double) {
        switch round.kind {
        case .statistics, .histograms: statistics += seconds
        case .layerSums: correction += seconds
        case .measure: measurement += seconds
        case .teacher, .loss: tuningMeasurement += seconds
        case .gradient:
            tuning += seconds
            tuningProcessor += processorSeconds
        }
    }
}
