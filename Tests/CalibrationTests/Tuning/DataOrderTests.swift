// SPDX-License-Identifier: Apache-2.0

import TestSupport
import Testing

@testable import Calibration

@Suite struct DataOrderTests {
    @Test func generatorIsSplitMix64() {
        // First outputs for seed 1234567 of Vigna's splitmix64.c.
        var generator = SplitMix64(seed: 1_234_567)
        let outputs = (0..<5).map { _ in generator.next() }
        #expect(
            outputs == [
                6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423,
                4_593_380_528_125_082_431, 16_408_922_859_458_223_821,
            ])
        var first = SplitMix64(seed: 7, stream: 0)
        var second = SplitMix64(seed: 7, stream: 1)
        #expect(first.next() != second.next())
    }

    @Test func boundedNumbersStayInBoundsAndReachAll() {
        var generator = SplitMix64(seed: TestSeed.value)
        for bound in 1...20 {
            var seen = Set<Int>()
            for _ in 0..<1000 { seen.insert(generator.next(below: bound)) }
            #expect(seen == Set(0..<bound))
        }
    }

    @Test func everyEpochTakesEveryTrainingImageOnce() {
        var generator = SeededGenerator(seed: TestSeed.value)
        for _ in 0..<200 {
            let images = Int.random(in: 1...200, using: &generator)
            let share = Double.random(in: 0..<0.9, using: &generator)
            let group = Int.random(in: 1...20, using: &generator)
            let batch = Int.random(in: 1...300, using: &generator)
            let seed = generator.next()
            func make() -> DataOrder {
                DataOrder(
                    images: images, seed: seed, validationShare: share, groupImages: group,
                    batch: batch)
            }
            let order = make()
            let validation = order.validation.flatMap { $0 }
            #expect(validation == validation.sorted())
            let expected = Int((share * Double(images)).rounded())
            #expect(
                validation.count == (images == 1 ? 0 : min(max(expected, 1), images - 1)))
            #expect(order.validationImages + order.trainingImages == images)
            #expect(order.training.dropLast().allSatisfy { $0.count == group })
            #expect(
                (order.training + order.validation).allSatisfy { (1...group).contains($0.count) })
            for epoch in [1, 2, 7] {
                let batches = order.batches(epoch: epoch)
                #expect(batches.count == order.stepsPerEpoch)
                let groups = batches.flatMap { $0 }
                // Groups keep their images.
                #expect(Set(groups) == Set(order.training))
                #expect((groups.flatMap { $0 } + validation).sorted() == Array(0..<images))
                #expect(batches.dropLast().allSatisfy { $0.count == max(1, batch / group) })
                #expect(batches.allSatisfy { !$0.isEmpty })
                // Nothing but the arguments decides.
                #expect(batches == make().batches(epoch: epoch))
            }
        }
    }

    @Test func seedsAndEpochsGiveOtherOrders() {
        func order(_ seed: UInt64) -> DataOrder {
            DataOrder(
                images: 100, seed: seed, validationShare: 0.1, groupImages: 2, batch: 10)
        }
        #expect(order(1).validation != order(2).validation)
        #expect(order(1).batches(epoch: 1) != order(1).batches(epoch: 2))
        #expect(order(1).validation == order(1).validation)
    }

    @Test func theOrderOfASeedNeverChanges() {
        let order = DataOrder(
            images: 10, seed: 42, validationShare: 0.2, groupImages: 3, batch: 6)
        #expect(order.validation == [[4, 6]])
        #expect(order.batches(epoch: 1) == [[[7, 0, 9], [3, 8]], [[5, 1, 2]]])
    }

    @Test func mirroredImagesStayOnTheirSideOfTheSplit() {
        let order = DataOrder(
            images: 10, seed: 42, validationShare: 0.2, groupImages: 3, batch: 6, mirrors: true)
        #expect(order.validation == [[4, 6], [14, 16]])
        #expect(order.stepsPerEpoch == 3)
        #expect(
            order.batches(epoch: 2).joined().joined().sorted()
                == (0..<20).filter { ![4, 6].contains($0 % 10) })
        #expect(order.trainingImages == 16 && order.validationImages == 4)
    }

    @Test func fewImagesMakeOneBatchAndASingleOneIsNotHeldOut() {
        let few = DataOrder(images: 5, seed: 3, validationShare: 0, groupImages: 2, batch: 64)
        #expect(few.validation.isEmpty)
        #expect(few.batches(epoch: 1).count == 1)
        let single = DataOrder(
            images: 1, seed: 3, validationShare: 0.5, groupImages: 8, batch: 8)
        #expect(single.validation.isEmpty)
        #expect(single.batches(epoch: 4) == [[[0]]])
    }
}
