// SPDX-License-Identifier: Apache-2.0

import Foundation
import FuzzTargets
import TestSupport
import Testing

/// Damaged inputs on every decoder: all that ever broke one, and some new ones. `scripts/fuzz`
/// tries many more.
@Suite struct FuzzReplayTests {
    private static let failures = ProcessEnvironment.root + "/Tests/ClusterTests/fuzz-failures"

    @Test func inputsThatOnceBrokeADecoder() throws {
        let names = try FileManager.default.contentsOfDirectory(atPath: Self.failures)
            .filter { $0.hasSuffix(".bin") }.sorted()
        for name in names {
            let target = try #require(
                FuzzTarget(rawValue: String(name.prefix { $0 != "-" })), "\(name)")
            let bytes = try Data(
                contentsOf: URL(fileURLWithPath: Self.failures + "/" + name))
            #expect(throws: Never.self, "\(name)") {
                try target.run(FuzzInput.decode(Array(bytes)))
            }
        }
    }

    @Test(arguments: FuzzTarget.allCases)
    func samplesAreAccepted(target: FuzzTarget) throws {
        for sample in FuzzSamples.shared.of(target) {
            #expect(try target.run(sample))
            #expect(FuzzInput.decode(FuzzInput.encode(sample)) == sample)
        }
    }

    @Test(arguments: FuzzTarget.allCases)
    func damagedInputs(target: FuzzTarget) throws {
        var mutator = FuzzMutator(target, seed: TestSeed.value)
        var refused = 0
        for turn in 0..<300 {
            let input = mutator.next()
            #expect(throws: Never.self, "seed \(TestSeed.value), turn \(turn)") {
                if try !target.run(input) { refused += 1 }
            }
        }
        #expect(refused > 30)
    }
}
