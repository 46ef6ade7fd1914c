// SPDX-License-Identifier: Apache-2.0

package import Calibration
import JobState
package import NetworkGraph
import Quantization
package import Storage

/// What became of a task.
package enum ComputeOutcome: Sendable {
    /// The shard's result, and the digest of the biases that it was computed with.
    case computed(TaskID, biases: Digest, payload: [UInt8])
    /// The task or one of its blobs cannot be computed, for this reason.
    case failed(TaskID, reason: String)
}

/// Computes tasks one after the other, and keeps the computer for the networks of the latest.
///
/// Tasks and blobs are another machine's: whatever is wrong with them is an outcome and not a trap.
package struct ComputerHost {
    private let threads: Int
    private var network: Digest?
    private var quantized: Digest?
    private var computer: ShardComputer?
    private var layout: QuantizedLayout?
    private var rescaling: (digest: Digest, value: ChannelRescaling)?

    private struct QuantizedLayout {
        var decode: ([UInt8]) -> BiasState?
    }

    /// - Parameter threads: that split the images of a shard, at least 1.
    package init(threads: Int) { self.threads = threads }

    /// Decodes what the request brings, as far as it is not at hand, and computes the shard.
    package mutating func compute(_ request: ComputeRequest) -> ComputeOutcome {
        let task = request.task
        do {
            let computer = try prepare(request)
            let images = try zip(task.images, request.images).map {
                try $0.reference.payload($1, inputs: computer.graph.inputs)
            }
            let biases = try biases(of: task)
            let rescaling = try rescaling(of: request, for: computer.graph)
            let targets = try request.targets.map { bytes in
                guard let loss = task.kind.loss else { throw WireError(.field("target")) }
                return try TuningTarget(decoding: bytes, for: loss.kind)
            }
            let payload = try computer.compute(
                ShardTask(
                    kind: task.kind,
                    shard: Shard(index: task.id.shard, images: task.images.map(\.position)),
                    biases: biases, round: task.id.round, rescaling: rescaling),
                images: images, targets: targets)
            return .computed(task.id, biases: task.biasDigest, payload: payload)
        } catch {
            return .failed(task.id, reason: "\(error)")
        }
    }

    /// None in rounds of the float network.
    private func biases(of task: TaskMessage) throws -> BiasState {
        guard task.kind.needsQuantizedNetwork else { return BiasState(layers: []) }
        guard let state = layout?.decode(task.biases) else { throw WireError(.field("biases")) }
        return state
    }

    private mutating func rescaling(
        of request: ComputeRequest, for graph: Graph
    ) throws -> ChannelRescaling? {
        guard let digest = request.task.rescaling else { return nil }
        if let rescaling, rescaling.digest == digest { return rescaling.value }
        let value = try ChannelRescaling(decoding: request.rescaling ?? [], for: graph)
        rescaling = (digest, value)
        return value
    }

    private mutating func prepare(_ request: ComputeRequest) throws -> ShardComputer {
        let task = request.task
        let current: ShardComputer
        if let computer, network == task.network {
            current = computer
        } else {
            let blob = try NetworkBlob(decoding: request.network)
            current = ShardComputer(
                network: blob.network, encoding: blob.encoding, threads: threads)
            computer = current
            network = task.network
            quantized = nil
            layout = nil
            rescaling = nil
        }
        if let digest = task.quantized, digest != quantized, let bytes = request.quantized {
            let network = try QuantizedNetworkBlob.decode(bytes)
            try current.load(network)
            quantized = digest
            layout = QuantizedLayout { BiasState(decoding: $0, for: network) }
        }
        // That of an earlier task would do as well, and give other bits.
        if task.kind.needsQuantizedNetwork, quantized == nil || quantized != task.quantized {
            throw WireError(.field("quantized_digest"))
        }
        return current
    }
}

extension ImageReference {
    /// The blob as an image of the network: pixels of its first input, or the values of all
    /// inputs, one after the other. Only images of one input can be mirrored.
    package func payload(
        _ bytes: [UInt8], inputs: [Graph.Input]
    ) throws(WireError) -> InputPayload {
        let shape = inputs[0].shape
        let count = isTensor ? inputs.reduce(0) { $0 + $1.shape.count } : shape.count
        guard bytes.count == count * (isTensor ? 4 : 1), !isMirrored || inputs.count == 1 else {
            throw WireError(.field("images"))
        }
        let plain: InputPayload =
            isTensor
            ? .tensor(
                bytes.withUnsafeBytes { source in
                    (0..<count).map {
                        source.loadUnaligned(fromByteOffset: 4 * $0, as: Float.self)
                    }
                }) : .pixels(bytes)
        return isMirrored ? plain.mirrored(width: shape.width, channels: shape.channels) : plain
    }
}
