// SPDX-License-Identifier: Apache-2.0

package import Calibration
import Foundation
import JobState
package import NetworkGraph
import Quantization
import Storage
import Synchronization
import ZeroMQ

/// A worker's compute thread: takes requests in order, answers through a queue the socket thread
/// drains.
final class ComputeService: Sendable {
    enum Outcome: Sendable {
        case computed(TaskID, biases: Digest, payload: [UInt8])
        case failed(TaskID, reason: String)
    }

    private struct State {
        var requests: [ComputeRequest] = []
        var outcomes: [Outcome] = []
        var isStopping = false
    }

    private let state = Mutex(State())
    private let pending = DispatchSemaphore(value: 0)
    private let wakeup: Wakeup
    private let thread = Mutex<DedicatedThread?>(nil)

    /// - Parameters:
    ///   - threads: that split the images of a shard.
    ///   - wakeup: signalled after every outcome.
    /// - Throws: when no thread can be started.
    init(threads: Int, wakeup: Wakeup) throws {
        self.wakeup = wakeup
        let started = try DedicatedThread(name: "compute") { [self] in
            var host = ComputerHost(threads: threads)
            while let request = take() {
                let outcome = host.compute(request)
                state.withLock { $0.outcomes.append(outcome) }
                self.wakeup.signal()
            }
        }
        thread.withLock { $0 = started }
    }

    func submit(_ request: ComputeRequest) {
        state.withLock { $0.requests.append(request) }
        pending.signal()
    }

    func drain() -> [Outcome] {
        state.withLock { state in
            defer { state.outcomes = [] }
            return state.outcomes
        }
    }

    /// Lets the thread end after the shard in work; does not wait for it.
    func stop() {
        state.withLock { $0.isStopping = true }
        pending.signal()
    }

    private func take() -> ComputeRequest? {
        pending.wait()
        return state.withLock { state in
            state.isStopping || state.requests.isEmpty ? nil : state.requests.removeFirst()
        }
    }
}

/// Keeps the computer for the networks of the latest task.
private struct ComputerHost {
    let threads: Int
    var network: Digest?
    var quantized: Digest?
    var computer: ShardComputer?
    var layout: QuantizedLayout?
    var rescaling: (digest: Digest, value: ChannelRescaling)?

    struct QuantizedLayout {
        var decode: ([UInt8]) -> BiasState?
    }

    init(threads: Int) { self.threads = threads }

    mutating func compute(_ request: ComputeRequest) -> ComputeService.Outcome {
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
            current.load(network)
            quantized = digest
            layout = QuantizedLayout { BiasState(decoding: $0, for: network) }
        }
        if task.kind.needsQuantizedNetwork, quantized == nil {
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
