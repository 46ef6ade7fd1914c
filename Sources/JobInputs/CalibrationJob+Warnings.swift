// SPDX-License-Identifier: Apache-2.0

package import Calibration
import Quantization

extension CalibrationJob {
    /// What to know of a finished job's model, one sentence each.
    /// - Parameter ledger: of this job.
    /// - Returns: none where all is well.
    package func warnings(_ ledger: Ledger?) -> [String] {
        var warnings: [String] = []
        let saturating = saturatingLayers
        if let first = saturating.first {
            warnings.append(
                "int8 weights of \(saturating.count) layers ('\(first)' is the first) can saturate in default sessions of ONNX "
                    + "Runtime and OpenVINO on x86 CPUs without VNNI, which ruins accuracy there: "
                    + (given == nil
                        ? "leave weights.saturation at avoid, or choose weights.type uint8"
                        : "quantize with uint8 weights or 7 bits (reduce_range), or set session.x64quantprecision=1 "
                            + "in ONNX Runtime"))
        }
        let hasZeroPointsPerChannel = quantized?.parameters.contains {
            $0?.type == .uint8 && Set($0?.zeroPoints ?? []).count > 1
        }
        if hasZeroPointsPerChannel == true {
            warnings.append(
                "uint8 weights with a zero point per channel: ONNX Runtime before 1.27 refuses to run "
                    + "the model; for older versions use symmetric weights or granularity tensor")
        }
        warnings += tuning?.notes ?? []
        if ledger?.guarding?.rejectsTuning == true {
            warnings.append(
                "fine-tuning made the held-out images worse and was taken back")
        }
        for layer in ledger?.layers ?? [] {
            if let reason = layer.skipped, options.correction != nil {
                warnings.append("layer '\(layer.name)': \(reason)")
            }
        }
        return warnings
    }
}
