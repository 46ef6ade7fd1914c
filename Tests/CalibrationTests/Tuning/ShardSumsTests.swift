// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import Calibration

@Suite struct ShardSumsTests {
    private static let loss = TuningLoss(.kl, temperature: 1)

    @Test func payloadsCarryEveryBit() throws {
        let loss = LossSums(images: 3, loss: -0.1)
        #expect(try LossSums(payload: loss.payload()) == loss)
        let gradients = GradientSums(
            images: 2, loss: 1e300, gradients: [.infinity, -0.0, .leastNonzeroMagnitude])
        let read = try GradientSums(payload: gradients.payload(), channels: 3)
        #expect(read == gradients)
        #expect(read.gradients[1].sign == .minus)
        let logits = TeacherLogits(images: [[1, 2], [3, 4], [5, 6]])
        #expect(try TeacherLogits(payload: logits.payload(), images: 3, classes: 2) == logits)
    }

    @Test func otherSizesAreRefused() {
        let loss = LossSums(images: 3, loss: 1).payload()
        let gradients = GradientSums(channels: 3).payload()
        let logits = TeacherLogits(images: [[1, 2]]).payload()
        let expected = CalibrationError(.malformedResult(expected: 16, found: 15))
        #expect(throws: expected) { try LossSums(payload: loss.dropLast()) }
        for change in [-1, 1] {
            func resized(_ bytes: [UInt8]) -> [UInt8] {
                change < 0 ? bytes.dropLast() : bytes + [0]
            }
            #expect(throws: CalibrationError.self) { try LossSums(payload: resized(loss)) }
            #expect(throws: CalibrationError.self) {
                try GradientSums(payload: resized(gradients), channels: 3)
            }
            #expect(throws: CalibrationError.self) {
                try TeacherLogits(payload: resized(logits), images: 1, classes: 2)
            }
            #expect(throws: CalibrationError.self) {
                try TuningResults(
                    payloads: [gradients, resized(gradients)], of: .gradient(Self.loss), channels: 3
                )
            }
        }
        #expect(throws: CalibrationError.self) {
            try GradientSums(payload: gradients, channels: 4)
        }
    }

    @Test func resultsOfARoundKeepTheShardOrder() throws {
        let sums = (1...3).map { LossSums(images: $0, loss: Double($0)) }
        let results = try TuningResults(
            payloads: sums.map { $0.payload() }, of: .loss(Self.loss), channels: 1)
        #expect(results == .losses(sums))
        #expect(try TuningResults(payloads: [[1]], of: .teacher, channels: 1) == .teacher)
    }
}
