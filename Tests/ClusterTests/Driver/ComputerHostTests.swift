// SPDX-License-Identifier: Apache-2.0

import Calibration
import Cluster
import JobSamples
import JobState
import NetworkGraph
import Quantization
import Storage
import Testing

/// Tasks that decode and make no sense: a worker answers each with a failure, and goes on.
@Suite struct ComputerHostTests {
    private let simulated = SimulatedJob.pre
    private let quantized: QuantizedNetwork

    init() throws {
        quantized = try #require(try simulated.job(resuming: simulated.progress).quantized)
    }

    private func request(
        _ kind: RoundKind, images: Int = 2, quantized network: QuantizedNetwork? = nil
    ) throws -> ComputeRequest {
        let quantized = try QuantizedNetworkBlob.encode(network ?? self.quantized)
        let images = Array(simulated.images.prefix(images))
        return ComputeRequest(
            task: TaskMessage(
                id: TaskID(job: simulated.digest, epoch: 1, round: 3, shard: 0, attempt: 0),
                kind: kind,
                images: images.enumerated().map {
                    TaskImage(
                        position: $0,
                        reference: ImageReference(digest: $1.digest, isTensor: false))
                }, network: simulated.networkBlob.digest,
                quantized: Digest.sha256(of: quantized),
                biases: BiasState(of: self.quantized).encoded()),
            network: simulated.networkBlob.bytes, quantized: quantized, rescaling: nil,
            images: images.map(\.bytes), targets: [])
    }

    /// - Returns: the reason of the failure; nil for a result.
    private func failure(_ request: ComputeRequest, _ host: inout ComputerHost) -> String? {
        if case .failed(_, let reason) = host.compute(request) { reason } else { nil }
    }

    @Test func failuresAreAnsweredAndForgotten() throws {
        var host = ComputerHost(threads: 1)
        let sums = RoundKind.layerSums(layer: 1, match: .post)
        let right = try request(sums)
        #expect(failure(right, &host) == nil)
        let absent = try request(.layerSums(layer: 3, match: .pre))
        #expect(failure(absent, &host)?.contains("there is no layer 3") == true)
        var fewer = right
        fewer.images.removeLast()
        #expect(failure(fewer, &host)?.contains("1 images came for 2") == true)
        var swapped = right
        swapped.images[1].append(0)
        #expect(failure(swapped, &host)?.contains("images") == true)
        #expect(failure(right, &host) == nil)
    }

    /// The network of an earlier task is not taken for one that the task does not bring.
    @Test func quantizedNetworksOfEarlierTasks() throws {
        var host = ComputerHost(threads: 1)
        let right = try request(.measure)
        #expect(failure(right, &host) == nil)
        var without = right
        without.task.quantized = nil
        without.quantized = nil
        #expect(failure(without, &host)?.contains("quantized_digest") == true)
        var other = right
        other.task.quantized = Digest.sha256(of: "another")
        other.quantized = nil
        #expect(failure(other, &host)?.contains("quantized_digest") == true)
        #expect(failure(right, &host) == nil)
    }

    @Test func quantizedNetworksOfAnotherGraph() throws {
        var host = ComputerHost(threads: 1)
        var strange = quantized
        strange.graph.inputs.append(
            Graph.Input(
                name: "more", shape: TensorShape(height: 64, width: 64, channels: 8),
                layout: .nchw))
        strange.graph.outputs[0].value += 1
        for index in strange.graph.nodes.indices {
            strange.graph.nodes[index].inputs = strange.graph.nodes[index].inputs.map {
                $0 == 0 ? 0 : $0 + 1
            }
        }
        strange.activations.insert(strange.activations[0], at: 1)
        let request = try request(.measure, quantized: strange)
        #expect(failure(request, &host)?.contains("another graph") == true)
        #expect(failure(try self.request(.measure), &host) == nil)
    }
}
