// SPDX-License-Identifier: Apache-2.0

import Calibration
import Foundation
import Imaging
import JobInputs
import NetworkGraph
import Settings
import TestSupport
import Testing

@testable import Evaluating

@Suite struct EvaluationReportTests {
    private func report(outputs: [Int], labels: Bool) throws -> EvaluationReport {
        var files = PartialConfiguration()
        (files.model, files.images) = ("m", "i")
        let settings = try files.resolved(requiringOut: false).preprocessing
        let input = Graph.Input(
            name: "x", shape: TensorShape(height: 2, width: 2, channels: 1), layout: .nchw)
        let count = outputs.reduce(0, +)
        var evaluation = Evaluation(outputs: outputs)
        for image in 0..<4 {
            let float = (0..<count).map { Float($0 == image % count ? 8 : 0) }
            evaluation.add(
                float: float, quantized: float.map { $0 * 0.5 }, label: labels ? 0 : nil)
        }
        return EvaluationReport(
            evaluation,
            pixels: PixelRecord(
                settings, resolved: try Preprocessing(settings, input: input),
                origin: PreprocessingOrigin(file: nil, path: nil)),
            leftOut: LeftOutRecord(
                try ImageFolder.list(ProcessEnvironment.root + "/example/calibration").leftOut),
            skipped: [], warnings: [],
            outputs: outputs.indices.map { ("out\($0)", $0 == 0 ? .softmax : nil) })
    }

    @Test func oneOutputIsTheTable() throws {
        let report = try report(outputs: [2], labels: true)
        #expect(report.outputs == nil)
        #expect(report.float.top1 == 0.5 && report.quantized.top1 == 0.5)
        let lines = report.table.split(separator: "\n").map(String.init)
        #expect(lines[2] == "float  50.0 %")
        #expect(lines[3].contains("100.0 %  6.02 dB"))
        #expect(lines.last == "4 images; compared in front of the final Softmax")
    }

    @Test func severalOutputsHaveARowEach() throws {
        let report = try report(outputs: [2, 3], labels: false)
        #expect(report.outputs?.map(\.name) == ["out0", "out1"])
        #expect(report.agreement == nil && report.kl == nil && report.float.top1 == nil)
        #expect(report.table.contains("out1"))
    }
}
