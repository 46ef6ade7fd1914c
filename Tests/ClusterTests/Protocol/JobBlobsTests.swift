// SPDX-License-Identifier: Apache-2.0

import Calibration
import JobSamples
import JobState
import NetworkGraph
import Quantization
import Storage
import Testing

@testable import Cluster

@Suite struct JobBlobsTests {
    @Test func onlyRoundsThatNeedItNameTheRescaling() throws {
        let simulated = SimulatedJob.prepared
        let ended = try simulated.job(resuming: simulated.progress)
        let equalization = try #require(ended.equalization)
        var job = try simulated.job()
        var blobs = try JobBlobs(
            network: simulated.networkBlob, images: simulated.references, job: job)
        var named: Set<Digest> = []
        while let round = job.nextRound {
            let context = blobs.context(of: round, in: job)
            #expect(context.network == simulated.networkBlob.digest)
            #expect((context.rescaling != nil) == round.kind.needsRescaling)
            if let digest = context.rescaling {
                named.insert(digest)
                let bytes = try #require(blobs.bytes[digest])
                #expect(
                    try ChannelRescaling(decoding: bytes, for: simulated.network.graph)
                        == equalization.rescaling)
            }
            try job.complete(simulated.rounds[round.index])
            try blobs.update(with: job)
        }
        #expect(named.count == 1)
    }
}

extension SimulatedJob {
    /// The pool as a coordinator serves it.
    var references: [(reference: ImageReference, bytes: [UInt8])] {
        images.map { (ImageReference(digest: $0.digest, isTensor: false), $0.bytes) }
    }
}
