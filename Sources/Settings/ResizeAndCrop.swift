// SPDX-License-Identifier: Apache-2.0

/// Extent to which an image's shorter side is resized before the crop.
package enum ResizeShortSide: Hashable, Sendable {
    /// `round(longer side of the crop / 0.875)`.
    case derived
    /// No resizing.
    case off
    /// Pixels, at least 1.
    case pixels(Int)
}

extension ResizeShortSide: CustomStringConvertible {
    package var description: String {
        switch self {
        case .derived: "derived"
        case .off: "none"
        case .pixels(let count): String(count)
        }
    }
}

extension ResizeShortSide: Codable {
    /// A number of pixels, `derived` or `none`. Their range is not checked.
    package init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if let count = try? container.decode(Int.self) {
            self = .pixels(count)
            return
        }
        switch try container.decode(String.self) {
        case "derived": self = .derived
        case "none": self = .off
        default:
            throw DecodingError.dataCorruptedError(
                in: container, debugDescription: "expected pixels, derived or none")
        }
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        if case .pixels(let count) = self {
            try container.encode(count)
        } else {
            try container.encode(description)
        }
    }
}

/// Extent of the centre crop.
package enum Crop: Hashable, Sendable {
    /// The model's input.
    case modelInput
    /// Rows and columns, each at least 1.
    case size(height: Int, width: Int)
}

extension Crop: CustomStringConvertible {
    package var description: String {
        switch self {
        case .modelInput: "model_input"
        case .size(let height, let width): "[\(height), \(width)]"
        }
    }
}

extension Crop: Codable {
    /// `[height, width]` or `model_input`. Their range is not checked.
    package init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if let extents = try? container.decode([Int].self), extents.count == 2 {
            self = .size(height: extents[0], width: extents[1])
        } else if try container.decode(String.self) == "model_input" {
            self = .modelInput
        } else {
            throw DecodingError.dataCorruptedError(
                in: container, debugDescription: "expected [height, width] or model_input")
        }
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        switch self {
        case .modelInput: try container.encode(description)
        case .size(let height, let width): try container.encode([height, width])
        }
    }
}
