// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Foundation
import FuzzTargets

/// Tries damaged inputs on every decoder of bytes from the network or from files.
@main
struct FuzzDecoders: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "counterbias-fuzz",
        abstract: "Try damaged inputs on every decoder; keep those that break one.")

    @Option(help: "Executions in total, spread evenly over the targets.")
    var executions = 100_000

    @Option(help: "Seed of the inputs; random if absent.")
    var seed: UInt64?

    @Option(help: ArgumentHelp("Only this target; may be repeated.", valueName: "name"))
    var target: [String] = []

    @Option(help: ArgumentHelp("Folder for inputs that break a decoder.", valueName: "DIR"))
    var failures = "Tests/ClusterTests/fuzz-failures"

    func run() throws {
        let seed = self.seed ?? UInt64.random(in: 0...UInt64.max)
        let targets = try target.map { name in
            guard let target = FuzzTarget(rawValue: name) else {
                throw ValidationError(
                    "no target '\(name)': there are "
                        + FuzzTarget.allCases.map(\.rawValue).joined(separator: ", "))
            }
            return target
        }
        let chosen = targets.isEmpty ? FuzzTarget.allCases : targets
        print("seed \(seed)")
        try FileManager.default.createDirectory(
            atPath: failures, withIntermediateDirectories: true)
        CrashRecorder.arm()
        var broken = 0
        for target in chosen {
            broken += try fuzz(target, count: max(executions / chosen.count, 1), seed: seed)
        }
        if broken > 0 { throw ExitCode.failure }
    }

    /// - Returns: inputs that broke the decoder.
    private func fuzz(_ target: FuzzTarget, count: Int, seed: UInt64) throws -> Int {
        var mutator = FuzzMutator(target, seed: seed)
        var (accepted, broken) = (0, 0)
        let started = ContinuousClock.now
        for turn in 0..<count {
            let frames = mutator.next()
            let path = "\(failures)/\(target)-\(seed)-\(turn).bin"
            do {
                accepted += try CrashRecorder.watch(FuzzInput.encode(frames), path: path) {
                    try target.run(frames) ? 1 : 0
                }
            } catch {
                try Data(FuzzInput.encode(frames)).write(to: URL(fileURLWithPath: path))
                print("\(target): \(error); input kept in \(path)")
                broken += 1
                if broken == 10 { break }
            }
        }
        let elapsed = ContinuousClock.now - started
        let seconds =
            Double(elapsed.components.seconds) + Double(elapsed.components.attoseconds) * 1e-18
        print(
            "\(target.rawValue): \(count) executions, \(accepted) accepted, \(broken) broken, "
                + "\(Int(Double(count) / max(seconds, 1e-9))) executions/s")
        return broken
    }
}
