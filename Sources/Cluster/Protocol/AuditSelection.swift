// SPDX-License-Identifier: Apache-2.0

import Calibration
import Storage

/// Which shards a second worker computes again: a share of them that the job's digest decides.
struct AuditSelection: Hashable, Sendable {
    let job: Digest
    /// In [0, 1].
    let share: Double

    func includes(_ shard: Int, ofRound round: Int) -> Bool {
        if share <= 0 { return false }
        if share >= 1 { return true }
        let digest = Digest.sha256(of: "\(job.hex) \(round) \(shard)")
        let number = digest.bytes.prefix(8).reduce(0 as UInt64) { $0 << 8 | UInt64($1) }
        return Double(number) / 0x1p64 < share
    }
}
