// SPDX-License-Identifier: Apache-2.0

import Glibc
import Storage
import TestSupport
import Testing

/// State number `round`, of several writes' length.
func state(_ round: Int) -> SafetensorsFile {
    var file = SafetensorsFile(metadata: ["round": String(round)])
    // The names are fixed and different, so this cannot fail.
    try? file.add("bias", (0..<100).map { Int32($0 &* round) })
    return file
}

func roundNumber(_ checkpoint: LoadedCheckpoint?) -> Int {
    checkpoint?.content.metadata["round"].flatMap { Int($0) } ?? 0
}

/// A crash or an error at every single step of `save`, after every number of earlier saves.
@Suite struct CheckpointCrashTests {
    private func store(_ disk: SimulatedFileSystem) -> CheckpointStore {
        CheckpointStore(directory: "out/checkpoint", fileSystem: disk)
    }

    /// Saves rounds `1...saved`, then round `saved + 1` with a crash after `steps` steps, and
    /// loads. Returns nil once `steps` exceeds what `save` takes.
    private func crash(
        saved: Int, steps: Int, seed: UInt64, lying: Bool = false
    ) throws -> (loaded: Result<LoadedCheckpoint?, StorageError>, acknowledged: Bool)? {
        let disk = SimulatedFileSystem(seed: seed)
        disk.liesAboutSynchronization = lying
        var writer = store(disk)
        for round in stride(from: 1, through: saved, by: 1) { try writer.save(state(round)) }
        disk.stepsUntilFault = steps
        let acknowledged = (try? writer.save(state(saved + 1))) != nil
        guard disk.hasCrashed else { return nil }
        disk.restart()
        var reader = store(disk)
        return (Result { () throws(StorageError) in try reader.load() }, acknowledged)
    }

    @Test(arguments: 0...4)
    func everyStep(saved: Int) throws {
        var outcomes: Set<Int> = []
        for seed in TestSeed.values(40) {
            var steps = 0
            // How many there are depends on how much the disk takes at a time.
            while let outcome = try crash(saved: saved, steps: steps, seed: seed) {
                let place: Comment = "saved \(saved), crash at step \(steps), seed \(seed)"
                let loaded = try outcome.loaded.get()
                #expect(loaded?.damaged ?? [] == [], place)
                let found = roundNumber(loaded)
                #expect(found == saved + 1 || found == saved && !outcome.acknowledged, place)
                if found > 0 {
                    var content = loaded?.content
                    content?.metadata["sha256"] = nil
                    #expect(content == state(found), place)
                }
                outcomes.insert(found)
                steps += 1
            }
            #expect(steps >= 8, "a save has at least that many steps; were there any crashes?")
        }
        #expect(outcomes == [saved, saved + 1])
    }

    /// On a disk that does not synchronize, the same experiment must show losses: otherwise it
    /// proves nothing. Even there, what is loaded is a state that was saved.
    @Test func lyingDiskIsNoticed() throws {
        var losses = 0
        for steps in 0..<12 {
            for seed in TestSeed.values(40) {
                guard
                    let outcome = try crash(saved: 3, steps: steps, seed: seed, lying: true)
                else { continue }
                switch outcome.loaded {
                case .success(let loaded):
                    #expect((0...4).contains(roundNumber(loaded)))
                    if roundNumber(loaded) < 3 || loaded?.damaged != [] { losses += 1 }
                case .failure(let error):
                    guard case .noIntactCheckpoint = error.code else {
                        Issue.record("unexpected \(error)")
                        continue
                    }
                    losses += 1
                }
            }
        }
        #expect(losses > 50)
    }

    /// A failing step: the error names it, earlier states stay, and the next save works.
    @Test(arguments: [ENOSPC, EIO, EDQUOT], 0...3)
    func failingStep(number: Int32, saved: Int) throws {
        var steps = 0
        while true {
            let disk = SimulatedFileSystem(seed: UInt64(steps))
            var writer = store(disk)
            for round in stride(from: 1, through: saved, by: 1) { try writer.save(state(round)) }
            disk.fault = .error(number)
            disk.stepsUntilFault = steps
            let place: Comment = "saved \(saved), step \(steps)"
            var failure: StorageError?
            do throws(StorageError) { try writer.save(state(saved + 1)) } catch { failure = error }
            guard disk.faultHappened else { break }
            #expect(disk.openFileCount == 0, place)
            if let failure {
                guard case .system(let operation, number) = failure.code else {
                    Issue.record("\(failure), \(place)")
                    return
                }
                #expect(failure.isDiskFull == (number != EIO), place)
                var reader = store(disk)
                let found = roundNumber(try reader.load())
                #expect(
                    found == saved || operation == .synchronizeDirectory && found == saved + 1,
                    place)
                #expect(!disk.paths.contains { $0.hasSuffix(".tmp") }, place)
            }
            try writer.save(state(saved + 2))
            disk.stepsUntilFault = 0
            disk.fault = .crash
            _ = try? disk.list(".")
            disk.restart()
            var reader = store(disk)
            #expect(roundNumber(try reader.load()) == saved + 2, place)
            steps += 1
        }
        #expect(steps >= 8)
    }

    /// Who looks first finds nothing, and can save all the same.
    @Test func aLookBeforeTheFirstSave() throws {
        let disk = SimulatedFileSystem(seed: TestSeed.value)
        var writer = store(disk)
        #expect(try writer.load() == nil)
        try writer.save(state(1))
        disk.stepsUntilFault = 0
        _ = try? disk.list(".")
        disk.restart()
        #expect(roundNumber(try writer.load()) == 1)
    }

    /// Many saves under random crashes and errors: nothing acknowledged is ever lost.
    ///
    /// The last two seeds lose the directory itself, which nobody made again once it had been
    /// looked at.
    @Test(
        arguments: TestSeed.values(20)
            + [13_471_744_055_303_168_399, 1_380_858_162_958_537_173])
    func longRun(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let disk = SimulatedFileSystem(seed: seed ^ 0xD15C)
        var writer = store(disk)
        var acknowledged = 0
        for round in 1...150 {
            if Int.random(in: 0..<3, using: &random) == 0 {
                disk.fault = Bool.random(using: &random) ? .crash : .error(ENOSPC)
                disk.stepsUntilFault = Int.random(in: 0..<14, using: &random)
            }
            if (try? writer.save(state(round))) != nil { acknowledged = round }
            disk.stepsUntilFault = nil
            guard disk.hasCrashed else { continue }
            disk.restart()
            writer = store(disk)
            let loaded = try writer.load()
            let found = roundNumber(loaded)
            #expect(found >= acknowledged && found <= round, "seed \(seed), round \(round)")
            acknowledged = found
        }
        #expect(acknowledged > 100, "seed \(seed)")
        // Two generations, and what a failure may leave: never a growing heap.
        #expect(disk.paths.count <= 6, "seed \(seed): \(disk.paths)")
    }
}
