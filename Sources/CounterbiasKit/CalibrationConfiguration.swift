// SPDX-License-Identifier: Apache-2.0

import JobInputs
import Settings

/// How a model is quantized and its biases are corrected: the keys of the program's configuration
/// file, which `config/example.yaml` describes with their units, ranges and defaults.
///
/// Keys about files and processes (`model`, `quantized`, `images`, `out`, `cluster`) may be given
/// and have no effect.
public struct CalibrationConfiguration: Sendable {
    let keys: PartialConfiguration
    /// Names the text in messages.
    let source: String

    /// Takes the text of a configuration.
    /// - Parameter yaml: YAML or JSON, such as `{method: ibc, weights: {granularity: tensor}}`;
    ///   keys it does not give have their defaults.
    /// - Throws: ``CounterbiasError`` naming line and key.
    public init(yaml: String = "") throws(CounterbiasError) {
        source = "configuration"
        keys = try mappingErrors { try PartialConfiguration(yaml: yaml, file: "configuration") }
        _ = try resolved(model: "model", images: "images")
    }

    /// Reads a configuration file.
    /// - Parameter path: of a file of at most 1 MiB.
    /// - Throws: ``CounterbiasError`` naming file, line and key.
    public init(contentsOf path: String) throws(CounterbiasError) {
        source = path
        keys = try mappingErrors { try PartialConfiguration(contentsOf: path) }
        _ = try resolved(model: "model", images: "images")
    }

    /// Every default filled in.
    func resolved(model: String, images: String) throws(CounterbiasError) -> Configuration {
        var files = PartialConfiguration()
        files.model = model
        files.images = images
        return try mappingErrors {
            var configuration = try keys.merging(flags: files).resolved(requiringOut: false)
            configuration.quantized = nil
            return configuration
        }
    }

    var origin: PreprocessingOrigin { PreprocessingOrigin(file: keys, path: source) }
}
