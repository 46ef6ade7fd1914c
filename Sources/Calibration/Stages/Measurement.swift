// SPDX-License-Identifier: Apache-2.0

/// The last round: quantization errors with the initial and with the final biases, over a few of
/// the images that correct.
struct Measurement: Stage {
    static let name = "measurement"

    /// Nil until its round is done.
    private(set) var errors: ErrorSums?

    func roundLimit(_ context: JobContext) -> Int { 1 }

    mutating func resume(_ context: inout JobContext) throws {
        guard let errors else { return }
        let sums = [
            errors.initial, errors.initialSquares, errors.corrected, errors.correctedSquares,
        ]
        guard context.quantized != nil,
            sums.allSatisfy({ $0.count == context.convolvedChannels })
        else { throw CalibrationError(.checkpointMismatch(field: "errors")) }
    }

    func nextRound(_ context: JobContext) -> RoundRequest? {
        errors == nil ? RoundRequest(.measure, context.measureShards) : nil
    }

    func place(_ context: JobContext) -> Place { .measuring }

    mutating func complete(_ results: [[UInt8]], _ context: inout JobContext) throws {
        let channels = context.convolvedChannels
        var sums = ErrorSums(channels: channels)
        for result in results { sums.add(try ErrorSums(payload: result, channels: channels)) }
        errors = sums
    }

    func write(to fields: inout StageFields) {
        guard let errors else { return }
        fields.set("errors.images", [errors.images])
        fields.changing["errors.initial"] = .doubles(errors.initial)
        fields.changing["errors.initial-squares"] = .doubles(errors.initialSquares)
        fields.changing["errors.corrected"] = .doubles(errors.corrected)
        fields.changing["errors.corrected-squares"] = .doubles(errors.correctedSquares)
    }
}

extension Measurement {
    init(_ fields: StageFields) throws(StageFields.Unreadable) {
        guard fields.has("errors.images") else { return }
        errors = ErrorSums(
            images: try fields.integers("errors.images", count: 1)[0],
            initial: try fields.doubles("errors.initial"),
            initialSquares: try fields.doubles("errors.initial-squares"),
            corrected: try fields.doubles("errors.corrected"),
            correctedSquares: try fields.doubles("errors.corrected-squares"))
    }
}
