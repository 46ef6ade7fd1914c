// SPDX-License-Identifier: Apache-2.0

import Calibration
import JobSamples
import Storage

@testable import Cluster

/// A peer with a key of its own on some connections. It keeps none of the rules, and nothing makes
/// it stop.
struct SimulatedAdversary {
    struct Connection {
        var link: Int?
        var tasks: [TaskMessage] = []
        var progress: UInt64 = 0
        var isWelcome = false
    }

    enum Trick: CaseIterable {
        case greet, greetAsAnother, beat, beatMore, stall, fail, vanish, leave, garbage, fetch
        case claim, claimOften, answer, lie, nonsense, misshape
    }

    var connections: [Connection]

    init(connections count: Int) {
        connections = [Connection](repeating: Connection(), count: count)
    }

    mutating func take(_ message: Message, on link: Int) {
        guard let index = connections.firstIndex(where: { $0.link == link }) else { return }
        switch message {
        case .welcome: connections[index].isWelcome = true
        case .task(let task): connections[index].tasks.append(task)
        case .goodbye, .refusal: connections[index].isWelcome = false
        case .hello, .fetch, .chunk, .result, .failure, .heartbeat: break
        }
    }
}

extension SimulatedCluster {
    mutating func playTrick(_ index: Int) throws {
        queue.insert(.adversary(index), at: now + random(1...500))
        guard coordinator != nil else {
            adversary.connections[index] = .init()
            return
        }
        guard let link = adversary.connections[index].link, network[link]?.state == .up else {
            let link = network.open(worker: -1)
            adversary.connections[index] = .init(link: link)
            return try transmit(.hello(greeting(as: nil)), on: link, atCoordinator: true)
        }
        guard let trick = SimulatedAdversary.Trick.allCases.randomElement(using: &generator) else {
            return
        }
        counts.tricks += 1
        try play(trick, index, link)
    }

    private func greeting(as worker: Int?) -> Hello {
        let process = worker.map { UInt32(workers[$0].life) } ?? UInt32(now)
        return Hello(
            golden: SimulatedWorker.golden, host: worker.map { "host-\($0)" } ?? "anybody",
            process: process, threads: 1, isa: "portable", build: "test")
    }

    private mutating func play(
        _ trick: SimulatedAdversary.Trick, _ index: Int, _ link: Int
    ) throws {
        let connection = adversary.connections[index]
        switch trick {
        case .stall:
            break
        case .greet, .greetAsAnother:
            let other = trick == .greet ? nil : random(0...workers.count - 1)
            try transmit(.hello(greeting(as: other)), on: link, atCoordinator: true)
        case .beat, .beatMore:
            for _ in 0..<(trick == .beat ? 1 : 20) {
                adversary.connections[index].progress += 1
                let beat = Message.heartbeat(progress: adversary.connections[index].progress)
                try transmit(beat, on: link, atCoordinator: true)
            }
        case .fail:
            guard let task = connection.tasks.last else { return }
            let failure = Message.failure(task.id, reason: "no reason")
            try transmit(failure, on: link, atCoordinator: true)
        case .vanish:
            impair(link, .down)
        case .leave:
            let goodbye = Message.goodbye(reason: "for a while", isFinished: chance(0.5))
            try transmit(goodbye, on: link, atCoordinator: true)
        case .garbage:
            if let number = network.number(of: link) {
                try tell(.malformed(number, WireError(.emptyBody)))
            }
        case .fetch:
            guard let network = coordinator?.core.network else { return }
            let range = BlobRange(digest: network, offset: 0, length: 8)
            for _ in 0..<random(1...40) {
                try transmit(.fetch(range), on: link, atCoordinator: true)
            }
        case .claim, .claimOften:
            for _ in 0..<(trick == .claim ? 1 : 10) { try claim(on: link) }
        case .answer, .lie, .nonsense, .misshape:
            try answer(trick, index, link)
        }
    }

    /// Answers what it was given: rightly, wrongly, or with what no computation gives.
    private mutating func answer(
        _ trick: SimulatedAdversary.Trick, _ index: Int, _ link: Int
    ) throws {
        guard let task = adversary.connections[index].tasks.popLast() else { return }
        let key = SimulatedJob.Key(
            round: task.id.round, shard: task.id.shard, biases: task.biasDigest)
        guard var payload = simulated.results[key], !payload.isEmpty else { return }
        switch trick {
        case .nonsense:
            // No number of any sort, where there is one: behind the count of images.
            for place in payload.indices.suffix(8) { payload[place] = 0x7F }
            counts.lies += 1
        case .misshape:
            payload.append(contentsOf: [UInt8](repeating: 0, count: random(1...8)))
        case .answer:
            break
        default:
            payload[random(0...payload.count - 1)] ^= 1 << UInt8(random(0...7))
            counts.lies += 1
        }
        let result = ShardResult(id: task.id, biases: task.biasDigest, payload: payload)
        try transmit(.result(result), on: link, atCoordinator: true)
    }

    /// Answers what others were given, with wrong bits.
    private mutating func claim(on link: Int) throws {
        guard let round = coordinator?.core.open, let epoch = coordinator?.epoch,
            let number = network.number(of: link),
            let shard = round.shards.indices.randomElement(using: &generator)
        else { return }
        let foreign = round.shards[shard].attempts.indices.filter {
            round.shards[shard].attempts[$0].principal != .key(Self.adversary)
        }
        let attempt = foreign.randomElement(using: &generator) ?? random(0...9) + 100
        let id = TaskID(
            job: simulated.digest, epoch: epoch, round: round.round.index, shard: shard,
            attempt: attempt)
        // Now and then of another shape.
        let key = SimulatedJob.Key(
            round: round.round.index, shard: shard, biases: round.context.biasDigest)
        var payload = [UInt8](repeating: 7, count: random(1...64))
        if !chance(0.05), let right = simulated.results[key], !right.isEmpty {
            payload = right
            payload[payload.count - 1] ^= 1
        }
        try receive(
            .result(
                ShardResult(id: id, biases: round.context.biasDigest, payload: payload)),
            from: number)
    }
}
