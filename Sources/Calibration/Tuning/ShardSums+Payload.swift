// SPDX-License-Identifier: Apache-2.0

// Shard results of fine-tuning as they travel; ``CalibrationError`` with code `malformedResult` for
// any other size.

extension LossSums {
    /// `[images Int64][loss Double]`
    package func payload() -> [UInt8] {
        var writer = PayloadWriter()
        writer.append([Int64(images)])
        writer.append([loss])
        return writer.bytes
    }

    /// Reads what ``payload()`` wrote.
    package init(payload: [UInt8]) throws(CalibrationError) {
        var reader = PayloadReader(payload)
        let images = Int(try reader.read(Int64.self, count: 1)[0])
        let loss = try reader.read(Double.self, count: 1)[0]
        try reader.finish()
        self.init(images: images, loss: loss)
    }
}

extension GradientSums {
    /// `[images Int64][loss Double][gradients Double × channels]`
    package func payload() -> [UInt8] {
        var writer = PayloadWriter()
        writer.append([Int64(images)])
        writer.append([loss])
        writer.append(gradients)
        return writer.bytes
    }

    /// Reads a result that covers `channels` channels, those of all convolutions together.
    package init(payload: [UInt8], channels: Int) throws(CalibrationError) {
        var reader = PayloadReader(payload)
        let images = Int(try reader.read(Int64.self, count: 1)[0])
        let loss = try reader.read(Double.self, count: 1)[0]
        let gradients = try reader.read(Double.self, count: channels)
        try reader.finish()
        self.init(images: images, loss: loss, gradients: gradients)
    }
}

extension TeacherLogits {
    /// `[Float × classes] × images`
    package func payload() -> [UInt8] {
        var writer = PayloadWriter()
        for logits in images { writer.append(logits) }
        return writer.bytes
    }

    /// Reads the result of a shard of `images` images, for a network with `classes` logits.
    package init(payload: [UInt8], images: Int, classes: Int) throws(CalibrationError) {
        var reader = PayloadReader(payload)
        var logits: [[Float]] = []
        for _ in 0..<images { logits.append(try reader.read(Float.self, count: classes)) }
        try reader.finish()
        self.init(images: logits)
    }
}

extension TuningResults {
    /// Reads the results of a round, in shard order; the content of a teacher round is the caller's
    /// to read.
    package init(
        payloads: [[UInt8]], of kind: RoundKind, channels: Int
    ) throws(CalibrationError) {
        switch kind {
        case .teacher:
            self = .teacher
        case .loss:
            var sums: [LossSums] = []
            for payload in payloads { sums.append(try LossSums(payload: payload)) }
            self = .losses(sums)
        case .gradient:
            var sums: [GradientSums] = []
            for payload in payloads {
                sums.append(try GradientSums(payload: payload, channels: channels))
            }
            self = .gradients(sums)
        case .statistics, .histograms, .layerSums, .measure:
            preconditionFailure("no round of fine-tuning")
        }
    }
}
