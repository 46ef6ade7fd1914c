// SPDX-License-Identifier: Apache-2.0

/// What fine-tuning knows of one convolution.
package struct TuningLayer: Hashable, Sendable {
    /// Real value of one int32 step of the bias, per channel: `input scale * weight scale`; above
    /// 0.
    package var steps: [Double]
    /// Largest magnitude of the int32 bias, per channel; negative where it must not change.
    package var limits: [Int64]
    /// Real value of one step of the layer's output quantizer, above 0: the optimizer sees `bias /
    /// unit`, so that one learning rate suits layers of all scales. With 1 it sees the bias.
    package var unit: Double

    /// Memberwise; ``MasterBiases`` checks it.
    package init(steps: [Double], limits: [Int64], unit: Double) {
        self.steps = steps
        self.limits = limits
        self.unit = unit
    }
}
