// SPDX-License-Identifier: Apache-2.0

import Foundation
import NetworkGraph
import QDQ
import Quantization
import TestSupport
import Testing

extension EndToEnd {
    @Suite struct OutputFunctions {
        /// A float64 array as NumPy saves it.
        private static func array(_ shape: String, _ values: [Double]) -> Data {
            let header = "{'descr': '<f8', 'fortran_order': False, 'shape': \(shape), }"
            let padding = String(repeating: " ", count: 63 - (10 + header.utf8.count) % 64) + "\n"
            var data = Data([0x93] + Array("NUMPY".utf8) + [1, 0])
            let length = UInt16(header.utf8.count + padding.utf8.count)
            data += [UInt8(length & 255), UInt8(length >> 8)]
            data += Data((header + padding).utf8)
            values.withUnsafeBytes { data += Data($0) }
            return data
        }

        /// A network that ends in Softmax goes the whole way; the exported file ends in it, and is
        /// compared before it.
        @Test(arguments: [[], ["--float-output"]])
        func softmaxIsKept(flags: [String]) throws {
            let scratch = try Scratch()
            let images = try scratch.folder("images")
            var generator = SeededGenerator(seed: 5)
            for index in 0..<4 {
                let values = (0..<48).map { _ in Double(generator.unit()) }
                try Self.array("(3, 4, 4)", values)
                    .write(to: URL(fileURLWithPath: images + "/\(index).npy"))
            }
            let model = Golden.path(of: "softmax_gemm")
            let made = try ChildProcess.run(
                ["calibrate", "--model", model, "--images", images, "--out", scratch("out")] + flags
            )
            #expect(made.status == 0, "\(made.log)")
            let file = scratch("out/model.int8.onnx")
            #expect(try QDQModel.load(path: file).graph.outputs[0].function == .softmax)
            let outcome = try ChildProcess.run(
                "evaluate", "--model", model, "--quantized", file, "--images", images, "--json")
            let report = try #require(
                JSONSerialization.jsonObject(with: Data(outcome.output.utf8)) as? [String: Any])
            #expect(report["output_function"] as? String == "Softmax")
            #expect((report["sqnr_db"] as? Double).map { $0 > 20 } == true, "\(outcome.output)")
        }
    }
}
