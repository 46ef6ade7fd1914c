// SPDX-License-Identifier: Apache-2.0

/// Limits of the protocol on the coordinator's side.
package struct CoordinatorLimits: Hashable, Sendable {
    /// A worker that says nothing for so long loses its shards.
    package var lease: Duration
    /// A worker that holds shards and finishes none for so long loses them, however lively its
    /// connection is; a shard that all its holders have had for so long is computed by the
    /// coordinator as well.
    package var shardLease: Duration
    /// Shards one worker holds at a time: one it computes and one that waits.
    package var shardsInFlight = 2
    /// A shard that workers report as failed so often is computed by the coordinator.
    package var failures = 4
    /// A shard whose workers vanish over it so often stops the job, unless they all had one key:
    /// then the coordinator computes it. Higher than ``failures``: most losses are not the shard's
    /// fault.
    package var losses = 8
    /// Share of all shards, in [0, 1], that are computed again by somebody with another key.
    package var auditShare: Double
    /// A job that started over so often is audited as a whole from then on, so that it never has to
    /// again.
    package var startOvers = 2
    /// Shards the coordinator computes at a time when it is alone, or helps out.
    package var shardsHere = 2
    /// A shard is given to a second worker when this share of its round is done
    package var stragglerShare = 0.75
    /// and it has taken longer than this many times the median shard,
    package var stragglerFactor = 2
    /// and longer than this.
    package var stragglerAge = Duration.milliseconds(250)
    /// The same of workers without keys before any shard has come back.
    package var firstStragglerAge = Duration.seconds(2)
    /// Workers that hold a shard at a time.
    package var holders = 4
    /// Where no further worker can take it, the coordinator does after so many times that age.
    package var overdueFactor = 4

    /// - Parameters:
    ///   - lease: above 0.
    ///   - shardLease: above 0; longer than the slowest worker takes for a shard.
    ///   - auditShare: in [0, 1].
    package init(
        lease: Duration, shardLease: Duration = .seconds(60), auditShare: Double = 0
    ) {
        self.lease = lease
        self.shardLease = shardLease
        self.auditShare = auditShare
    }
}
