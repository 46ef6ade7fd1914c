// SPDX-License-Identifier: Apache-2.0

import CounterbiasKit

/// Calibrates the embedded example in this process and prints how near the 8-bit model is to the
/// float one. The argument is the root of the repository.
@main struct KitClient {
    static func main() throws {
        let root = CommandLine.arguments.dropFirst().first ?? "../.."
        let model = try FloatModel(contentsOf: root + "/example/digits.onnx")
        let configuration = try CalibrationConfiguration(
            contentsOf: root + "/config/example.yaml")
        let quantized = try model.calibrated(
            on: root + "/example/calibration", configuration: configuration)
        let comparison = try model.compared(
            with: quantized, on: root + "/example/evaluation", configuration: configuration)
        print("SQNR \(comparison.sqnr) dB on \(comparison.images) images")
    }
}
