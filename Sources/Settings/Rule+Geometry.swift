// SPDX-License-Identifier: Apache-2.0

import Yams

/// Largest image extent in pixels that a configuration may name.
let largestExtent = 16_384

/// Most channels that a configuration may give values for.
let largestChannelCount = 4_096

extension Rule where Value == ResizeShortSide {
    static let resize = Rule(
        expected: "an integer from 1 to \(largestExtent), none or derived",
        parse: { node in
            switch node.scalar?.string {
            case "none": .off
            case "derived": .derived
            default: node.plainText.flatMap { Int($0) }.map { .pixels($0) }
            }
        },
        isValid: { value in
            guard case .pixels(let count) = value else { return true }
            return (1...largestExtent).contains(count)
        },
        text: { $0.description })
}

extension Rule where Value == Crop {
    static let crop = Rule(
        expected: "an integer from 1 to \(largestExtent), [height, width] or model_input",
        parse: { node in
            if node.scalar?.string == "model_input" { return .modelInput }
            if let extent = node.plainText.flatMap({ Int($0) }) {
                return .size(height: extent, width: extent)
            }
            guard let items = node.sequence, items.count == 2,
                let height = items[0].plainText.flatMap({ Int($0) }),
                let width = items[1].plainText.flatMap({ Int($0) })
            else { return nil }
            return .size(height: height, width: width)
        },
        isValid: { value in
            guard case .size(let height, let width) = value else { return true }
            return (1...largestExtent).contains(height) && (1...largestExtent).contains(width)
        },
        text: { $0.description })
}
