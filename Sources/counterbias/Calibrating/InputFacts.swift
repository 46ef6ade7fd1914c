import Calibration
import Cluster
import Settings

/// What there is to warn of about a run's inputs, gathered image by image.
struct InputFacts {
    private(set) var images = 0
    private(set) var arrays = 0
    private var first: ImageReference?
    private var areAlike = true
    /// Whether all arrays so far hold whole numbers in 0...255.
    private var arraysHoldBytes = true
    private var largest: Float = 0

    /// Adds the images of a pool.
    mutating func add(_ pool: PreparedPool) {
        for (reference, bytes) in pool.images { add(reference, bytes) }
    }

    /// - Parameters:
    ///   - reference: of the prepared image.
    ///   - bytes: it as workers get it.
    private mutating func add(_ reference: ImageReference, _ bytes: [UInt8]) {
        images += 1
        if first == nil { first = reference }
        if reference != first { areAlike = false }
        guard reference.isTensor else { return }
        arrays += 1
        guard arraysHoldBytes else { return }
        bytes.withUnsafeBytes { raw in
            for offset in stride(from: 0, to: raw.count, by: 4) {
                let value = raw.loadUnaligned(fromByteOffset: offset, as: Float.self)
                guard value >= 0, value <= 255, value == value.rounded() else {
                    arraysHoldBytes = false
                    return
                }
                largest = max(largest, value)
            }
        }
    }

    /// One sentence each, with the remedy.
    func warnings(_ settings: PreprocessingSettings, _ origin: PreprocessingOrigin) -> [String] {
        var warnings: [String] = []
        if images > arrays {
            if let warning = Self.units(settings) { warnings.append(warning) }
            for (given, other, neutral) in [("mean", "std", "1"), ("std", "mean", "0")]
            where origin.isGiven(given) && !origin.isGiven(other) {
                warnings.append(
                    "preprocessing.\(given) is given without \(other), which stays 127.5; "
                        + "give \(other) as well, \(neutral) for none")
            }
        }
        // Zeros and ones alone are masks as often as pixels.
        if arrays > 0, arraysHoldBytes, largest > 1, !settings.isIdentity {
            warnings.append(
                "all \(arrays) arrays that are not uint8 hold whole numbers from 0 to \(Int(largest)), as pixels "
                    + "do, but such arrays are taken as they are, without mean and std; save pixels as uint8"
            )
        }
        if images > 1, areAlike {
            warnings.append(
                "all \(images) images have the same pixels, so that nothing is learnt from more than one; "
                    + "check the folder and the preprocessing")
        }
        return warnings
    }

    /// Means and deviations of pixels in 0...1, as most training code states them.
    private static func units(_ settings: PreprocessingSettings) -> String? {
        guard !settings.isIdentity, settings.mean.allSatisfy({ abs($0) <= 1 }),
            settings.std.allSatisfy({ $0 <= 1 })
        else { return nil }
        func times255(_ values: [Double]) -> String {
            "[" + values.map { ($0 * 255).significant(digits: 6) }.joined(separator: ", ") + "]"
        }
        return
            "preprocessing.mean and std are in units of 8-bit pixels, 0 to 255, but none is above 1; "
            + "multiply both by 255: mean: \(times255(settings.mean)), std: \(times255(settings.std))"
    }
}

extension PreprocessingSettings {
    /// Whether pixels reach the network as 0...255.
    fileprivate var isIdentity: Bool {
        mean.allSatisfy { $0 == 0 } && std.allSatisfy { $0 == 1 }
    }
}
