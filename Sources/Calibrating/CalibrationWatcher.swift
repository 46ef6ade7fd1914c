// SPDX-License-Identifier: Apache-2.0

package import Cluster

/// Whoever follows a calibration: a display, for one.
package protocol CalibrationWatcher {
    /// Something to check of the inputs; comes before the first round.
    func warn(_ text: String)
    /// Progress of the rounds.
    func show(_ news: CoordinatorNews)
    /// Rounds are over, or have failed: there is no more progress.
    func roundsEnded()
    /// The results, which lie in their folder.
    func present(_ results: CalibrationResults) throws
}
