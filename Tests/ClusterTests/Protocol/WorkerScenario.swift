// SPDX-License-Identifier: Apache-2.0

import Storage

@testable import Cluster

/// Blobs in transcripts are the bytes of their names.
extension BlobChunk {
    init(_ name: String) {
        let bytes = Array(name.utf8)
        self.init(
            digest: Digest.sha256(of: name), offset: 0, total: bytes.count, bytes: bytes)
    }
}

extension Message {
    static func chunk(_ name: String) -> Message { .chunk(BlobChunk(name)) }
}

extension WorkerCore.Action {
    static func fetch(_ name: String) -> Self {
        .send(
            .fetch(
                BlobRange(digest: Digest.sha256(of: name), offset: 0, length: BlobChunk.limit)))
    }
}

extension Scenario {
    static func request(_ round: Int, _ shard: Int) -> ComputeRequest {
        ComputeRequest(
            task: task(round, shard), network: Array("network blob".utf8), quantized: nil,
            rescaling: nil, images: [Array("image \(shard)".utf8)], targets: [])
    }

    static func computed(_ round: Int, _ shard: Int) -> WorkerCore.Event {
        let result = result(round, shard)
        return .computed(result.id, biases: result.biases, payload: result.payload)
    }
}

extension WorkerCore {
    mutating func step(_ event: Event, at time: Int = 0) -> [Action] {
        handle(event, at: .milliseconds(time))
    }

    /// A worker that was welcomed and holds the network and some images.
    static func ready(images: Int, limits: WorkerLimits = WorkerLimits()) -> WorkerCore {
        var core = WorkerCore(hello: Scenario.hello(), limits: limits)
        _ = core.step(.connected)
        _ = core.step(.received(.welcome(Scenario.welcome)))
        _ = core.step(.received(.chunk("network blob")))
        for image in 0..<images {
            // A task that is over at once brings its image here.
            _ = core.step(.received(.task(Scenario.task(0, image, attempt: 99))))
            _ = core.step(.received(.chunk("image \(image)")))
            _ = core.step(
                .failed(Scenario.id(0, image, attempt: 99), reason: "only for its image"))
        }
        return core
    }
}
