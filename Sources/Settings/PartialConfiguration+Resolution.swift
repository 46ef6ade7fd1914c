// SPDX-License-Identifier: Apache-2.0

import Calibration
import Quantization

extension PartialConfiguration {
    /// Fills in the defaults and validates every value and their combination.
    ///
    /// Values from a file were validated where they stood; this reports those from flags.
    /// - Parameter requiringOut: whether the command writes results, so that `out` must be
    ///   given.
    /// - Returns: the resolved configuration.
    /// - Throws: `SettingsError` with code `missing`, `invalidValue` or `conflict`.
    package func resolved(requiringOut: Bool = true) throws(SettingsError) -> Configuration {
        var all = Self.defaults.merging(flags: self)
        all.fillTuning()
        for field in Schema.fields {
            if let error = field.check(all) { throw error }
        }
        let configuration = try Configuration(all)
        if requiringOut { _ = try configuration.outDirectory() }
        try configuration.checkCombinations()
        return configuration
    }

    /// Everything that a resolved configuration says.
    init(_ configuration: Configuration) {
        model = configuration.model
        quantized = configuration.quantized
        inputShape = configuration.inputShape
        images = configuration.images
        out = configuration.out
        method = configuration.method
        limit = configuration.limit
        rangeImages = configuration.rangeImages
        ibcImages = configuration.ibcImages
        shardImages = configuration.shardImages
        guardImages = configuration.guardImages
        weightGranularity = configuration.weights.granularity
        weightScheme = configuration.weights.scheme
        weightBits = configuration.weights.bits
        weightScale = configuration.weights.scale
        weightType = configuration.weights.type
        weightSaturation = configuration.weights.saturation
        activationType = configuration.activations.type
        activationRange = configuration.activations.range
        activationPercentile = configuration.activations.percentile
        outputQuantized = configuration.output.quantized
        removeDeadChannels = configuration.deadChannels.remove
        equalization = configuration.equalization
        match = configuration.match
        matchIterations = configuration.matchIterations
        bftImages = configuration.bft.images
        bftMirror = configuration.bft.mirror
        bftEpochs = configuration.bft.epochs
        bftBatch = configuration.bft.batch
        bftShardImages = configuration.bft.shardImages
        bftLearningRate = configuration.bft.learningRate
        bftOptimizer = configuration.bft.optimizer
        bftMomentum = configuration.bft.momentum
        bftSchedule = configuration.bft.schedule
        bftStepEpochs = configuration.bft.stepEpochs
        bftStepFactor = configuration.bft.stepFactor
        bftWarmup = configuration.bft.warmup
        bftLoss = configuration.bft.loss
        bftTemperature = configuration.bft.temperature
        bftValidation = configuration.bft.validation
        bftPatience = configuration.bft.patience
        bftSeed = configuration.bft.seed
        resizeShortSide = configuration.preprocessing.resizeShortSide
        crop = configuration.preprocessing.crop
        geometry = configuration.preprocessing.geometry
        interpolation = configuration.preprocessing.interpolation
        channelOrder = configuration.preprocessing.channelOrder
        mean = configuration.preprocessing.mean
        std = configuration.preprocessing.std
        exifOrientation = configuration.preprocessing.exifOrientation
        labelsFile = configuration.labels.file
        labelsOffset = configuration.labels.offset
        workers = configuration.cluster.workers
        threads = configuration.cluster.threads
        listen = configuration.cluster.listen
        leaseSeconds = configuration.cluster.leaseSeconds
        shardLeaseSeconds = configuration.cluster.shardLeaseSeconds
        audit = configuration.cluster.audit
        skipBadImages = configuration.skipBadImages
    }
}

extension Configuration {
    init(_ all: PartialConfiguration) throws(SettingsError) {
        try self.init(
            model: required(all.model, "model"), quantized: all.quantized,
            inputShape: all.inputShape,
            images: required(all.images, "images"),
            out: all.out, method: required(all.method, "method"), limit: all.limit,
            rangeImages: required(all.rangeImages, "range_images"),
            ibcImages: required(all.ibcImages, "ibc_images"),
            shardImages: required(all.shardImages, "shard_images"),
            guardImages: all.guardImages,
            weights: WeightSettings(
                granularity: required(all.weightGranularity, "weights.granularity"),
                scheme: required(all.weightScheme, "weights.scheme"),
                bits: required(all.weightBits, "weights.bits"),
                scale: required(all.weightScale, "weights.scale"),
                type: required(all.weightType, "weights.type"),
                saturation: required(all.weightSaturation, "weights.saturation")),
            activations: ActivationSettings(
                type: required(all.activationType, "activations.type"),
                range: required(all.activationRange, "activations.range"),
                percentile: required(all.activationPercentile, "activations.percentile")),
            output: OutputSettings(quantized: required(all.outputQuantized, "output.quantized")),
            deadChannels: DeadChannelSettings(
                remove: required(all.removeDeadChannels, "dead_channels.remove")),
            equalization: required(all.equalization, "equalization"),
            match: required(all.match, "match"),
            matchIterations: required(all.matchIterations, "match_iterations"),
            bft: TuningSettings(all), preprocessing: PreprocessingSettings(all),
            labels: LabelSettings(
                file: all.labelsFile, offset: required(all.labelsOffset, "labels.offset")),
            cluster: ClusterSettings(
                workers: required(all.workers, "cluster.workers"),
                threads: required(all.threads, "cluster.threads"), listen: all.listen,
                leaseSeconds: required(all.leaseSeconds, "cluster.lease_seconds"),
                shardLeaseSeconds: required(
                    all.shardLeaseSeconds, "cluster.shard_lease_seconds"),
                audit: required(all.audit, "cluster.audit")),
            skipBadImages: required(all.skipBadImages, "skip_bad_images"))
    }

    /// Rules over several keys.
    func checkCombinations() throws(SettingsError) {
        if guardImages != nil, method.list.isEmpty {
            throw SettingsError(
                .conflict("images held out judge corrections, and method none makes none"),
                key: "guard_images")
        }
        if weights.scheme == .asymmetric, weights.type == .int8 {
            throw SettingsError(
                .conflict(
                    "asymmetric weights are uint8; leave weights.type out, or choose weights.scheme: symmetric"
                ), key: "weights.type")
        }
        if method.contains(.bft), bft.loss == .crossEntropy, labels.file == nil {
            throw SettingsError(
                .conflict(
                    "cross-entropy compares with labels; give labels.file for the calibration images, "
                        + "or distil with kl or relative-l2"), key: "bft.loss")
        }
        if case .size(let height, let width) = preprocessing.crop,
            case .pixels(let short) = preprocessing.resizeShortSide, min(height, width) > short
        {
            // Only the shorter side is known to have this extent, so only it is compared.
            throw SettingsError(
                .conflict(
                    "\(height)×\(width) does not fit into an image whose shorter side is resized "
                        + "to \(short); enlarge preprocessing.resize_short_side"),
                key: "preprocessing.crop")
        }
    }
}

extension TuningSettings {
    init(_ all: PartialConfiguration) throws(SettingsError) {
        try self.init(
            images: required(all.bftImages, "bft.images"),
            mirror: required(all.bftMirror, "bft.mirror"),
            epochs: required(all.bftEpochs, "bft.epochs"),
            batch: required(all.bftBatch, "bft.batch"),
            shardImages: required(all.bftShardImages, "bft.shard_images"),
            learningRate: required(all.bftLearningRate, "bft.learning_rate"),
            optimizer: required(all.bftOptimizer, "bft.optimizer"),
            momentum: required(all.bftMomentum, "bft.momentum"),
            schedule: required(all.bftSchedule, "bft.schedule"),
            stepEpochs: required(all.bftStepEpochs, "bft.step_epochs"),
            stepFactor: required(all.bftStepFactor, "bft.step_factor"),
            warmup: required(all.bftWarmup, "bft.warmup"),
            loss: required(all.bftLoss, "bft.loss"),
            temperature: required(all.bftTemperature, "bft.temperature"),
            validation: required(all.bftValidation, "bft.validation"),
            patience: required(all.bftPatience, "bft.patience"),
            seed: required(all.bftSeed, "bft.seed"))
    }
}

extension PreprocessingSettings {
    init(_ all: PartialConfiguration) throws(SettingsError) {
        try self.init(
            resizeShortSide: required(all.resizeShortSide, "preprocessing.resize_short_side"),
            crop: required(all.crop, "preprocessing.crop"),
            geometry: required(all.geometry, "preprocessing.geometry"),
            interpolation: required(all.interpolation, "preprocessing.interpolation"),
            channelOrder: required(all.channelOrder, "preprocessing.channel_order"),
            mean: required(all.mean, "preprocessing.mean"),
            std: required(all.std, "preprocessing.std"),
            exifOrientation: required(all.exifOrientation, "preprocessing.exif_orientation"))
    }
}

private func required<Value>(_ value: Value?, _ key: String) throws(SettingsError) -> Value {
    guard let value else { throw SettingsError(.missing, key: key) }
    return value
}
