// SPDX-License-Identifier: Apache-2.0

import Yams

/// Every key of the configuration, in the order of the documentation.
enum Schema {
    private static let images = 1...1_000_000_000
    private static let share = Rule.number("a number from 0 to below 1") { $0 >= 0 && $0 < 1 }

    static let fields: [Field] = [
        Field("model", \.model, .path),
        Field("quantized", \.quantized, .path, absent: "none"),
        Field("input_shape", \.inputShape, .inputShapes, absent: "none"),
        Field("images", \.images, .path),
        Field("out", \.out, .path, absent: "none"),
        Field("method", \.method, .methods),
        Field("limit", \.limit, .integer(images), absent: "all"),
        Field("range_images", \.rangeImages, .integer(images)),
        Field("ibc_images", \.ibcImages, .integer(images)),
        Field("shard_images", \.shardImages, .integer(1...65_536)),
        Field("guard_images", \.guardImages, .integer(images), absent: "none"),
        Field("weights.granularity", \.weightGranularity, .choice),
        Field("weights.scheme", \.weightScheme, .choice),
        Field("weights.bits", \.weightBits, .integer(4...8)),
        Field("weights.scale", \.weightScale, .choice),
        Field("weights.type", \.weightType, .choice),
        Field("weights.saturation", \.weightSaturation, .choice),
        Field("activations.type", \.activationType, .choice),
        Field("activations.range", \.activationRange, .choice),
        Field(
            "activations.percentile", \.activationPercentile,
            .number("a number above 50, at most 100") { $0 > 50 && $0 <= 100 }),
        Field("output.quantized", \.outputQuantized, .boolean),
        Field("dead_channels.remove", \.removeDeadChannels, .boolean),
        Field("equalization", \.equalization, .choice),
        Field("match", \.match, .choice),
        Field("match_iterations", \.matchIterations, .integer(1...100)),
        Field("bft.images", \.bftImages, .integer(images)),
        Field("bft.mirror", \.bftMirror, .boolean),
        Field("bft.epochs", \.bftEpochs, .integer(1...100_000)),
        Field("bft.batch", \.bftBatch, .integer(1...65_536)),
        Field("bft.shard_images", \.bftShardImages, .integer(1...4_096)),
        Field(
            "bft.learning_rate", \.bftLearningRate, .number("a number above 0") { $0 > 0 }),
        Field("bft.optimizer", \.bftOptimizer, .choice),
        Field("bft.momentum", \.bftMomentum, share),
        Field("bft.schedule", \.bftSchedule, .choice),
        Field("bft.step_epochs", \.bftStepEpochs, .integer(1...100_000)),
        Field(
            "bft.step_factor", \.bftStepFactor,
            .number("a number above 0, at most 1") { $0 > 0 && $0 <= 1 }),
        Field("bft.warmup", \.bftWarmup, share),
        Field("bft.loss", \.bftLoss, .choice),
        Field("bft.temperature", \.bftTemperature, .number("a number above 0") { $0 > 0 }),
        Field("bft.validation", \.bftValidation, share),
        Field("bft.patience", \.bftPatience, .integer(0...100_000)),
        Field("bft.seed", \.bftSeed, .integer(0...Int(Int32.max))),
        Field("preprocessing.resize_short_side", \.resizeShortSide, .resize),
        Field("preprocessing.crop", \.crop, .crop),
        Field("preprocessing.geometry", \.geometry, .choice),
        Field("preprocessing.interpolation", \.interpolation, .choice),
        Field("preprocessing.channel_order", \.channelOrder, .choice),
        Field("preprocessing.mean", \.mean, .perChannel("number") { _ in true }),
        Field("preprocessing.std", \.std, .perChannel("number above 0") { $0 > 0 }),
        Field("preprocessing.exif_orientation", \.exifOrientation, .choice),
        Field("labels.file", \.labelsFile, .path, absent: "none"),
        Field("labels.offset", \.labelsOffset, .integer(-1000...1000)),
        Field("cluster.workers", \.workers, .integer(1...1024)),
        Field("cluster.threads", \.threads, .integer(1...1024)),
        Field("cluster.listen", \.listen, .endpoint, absent: "none"),
        Field(
            "cluster.lease_seconds", \.leaseSeconds,
            .number("a number from 0.1 to 3600") { $0 >= 0.1 && $0 <= 3600 }),
        Field(
            "cluster.shard_lease_seconds", \.shardLeaseSeconds,
            .number("a number from 1 to 86400") { $0 >= 1 && $0 <= 86_400 }),
        Field(
            "cluster.audit", \.audit,
            .number("a share from 0 to 1") { $0 >= 0 && $0 <= 1 }),
        Field("skip_bad_images", \.skipBadImages, .boolean),
    ]

    static let fieldsByKey = Dictionary(uniqueKeysWithValues: fields.map { ($0.key, $0) })

    /// Keys directly inside `section` (nil: at the top), with their full path, in order.
    static func keys(in section: String?) -> [String] {
        let prefix = section.map { $0 + "." } ?? ""
        var seen: Set<String> = []
        return fields.filter { $0.key.hasPrefix(prefix) }.compactMap { field in
            let name = field.key.dropFirst(prefix.count).prefix { $0 != "." }
            return seen.insert(String(name)).inserted ? prefix + name : nil
        }
    }

    /// Whether `key` groups others.
    static func isSection(_ key: String) -> Bool {
        fields.contains { $0.key.hasPrefix(key + ".") }
    }
}

/// One key: everything that depends on the type of its value, hidden in functions.
struct Field: Sendable {
    /// Dotted path.
    let key: String
    /// Stores a node's value; false if its type or range is wrong.
    let read: @Sendable (Node, inout PartialConfiguration) -> Bool
    /// Completes the sentence "expected …".
    let expected: String
    /// Copies the value from the first to the second, if there is one.
    let merge: @Sendable (PartialConfiguration, inout PartialConfiguration) -> Void
    /// Validates the value, if there is one.
    let check: @Sendable (PartialConfiguration) -> SettingsError?
    /// Whether there is a value.
    let isGiven: @Sendable (PartialConfiguration) -> Bool
    /// The value for the log.
    let text: @Sendable (PartialConfiguration) -> String

    /// `absent` says what it means that the key is not set; nil if it must be, so that YAML's
    /// null is not a value.
    init<Value: Sendable>(
        _ key: String,
        _ path: any WritableKeyPath<PartialConfiguration, Value?> & Sendable,
        _ rule: Rule<Value>, absent: String? = nil
    ) {
        self.key = key
        expected = absent == nil ? rule.expected : "\(rule.expected), or nothing"
        read = { node, configuration in
            if absent != nil, node.isNull { return true }
            guard let value = rule.parse(node), rule.isValid(value) else { return false }
            configuration[keyPath: path] = value
            return true
        }
        merge = { source, target in
            if let value = source[keyPath: path] { target[keyPath: path] = value }
        }
        check = { configuration in
            guard let value = configuration[keyPath: path], !rule.isValid(value) else {
                return nil
            }
            return SettingsError(
                .invalidValue(rule.text(value), expected: rule.expected), key: key)
        }
        isGiven = { $0[keyPath: path] != nil }
        text = { configuration in
            configuration[keyPath: path].map(rule.text) ?? absent ?? "none"
        }
    }
}
