// SPDX-License-Identifier: Apache-2.0

import Calibration

/// Loss and gradient of one image by PyTorch in float64.
struct LossVector {
    var kind: TuningOptions.Loss
    var temperature: Double
    var student: [Float]
    var target: [Float]
    var label: Int
    var loss: Double
    var gradient: [Double]
}

/// Parameters after each of some steps by PyTorch in float64.
struct OptimizerVector {
    var optimizer: TuningOptions.Optimizer
    var start: [Double]
    var gradients: [[Double]]
    var rates: [Double]
    var results: [[Double]]
}

/// Learning rates by PyTorch for 24 steps, 4 per epoch, from 0.02.
struct ScheduleVector {
    var schedule: TuningOptions.Schedule
    var warmup: Int
    var rates: [Double]
}

/// |a - b| relative to the larger of `scale` and |b|.
func relativeError(_ a: Double, _ b: Double, scale: Double = 0) -> Double {
    a == b ? 0 : abs(a - b) / max(abs(b), scale)
}
