// SPDX-License-Identifier: Apache-2.0

import Foundation
import JobInputs
import Logging
import NetworkGraph
import ONNXImport
import QDQ
import Quantization
import Settings
import Storage

/// A quantized model that a user brings: its file, and what it says of the float network.
struct QuantizedModelFile {
    let path: String
    /// Of the file; nothing but biases will differ in the result.
    let bytes: [UInt8]
    let digest: Digest
    /// Contents of files that hold data of it, by their paths relative to the model's directory.
    private let externalFiles: [(path: String, data: Data)]
    /// Both have one graph, that of the quantized model.
    let float: FloatNetwork
    let network: QuantizedNetwork
    /// Where each layer's bias lies.
    private let biases: [BiasTensor]
    /// The preprocessing that the file says it was made with, where it does.
    private let preprocessing: String?
    /// Layers, by number, that are constants and stay as they are.
    var fixedLayers: Set<Int> {
        Set(biases.indices.filter { biases[$0].place == .fixed })
    }

    /// - Throws: `QDQError` naming the file, and node or layer.
    init(path: String, float: FloatNetwork) throws {
        self.path = path
        bytes = try QDQModel.bytes(of: path)
        let contents = try QDQModel.decode(bytes, file: path)
        let directory = URL(fileURLWithPath: path).deletingLastPathComponent()
        externalFiles = try contents.externalFiles.map {
            ($0, try Data(contentsOf: directory.appendingPathComponent($0)))
        }
        digest = Digest.sha256(of: externalFiles.reduce(bytes) { $0 + $1.data })
        biases = contents.biases.compactMap { $0 }
        preprocessing = contents.metadata[PreprocessingSettings.metadataKey]
        do {
            let matching = try NetworkMatching(float: float, quantized: contents.network)
            self.float = matching.float
            network = matching.quantized
        } catch var error as QDQError {
            error.file = path
            throw error
        }
    }

    /// Nil unless the file was made with other pixels than this run makes.
    func warning(of pixels: PixelRecord) -> String? {
        guard let preprocessing, preprocessing != pixels.values.metadata else { return nil }
        return
            "\(path) was made with other preprocessing than this run's; give its own with --config: "
            + "preprocessing: \(preprocessing)"
    }

    /// Puts the files beside a corrected model that it reads.
    func writeExternalFiles(to out: String) throws {
        for file in externalFiles {
            let target = URL(fileURLWithPath: out).appendingPathComponent(file.path)
            try FileManager.default.createDirectory(
                at: target.deletingLastPathComponent(), withIntermediateDirectories: true)
            try AtomicFile.write(Array(file.data), to: target.path)
        }
    }

    func report(to logger: Logger) {
        let added = biases.filter { $0.place == .absent }.map(\.node)
        if !added.isEmpty {
            logger.notice(
                "biases added", metadata: ["layers": "\(added.joined(separator: ", "))"])
        }
        let floats = biases.filter(\.isFloat).count
        if floats > 0 {
            logger.notice("float biases", metadata: ["layers": "\(floats)"])
        }
        let constants = biases.filter { $0.place == .fixed }.map(\.node)
        if !constants.isEmpty {
            logger.notice(
                "constants kept", metadata: ["nodes": "\(constants.joined(separator: ", "))"])
        }
        let large = network.largeBiases
        if !large.isEmpty {
            logger.warning(
                "large biases",
                metadata: [
                    "channels":
                        "\(large.map { "\($0.layer): \($0.channels)" }.joined(separator: ", "))"
                ])
        }
    }
}
