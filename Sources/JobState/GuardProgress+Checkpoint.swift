// SPDX-License-Identifier: Apache-2.0

import Calibration
import Storage

/// State of the guard in a checkpoint: tensors `guard.*`. Its logits lie in the file beside it.
extension SafetensorsFile {
    mutating func add(_ guarding: GuardProgress) throws {
        try add("guard.losses", guarding.losses)
        try add("guard.best", [guarding.best])
        try add("guard.rejected-layers", guarding.rejectedLayers.map(Int64.init))
        try add("guard.rejects-tuning", [Int64(guarding.rejectsTuning ? 1 : 0)])
    }

    /// Nil without a guard.
    /// - Throws: `SafetensorsError`, naming the field.
    func guarding() throws -> GuardProgress? {
        guard self["guard.losses"] != nil else { return nil }
        var guarding = GuardProgress()
        guarding.losses = try doubles("guard.losses")
        guarding.best = try doubles("guard.best", shape: [1])[0]
        guarding.rejectedLayers = try int64s("guard.rejected-layers").map(Int.init)
        guarding.rejectsTuning = try int64s("guard.rejects-tuning", shape: [1])[0] != 0
        return guarding
    }
}
