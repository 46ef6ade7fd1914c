// SPDX-License-Identifier: Apache-2.0

import Storage
import ZeroMQ

/// The coordinator's own computer: decides between workers whose results differ, and confirms
/// shards where there is no second worker.
///
/// Most jobs never need it, so it starts with the first shard it is given.
struct Arbiter {
    let wakeup: Wakeup
    private var service: ComputeService?

    /// - Throws: when the process is out of descriptors.
    init() throws { wakeup = try Wakeup() }

    /// Starts computing a shard.
    /// - Parameters:
    ///   - task: what to compute.
    ///   - blobs: everything the task names.
    /// - Throws: when no thread can be started.
    mutating func submit(_ task: TaskMessage, blobs: [Digest: [UInt8]]) throws {
        let service = try service ?? ComputeService(threads: 1, wakeup: wakeup)
        self.service = service
        service.submit(
            ComputeRequest(
                task: task, network: blobs[task.network] ?? [],
                quantized: task.quantized.flatMap { blobs[$0] },
                rescaling: task.rescaling.flatMap { blobs[$0] },
                images: task.images.compactMap { blobs[$0.reference.digest] },
                targets: task.images.compactMap { $0.target.flatMap { blobs[$0] } }))
    }

    /// What came out since the last call.
    func drain() -> [CoordinatorCore.Event] {
        wakeup.drain()
        return (service?.drain() ?? []).map { outcome in
            switch outcome {
            case .computed(let id, _, let payload): .recomputed(id, payload: payload)
            case .failed(let id, let reason): .recomputingFailed(id, reason: reason)
            }
        }
    }

    func stop() { service?.stop() }
}
