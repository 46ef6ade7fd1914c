// SPDX-License-Identifier: Apache-2.0

import Foundation

/// A ratio of signal to noise.
struct Decibels {
    var value: Double

    /// - Parameter share: root mean square of the noise as a share of that of the signal, at least
    ///   0.
    init(ofNoise share: Double) { value = share > 0 ? -20 * log10(share) : .infinity }
}
