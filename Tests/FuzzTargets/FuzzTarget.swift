// SPDX-License-Identifier: Apache-2.0

import Calibration
import Cluster
import JobState
import NetworkGraph
import Quantization
import Storage

/// A decoder that reads bytes from the network or from a file, as something to try bytes on.
///
/// Input is a list of frames: the frames of a message, or files that belong together.
package enum FuzzTarget: String, CaseIterable, Sendable {
    case message, network, quantized, rescaling, target, biases, safetensors, checkpoint, resume
    case results, task

    /// What decoded once has to survive encoding and decoding again.
    package struct Broken: Error, CustomStringConvertible {
        package var description: String
    }

    /// Decodes the input. What the decoder refuses is fine, and so is what it accepts, if it is the
    /// same after another turn; traps, hangs and memory without bound are for the caller to notice.
    /// - Returns: whether it was accepted.
    /// - Throws: ``Broken``.
    package func run(_ frames: [[UInt8]]) throws -> Bool {
        switch self {
        case .message: try Self.message(frames)
        case .network:
            try Self.again(frames.first ?? [], decode: NetworkBlob.init(decoding:)) {
                try $0.encoded()
            }
        case .quantized:
            try Self.again(frames.first ?? [], decode: QuantizedNetworkBlob.decode) {
                try QuantizedNetworkBlob.encode($0)
            }
        case .rescaling:
            try Self.again(
                frames.first ?? [],
                decode: {
                    try ChannelRescaling(decoding: $0, for: FuzzSamples.shared.quantized.graph)
                }, encode: { try $0.encoded() })
        case .target: try Self.target(frames.first ?? [])
        case .biases: try Self.biases(frames.first ?? [])
        case .safetensors: try Self.safetensors(frames.first ?? [])
        case .checkpoint: try Self.checkpoint(frames) != nil
        case .resume: try Self.resume(frames)
        case .results: try Self.results(frames)
        case .task: try Self.task(frames)
        }
    }

    /// Decodes, encodes and decodes again: both encodings must be the same bytes. Values are not
    /// compared: NaN differs from itself.
    private static func again<Value>(
        _ bytes: [UInt8], decode: ([UInt8]) throws -> Value, encode: (Value) throws -> [UInt8]
    ) throws -> Bool {
        guard let value = try? decode(bytes) else { return false }
        let encoded = try encode(value)
        guard try encode(decode(encoded)) == encoded else {
            throw Broken(description: "another turn gives other bytes")
        }
        return true
    }

    private static func message(_ frames: [[UInt8]]) throws -> Bool {
        guard let message = try? MessageCodec.decode(frames) else { return false }
        guard try MessageCodec.decode(MessageCodec.encode(message)) == message else {
            throw Broken(description: "another turn gives another message")
        }
        return true
    }

    private static func target(_ bytes: [UInt8]) throws -> Bool {
        var isAccepted = false
        for loss in TuningOptions.Loss.allCases {
            guard let target = try? TuningTarget(decoding: bytes, for: loss) else { continue }
            isAccepted = true
            guard target.encoded() == bytes else {
                throw Broken(description: "a target of \(loss) changes its bytes")
            }
            // What a worker asks before it computes with it.
            _ = TuningLoss(loss, temperature: 1).takes(target, classes: 3)
        }
        return isAccepted
    }

    private static func biases(_ bytes: [UInt8]) throws -> Bool {
        guard let biases = BiasState(decoding: bytes, for: FuzzSamples.shared.quantized) else {
            return false
        }
        guard biases.encoded() == bytes else {
            throw Broken(description: "biases change their bytes")
        }
        return true
    }

    private static func safetensors(_ bytes: [UInt8]) throws -> Bool {
        // The seal refuses nearly everything; what is behind it gets its turn below.
        _ = try? SafetensorsFile(sealed: bytes)
        guard let file = try? SafetensorsFile(decoding: bytes) else { return false }
        guard try SafetensorsFile(decoding: file.encoded()) == file else {
            throw Broken(description: "another turn gives another file")
        }
        let sealed = try SafetensorsFile(sealed: file.sealed())
        var expected = file
        expected.metadata[SafetensorsFile.sealKey] = sealed.metadata[SafetensorsFile.sealKey]
        guard sealed == expected else {
            throw Broken(description: "sealing changes the file")
        }
        return true
    }

    private static func checkpoint(_ frames: [[UInt8]]) throws -> JobCheckpoint? {
        guard let first = frames.first, let file = try? SafetensorsFile(decoding: first) else {
            return nil
        }
        let statistics = frames.count > 1 ? try? SafetensorsFile(decoding: frames[1]) : nil
        guard let checkpoint = try? JobCheckpoint(file, statistics: statistics) else { return nil }
        let encoded = try checkpoint.file().encoded()
        let again = try JobCheckpoint(
            SafetensorsFile(decoding: encoded), statistics: try checkpoint.statisticsFile())
        guard try again.file().encoded() == encoded else {
            throw Broken(description: "another turn gives another checkpoint")
        }
        return checkpoint
    }

    /// A job that goes on from whatever the checkpoint says, through its first decision.
    private static func resume(_ frames: [[UInt8]]) throws -> Bool {
        guard let checkpoint = try checkpoint(frames),
            let job = try? FuzzSamples.shared.job(resuming: checkpoint.progress)
        else { return false }
        _ = job.nextRound
        _ = job.result
        return true
    }

    /// Results of a round, the number of which is in the first frame: what has the right form must
    /// not end the process, whatever its numbers say.
    private static func results(_ frames: [[UInt8]]) throws -> Bool {
        let states = FuzzSamples.shared.states
        guard let index = frames.first?.first, Int(index) < states.count,
            var job = try? FuzzSamples.shared.job(resuming: states[Int(index)]),
            let round = job.nextRound, frames.count == 1 + round.shards.count
        else { return false }
        let shape = ResultShape(of: round.kind, in: job.network.graph)
        guard
            zip(frames.dropFirst(), round.shards).allSatisfy({
                shape.fits($0, images: $1.images.count)
            })
        else { return false }
        try? job.complete(Array(frames.dropFirst()))
        _ = job.nextRound
        _ = job.result
        return true
    }

    /// A task with biases, in two frames, its images, and its targets, for the samples' networks: a
    /// worker computes what fits them, and a result has its round's form.
    private static func task(_ frames: [[UInt8]]) throws -> Bool {
        guard case .task(let task)? = try? MessageCodec.decode(Array(frames.prefix(2))) else {
            return false
        }
        let (samples, blobs) = (FuzzSamples.shared, frames.dropFirst(2))
        var host = ComputerHost(threads: 1)
        let outcome = host.compute(
            ComputeRequest(
                task: task, network: samples.networkBlob,
                quantized: task.quantized.map { _ in samples.quantizedBlob },
                rescaling: task.rescaling.map { _ in samples.rescalingBlob },
                images: Array(blobs.prefix(task.images.count)),
                targets: Array(blobs.dropFirst(task.images.count))))
        guard case .computed(_, _, let payload) = outcome else { return false }
        let shape = ResultShape(of: task.kind, in: samples.quantized.graph)
        guard shape.fits(payload, images: task.images.count) else {
            throw Broken(description: "a result has not the form of its round")
        }
        return true
    }
}
