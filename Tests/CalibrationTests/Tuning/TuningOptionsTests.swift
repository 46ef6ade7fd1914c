// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

@testable import Calibration

@Suite struct TuningOptionsTests {
    @Test func everyFieldIsChecked() throws {
        let good = ToyProblem.options()
        try good.validate()
        let changes: [(String, (inout TuningOptions) -> Void)] = [
            ("images", { $0.images = 0 }),
            ("temperature", { $0.temperature = 0 }),
            ("temperature", { $0.temperature = .infinity }),
            ("beta1", { $0.optimizer = .adam(beta1: 1, beta2: 0.9, epsilon: 1e-8) }),
            ("beta2", { $0.optimizer = .adam(beta1: 0, beta2: -0.1, epsilon: 1e-8) }),
            ("epsilon", { $0.optimizer = .adam(beta1: 0, beta2: 0.9, epsilon: 0) }),
            ("momentum", { $0.optimizer = .sgd(momentum: .nan) }),
            ("learningRate", { $0.learningRate = -1 }),
            ("learningRate", { $0.learningRate = .nan }),
            ("schedule every", { $0.schedule = .step(every: 0, factor: 0.1) }),
            ("schedule factor", { $0.schedule = .step(every: 1, factor: 1.5) }),
            ("warmup", { $0.warmup = .steps(-1) }),
            ("warmup", { $0.warmup = .share(1) }),
            ("batch", { $0.batch = 0 }),
            ("epochs", { $0.epochs = 0 }),
            ("validationShare", { $0.validationShare = 1 }),
            ("patience", { $0.patience = -1 }),
        ]
        for (field, change) in changes {
            var options = good
            change(&options)
            do {
                try options.validate()
                Issue.record("\(field) was accepted")
            } catch {
                guard case .option(field, _, _) = error.code else {
                    Issue.record("\(field): \(error)")
                    continue
                }
                #expect(error.description.contains("'\(field)'"))
            }
        }
    }

    @Test func messagesSayWhatToDo() {
        let option = TuningError(
            .option(field: "batch", value: "0", allowed: "a whole number of at least 1"))
        #expect(
            option.description == "fine-tuning's 'batch' is 0: give a whole number of at least 1")
        let broken = TuningError(
            .notFinite(
                .gradient(layer: 2, channel: 7), epoch: 3, step: 4, shard: 1,
                images: Array(10..<30)))
        #expect(broken.description.contains("the gradient of convolution 2, channel 7"))
        #expect(broken.description.contains("epoch 3, step 4, shard 1 (images at positions 10, 11"))
        #expect(broken.description.contains("25 and 4 more"))
    }

    @Test func optionsSurviveCoding() throws {
        for optimizer in [
            TuningOptions.Optimizer.adam(beta1: 0.9, beta2: 0.999, epsilon: 1e-8),
            .sgd(momentum: 0.5),
        ] {
            var options = ToyProblem.options()
            options.optimizer = optimizer
            options.schedule = .step(every: 2, factor: 0.5)
            options.warmup = .share(0.1)
            let data = try JSONEncoder().encode(options)
            #expect(try JSONDecoder().decode(TuningOptions.self, from: data) == options)
        }
    }
}
