// SPDX-License-Identifier: Apache-2.0

/// Why a bias patch does not go on a model, or off it.
package struct BiasPatchError: Error, Hashable, Sendable {
    /// What does not fit.
    package enum Code: Hashable, Sendable {
        /// SHA-256 of the model given, and of the one the patch fits.
        case otherModel(found: String, expected: String)
        case alreadyApplied
        case notApplied
        /// A clause without a full stop.
        case malformed(String)
    }

    /// Decides the message.
    package var code: Code
    /// Path of the model, where known.
    package var model: String?
    /// Path of the patch, where known.
    package var patch: String?

    init(_ code: Code) { self.code = code }
}

extension BiasPatchError: CustomStringConvertible {
    package var description: String {
        let model = model ?? "the model"
        let patch = patch ?? "the patch"
        return switch code {
        case .otherModel(let found, let expected):
            "\(patch) does not fit \(model): that has SHA-256 \(found.prefix(12)), the patch is for "
                + "\(expected.prefix(12)). Give the file the patch was made for."
        case .alreadyApplied: "\(model) already has \(patch); --revert takes it off."
        case .notApplied: "\(model) does not have \(patch); without --revert it is put on."
        case .malformed(let detail): "\(patch): \(detail). Give a bias.patch.safetensors."
        }
    }
}
