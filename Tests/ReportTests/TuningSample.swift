// SPDX-License-Identifier: Apache-2.0

import Calibration
import Foundation

extension Samples {
    static func tuning(best: Int, diverged: [Int] = []) throws -> TuningSummary {
        let object: [String: Any] = [
            "images": 40, "validationImages": 4, "stepsPerEpoch": 3,
            "stepLosses": [0.9, 0.8, 0.7, 0.6, 0.65, 0.6],
            "validationLosses": [0.9, 0.7, NSNull()],
            "startLoss": 0.9, "bestLoss": 0.7, "bestEpoch": best, "divergedEpochs": diverged,
            "ending": "completed", "outcome": "improved", "layers": [Any](),
        ]
        return try JSONDecoder().decode(
            TuningSummary.self, from: JSONSerialization.data(withJSONObject: object))
    }
}
