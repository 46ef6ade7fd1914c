// SPDX-License-Identifier: Apache-2.0

import Glibc
import TestSupport

/// A connection: two flows of bytes.
final class Relay {
    let flows: [Flow]
    /// Ends when what is under way has been delivered.
    var isEnding = false
    private(set) var isClosed = false

    init(flows: [Flow]) { self.flows = flows }

    var isFinished: Bool {
        flows.contains(where: \.isBroken)
            || isEnding && flows.allSatisfy { $0.waiting == 0 || $0.isTargetDone }
            || flows.allSatisfy { $0.isSourceDone && $0.waiting == 0 }
    }

    func close() {
        guard !isClosed else { return }
        isClosed = true
        for flow in flows { Glibc.close(flow.source) }
    }
}

/// Bytes in one direction of a connection, on their way from one socket to another.
final class Flow {
    let source: Int32
    private let target: Int32
    private let conditions: ChaosProxy.Conditions
    private let delay: Double
    /// Bytes until the end of this connection.
    private var life: Int?
    /// Bytes until the next flipped bit.
    private var untilFlip: Int?
    private var queue: [(due: Double, bytes: ArraySlice<UInt8>)] = []
    /// Bytes that may be written by now, if there is a limit.
    private var allowance = 0.0
    private var lastWrite: Double?
    /// Bytes read and not yet passed on.
    private(set) var waiting = 0
    private(set) var isSourceDone = false
    private(set) var isTargetDone = false
    /// The target does not take bytes any more.
    private(set) var isBroken = false
    /// Just came to the end the conditions gave it.
    var isAtItsEnd = false

    /// Read at most so far ahead, so that a slow flow is felt by its sender.
    private static let window = 64 << 10

    init(
        from source: Int32, to target: Int32, _ conditions: ChaosProxy.Conditions,
        _ generator: inout SeededGenerator
    ) {
        self.source = source
        self.target = target
        self.conditions = conditions
        delay = Double.random(in: conditions.delay, using: &generator)
        life = conditions.life.map { Int.random(in: $0, using: &generator) }
        untilFlip = conditions.corruption.map { Int.random(in: $0, using: &generator) }
    }

    func read(at now: Double, _ generator: inout SeededGenerator) {
        while !isSourceDone, waiting < Self.window {
            switch TCP.read(source) {
            case .none: return
            case .end:
                isSourceDone = true
                if waiting == 0 { endTarget() }
            case .bytes(var bytes):
                if let left = life {
                    bytes = Array(bytes.prefix(left))
                    life = left - bytes.count
                    if life == 0 {
                        isSourceDone = true
                        isAtItsEnd = true
                    }
                }
                flipBits(of: &bytes, &generator)
                waiting += bytes.count
                queue.append((now + delay, bytes[...]))
            }
        }
    }

    private func flipBits(of bytes: inout [UInt8], _ generator: inout SeededGenerator) {
        guard let interval = conditions.corruption, var next = untilFlip else { return }
        while next < bytes.count {
            bytes[next] ^= 1 << UInt8.random(in: 0..<8, using: &generator)
            next += 1 + Int.random(in: interval, using: &generator)
        }
        untilFlip = next - bytes.count
    }

    func write(at now: Double) {
        if let rate = conditions.bytesPerSecond {
            // At most a twentieth of a second at once: the limit holds on every scale that matters.
            allowance = min(
                allowance + (now - (lastWrite ?? now)) * Double(rate), max(Double(rate) / 20, 1))
            lastWrite = now
        }
        while let (due, bytes) = queue.first, due <= now, !isTargetDone {
            let part = conditions.bytesPerSecond == nil ? bytes : bytes.prefix(Int(allowance))
            guard !part.isEmpty else { break }
            guard let count = TCP.write(part, to: target) else {
                isBroken = true
                return
            }
            allowance -= Double(count)
            waiting -= count
            if count == bytes.count {
                queue.removeFirst()
            } else {
                queue[0].bytes = bytes.dropFirst(count)
                break
            }
        }
        if isSourceDone, waiting == 0 { endTarget() }
    }

    /// The receiver sees an end of file, now.
    func endTarget() {
        guard !isTargetDone else { return }
        isTargetDone = true
        shutdown(target, Int32(SHUT_WR))
    }

    /// What is under way arrives later than it would have.
    func delayRest(until time: Double) {
        for index in queue.indices { queue[index].due = max(queue[index].due, time) }
    }

    /// Loses the last bytes under way; keeps at least one.
    func shorten(by count: Int) {
        var left = min(count, max(waiting - 1, 0))
        waiting -= left
        while left > 0, let last = queue.last {
            if last.bytes.count <= left {
                left -= last.bytes.count
                queue.removeLast()
            } else {
                queue[queue.count - 1].bytes = last.bytes.dropLast(left)
                left = 0
            }
        }
    }
}
