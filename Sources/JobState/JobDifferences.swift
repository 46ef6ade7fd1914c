// SPDX-License-Identifier: Apache-2.0

package import Calibration
import Quantization

/// Differences between two starts of a job, in the user's words: keys of the configuration, old and
/// new values, files.
package enum JobDifferences {
    /// Names listed before only their number is given.
    private static let namesListed = 3

    /// Differing keys of the configuration that decide the bits. A key without effect on either
    /// side is not listed.
    package static func of(
        _ old: CalibrationOptions, _ new: CalibrationOptions
    ) -> [String] {
        let (before, after) = (old.keyValues, new.keyValues)
        return before.compactMap { key, value in
            guard let other = after.first(where: { $0.key == key })?.value, other != value else {
                return nil
            }
            return change(key, value, other)
        }
    }

    /// Differing model, preprocessing and images.
    package static func of(_ old: JobRecord, _ new: JobRecord) -> [String] {
        var differences: [String] = []
        if old.model.digest != new.model.digest {
            differences.append(
                "the model: \(old.model.name) with SHA-256 \(old.model.digest.prefix(12)) then, "
                    + "\(new.model.name) with \(new.model.digest.prefix(12)) now")
        }
        if old.quantized?.digest != new.quantized?.digest {
            func named(_ image: JobRecord.Image?) -> String {
                image.map { "\($0.name) with SHA-256 \($0.digest.prefix(12))" } ?? "none"
            }
            differences.append(
                change("the quantized model", named(old.quantized), named(new.quantized)))
        }
        let changes = settings(old, new) { $0.hasPrefix("preprocessing.") }
        // With another preprocessing every image has other pixels; that says nothing about the
        // files.
        return differences + changes
            + images(old.images, new.images, comparesContent: changes.isEmpty)
    }

    /// Differing keys of the whole configuration but those that never decide the bits; for keys
    /// ``of(_:_:)`` does not know.
    package static func otherSettings(_ old: JobRecord, _ new: JobRecord) -> [String] {
        let without: Set = [
            "model", "quantized", "images", "out", "limit", "labels.file", "skip_bad_images",
        ]
        return settings(old, new) {
            !without.contains($0) && !$0.hasPrefix("cluster.") && !$0.hasPrefix("preprocessing.")
        }
    }

    private static func settings(
        _ old: JobRecord, _ new: JobRecord, where isWanted: (String) -> Bool
    ) -> [String] {
        old.configuration.keys.filter(isWanted).sorted().compactMap { key in
            guard let value = old.configuration[key], let other = new.configuration[key],
                value != other
            else { return nil }
            return change(key, value, other)
        }
    }

    /// Images added, removed, altered or in another order.
    private static func images(
        _ old: [JobRecord.Image], _ new: [JobRecord.Image], comparesContent: Bool
    ) -> [String] {
        let before = Dictionary(old.map { ($0.name, $0.digest) }, uniquingKeysWith: { $1 })
        let after = Dictionary(new.map { ($0.name, $0.digest) }, uniquingKeysWith: { $1 })
        let removed = old.map(\.name).filter { after[$0] == nil }
        let added = new.map(\.name).filter { before[$0] == nil }
        let altered = new.filter { image in
            before[image.name].map { comparesContent && $0 != image.digest } ?? false
        }.map(\.name)
        var differences: [String] = []
        if old.count != new.count {
            differences.append("the number of images (\(old.count) then, \(new.count) now)")
        }
        if !removed.isEmpty { differences.append("images removed: " + list(removed)) }
        if !added.isEmpty { differences.append("images added: " + list(added)) }
        if !altered.isEmpty { differences.append("images altered: " + list(altered)) }
        let common = (
            old.map(\.name).filter { after[$0] != nil },
            new.map(\.name).filter { before[$0] != nil }
        )
        if let position = zip(common.0, common.1).enumerated().first(where: { $1.0 != $1.1 }) {
            differences.append(
                "images in another order, first at position \(position.offset + 1): "
                    + "\(position.element.0) then, \(position.element.1) now")
        }
        return differences
    }

    /// `KEY (OLD then, NEW now)`.
    package static func change(_ key: String, _ old: String, _ new: String) -> String {
        "\(key) (\(old) then, \(new) now)"
    }

    private static func list(_ names: [String]) -> String {
        names.prefix(namesListed).joined(separator: ", ")
            + (names.count > namesListed ? " and \(names.count - namesListed) more" : "")
    }
}

extension CalibrationOptions {
    /// Keys of the configuration with their values; keys of methods that do not run are absent.
    fileprivate var keyValues: [(key: String, value: String)] {
        var methods: [String] = []
        if correction != nil { methods.append("ibc") }
        if tuning != nil { methods.append("bft") }
        var list: [(key: String, value: String)] = [
            ("method", methods.isEmpty ? "none" : methods.joined(separator: ",")),
            ("range_images", "\(rangeImages)"), ("ibc_images", "\(correctionImages)"),
            ("shard_images", "\(shardImages)"),
            ("weights.granularity", scheme.granularity.rawValue),
            ("weights.scheme", scheme.symmetry.rawValue), ("weights.bits", "\(scheme.weightBits)"),
            ("weights.scale", scheme.weightScale.rawValue),
            ("weights.type", scheme.weightStorage.rawValue),
            ("weights.saturation", scheme.weightSaturation.rawValue),
            ("activations.type", "\(scheme.activationType)"),
            ("activations.range", range.name),
            ("guard_images", guardImages.map { "\($0)" } ?? "none"),
            ("equalization", equalization?.rawValue ?? "none"),
            ("output.quantized", "\(scheme.quantizesOutput)"),
            ("dead_channels.remove", "\(removesDeadChannels)"),
        ]
        if let correction {
            list.append(("match", correction.match.rawValue))
            if correction.match == .post {
                list.append(("match_iterations", "\(correction.iterations)"))
            }
        }
        if case .percentile(let percentile) = range {
            list.append(("activations.percentile", "\(percentile)"))
        }
        if let tuning { list += tuning.keyValues + [("bft.shard_images", "\(tuningShardImages)")] }
        return list
    }
}

extension RangeEstimator {
    fileprivate var name: String {
        switch self {
        case .minmax: "minmax"
        case .percentile: "percentile"
        case .mse: "mse"
        }
    }
}

extension TuningOptions {
    fileprivate var keyValues: [(key: String, value: String)] {
        var list: [(key: String, value: String)] = [
            ("bft.images", "\(images)"), ("bft.mirror", "\(mirrors)"),
            ("bft.epochs", "\(epochs)"), ("bft.batch", "\(batch)"),
            ("bft.learning_rate", "\(learningRate)"), ("bft.loss", loss.rawValue),
            ("bft.validation", "\(validationShare)"), ("bft.patience", "\(patience)"),
            ("bft.seed", "\(seed)"),
        ]
        if loss == .kl { list.append(("bft.temperature", "\(temperature)")) }
        switch optimizer {
        case .adam: list.append(("bft.optimizer", "adam"))
        case .sgd(let momentum):
            list += [("bft.optimizer", "sgd"), ("bft.momentum", "\(momentum)")]
        }
        switch schedule {
        case .constant: list.append(("bft.schedule", "constant"))
        case .cosine: list.append(("bft.schedule", "cosine"))
        case .step(let epochs, let factor):
            list += [
                ("bft.schedule", "step"), ("bft.step_epochs", "\(epochs)"),
                ("bft.step_factor", "\(factor)"),
            ]
        }
        switch warmup {
        case .share(let share): list.append(("bft.warmup", "\(share)"))
        case .steps(let steps): list.append(("bft.warmup", "\(steps) steps"))
        }
        return list
    }
}
