// SPDX-License-Identifier: Apache-2.0

import Storage
import TestSupport
import Testing

@testable import Cluster

@Suite struct MessageFuzzTests {
    /// Damaged frames are refused or give a message that survives the wire itself. Half of the
    /// headers get a checksum that fits, so that the damage reaches what is behind it.
    @Test func damagedFramesNeverCrashTheDecoder() throws {
        var generator = SeededGenerator(seed: TestSeed.value)
        let originals = MessageSample.golden.sorted { $0.key < $1.key }
            .map { MessageCodec.encode($0.value) }
        var (accepted, refused) = (0, 0)
        var reasons: Set<String> = []
        for _ in 0..<4_000 {
            var frames = originals.randomElement(using: &generator) ?? []
            let isSealed = Bool.random(using: &generator)
            if isSealed { frames[0].removeLast(MessageCodec.checksumBytes) }
            for _ in 0..<Int.random(in: 1...4, using: &generator) { mutate(&frames, &generator) }
            if isSealed { frames[0] = MessageCodec.sealed(frames[0]) }
            do throws(WireError) {
                let message = try MessageCodec.decode(frames)
                accepted += 1
                #expect(try MessageCodec.decode(MessageCodec.encode(message)) == message)
            } catch {
                refused += 1
                reasons.insert(error.description)
            }
        }
        #expect(refused > 2_000 && accepted > 100 && reasons.count > 20, "\(accepted), \(reasons)")
    }

    private func mutate(_ frames: inout [[UInt8]], _ generator: inout SeededGenerator) {
        guard let frame = frames.indices.randomElement(using: &generator) else { return }
        let count = frames[frame].count
        let place = Int.random(in: 0...count, using: &generator)
        switch Int.random(in: 0..<6, using: &generator) {
        case 0 where place < count:
            frames[frame][place] ^= 1 << UInt8.random(in: 0..<8, using: &generator)
        case 1 where place < count:
            frames[frame][place] = [0, 0x7F, 0x80, 0xFF].randomElement(using: &generator) ?? 0
        case 2: frames[frame].removeSubrange(place...)
        case 3: frames[frame].insert(UInt8.random(in: 0...255, using: &generator), at: place)
        case 4: frames.append(frames[frame])
        default: frames[frame].append(contentsOf: frames[0].prefix(place))
        }
    }

    /// Well-formed messages with any content, from anybody, at any time.
    @Test func anyMessageIsAnOrdinaryEvent() {
        var generator = SeededGenerator(seed: TestSeed.value)
        for _ in 0..<20 {
            var coordinator = CoordinatorCore.serving(Scenario.a, Scenario.b)
            var worker = WorkerCore.ready(images: 1)
            _ = coordinator.step(Scenario.opening(0, shards: 3))
            for time in 0..<60 {
                let message = distorted(&generator)
                let sender = WorkerID(Int.random(in: 1...4, using: &generator))
                _ = coordinator.step(.received(sender, message), at: 100 * time)
                _ = coordinator.step(.tick, at: 100 * time)
                let actions = worker.step(.received(message), at: 100 * time)
                if actions.contains(.reconnect) { _ = worker.step(.connected, at: 100 * time) }
            }
            #expect((coordinator.roundProgress?.done ?? 0) <= 3)
        }
    }

    /// A random message that often names the job at hand.
    private func distorted(_ generator: inout SeededGenerator) -> Message {
        var message = MessageSample.random(&generator)
        guard Bool.random(using: &generator) else { return message }
        let id = Scenario.id(
            Int.random(in: 0...1, using: &generator), Int.random(in: 0...4, using: &generator),
            attempt: Int.random(in: 0...1, using: &generator))
        switch message {
        case .result(var result):
            result.id = id
            message = .result(result)
        case .task(var task):
            task.id = id
            message = .task(task)
        case .failure(_, let reason): message = .failure(id, reason: reason)
        default: break
        }
        return message
    }
}
