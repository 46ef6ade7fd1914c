// SPDX-License-Identifier: Apache-2.0

/// Bounds applied to a node's result; nil means unbounded. Relu is `lower: 0`, ReLU6 `lower: 0,
/// upper: 6`.
package struct Clamp: Hashable, Sendable, Codable {
    /// Least result; nil where there is no such bound.
    package var lower: Float?
    /// Largest result; nil where there is no such bound.
    package var upper: Float?

    /// No bounds.
    package static let none = Clamp()

    /// Bounds as given.
    package init(lower: Float? = nil, upper: Float? = nil) {
        self.lower = lower
        self.upper = upper
    }

    /// Bounds of applying `self` first and `next` after it.
    package func followed(by next: Clamp) -> Clamp {
        func limit(_ value: Float) -> Float {
            min(max(value, next.lower ?? -.infinity), next.upper ?? .infinity)
        }
        let low = limit(lower ?? -.infinity)
        let high = limit(upper ?? .infinity)
        return Clamp(
            lower: low == -.infinity ? nil : low, upper: high == .infinity ? nil : high)
    }
}

extension Clamp: CustomStringConvertible {
    /// `relu`, `relu6`, or the bounds; empty where there are none.
    package var description: String {
        switch (lower, upper) {
        case (nil, nil): ""
        case (0, nil): "relu"
        case (0, 6): "relu6"
        case (let lower, let upper):
            "[\(lower.map { "\($0)" } ?? "-inf"), \(upper.map { "\($0)" } ?? "inf")]"
        }
    }
}
