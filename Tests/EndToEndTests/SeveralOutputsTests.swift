// SPDX-License-Identifier: Apache-2.0

import Foundation
import NetworkGraph
import QDQ
import Quantization
import Testing

extension EndToEnd {
    /// The example's network with two of its inner tensors as further outputs: feature maps that
    /// the classifier reads, and the vector in front of it.
    @Suite(.serialized) struct SeveralOutputs {
        private static let names = [
            "logits", "/layers/layers.24/layers.24.2/Clip_output_0", "/Flatten_output_0",
        ]

        /// Messages of one field are merged where they stand twice: what follows the model adds
        /// outputs to its graph.
        private static func model(in scratch: Scratch) throws -> String {
            func field(_ number: UInt8, _ bytes: [UInt8]) -> [UInt8] {
                precondition(bytes.count < 128)
                return [number << 3 | 2, UInt8(bytes.count)] + bytes
            }
            let url = Binary.root.appendingPathComponent(Example.model)
            var model = try Data(contentsOf: url)
            for name in names.dropFirst() {
                model += field(7, field(12, field(1, Array(name.utf8))))
            }
            let path = scratch("heads.onnx")
            try model.write(to: URL(fileURLWithPath: path))
            return path
        }

        @Test func areCorrectedTunedAndCompared() throws {
            let scratch = try Scratch()
            let model = try Self.model(in: scratch)
            var files: [Results] = []
            for workers in [1, 3] {
                let out = scratch("out\(workers)")
                let made = try ChildProcess.run(
                    ["calibrate", "--workers", "\(workers)"] + Example.tuningFlags(out: out)
                        + ["--model", model])
                #expect(made.status == 0, "\(made.log)")
                files.append(try Results(in: out))
            }
            #expect(files[0] == files[1])
            let file = scratch("out1/model.int8.onnx")
            #expect(try QDQModel.load(path: file).graph.outputs.map(\.name) == Self.names)
            let arguments = [
                "evaluate", "--model", model, "--quantized", file, "--images", Example.images,
                "--limit", "8",
            ]
            let outcome = try ChildProcess.run(arguments + ["--json"])
            #expect(outcome.status == 0, "\(outcome.log)")
            let report = try #require(
                JSONSerialization.jsonObject(with: Data(outcome.output.utf8)) as? [String: Any])
            let outputs = try #require(report["outputs"] as? [[String: Any]])
            #expect(outputs.map { $0["name"] as? String } == Self.names)
            let ratios = outputs.compactMap { $0["sqnr_db"] as? Double }
            #expect(ratios.count == 3 && ratios.allSatisfy { $0 > 3 }, "\(outcome.output)")
            #expect(report["kl"] == nil && report["agreement"] == nil)
            let table = try ChildProcess.run(arguments).output
            #expect(Self.names.allSatisfy(table.contains), "\(table)")
            // Labels belong to one output.
            let labelled = try ChildProcess.run(arguments + ["--config", Example.config])
            #expect(labelled.status == 78, "\(labelled.log)")
            #expect(labelled.log.contains("has 3 outputs"), "\(labelled.log)")
        }
    }
}
