// SPDX-License-Identifier: Apache-2.0

import Imaging
package import Logging
import PrintableText
package import Settings

/// What there is to warn of about a run's inputs, gathered image by image.
package struct InputFacts: Sendable {
    /// Images added so far, arrays among them.
    package private(set) var images = 0
    /// Those that were taken as they are: `.npy` files that are not uint8.
    package private(set) var arrays = 0
    private var first: PreparedImage.Payload?
    private var areAlike = true
    /// Whether all arrays so far hold values in 0...255, and whether all of these are whole.
    private var (arraysLookLikePixels, areWhole) = (true, true)
    private var largest: Float = 0

    /// Of no image yet.
    package init() {}

    /// Adds the images of a pool.
    package mutating func add(_ pool: PreparedPool) {
        for image in pool.images { add(image.payload) }
    }

    private mutating func add(_ image: PreparedImage.Payload) {
        images += 1
        if let first { areAlike = areAlike && image.hasBits(of: first) } else { first = image }
        guard case .tensor(let values) = image else { return }
        arrays += 1
        guard arraysLookLikePixels else { return }
        for value in values {
            guard value >= 0, value <= 255 else {
                arraysLookLikePixels = false
                return
            }
            if value != value.rounded() { areWhole = false }
            largest = max(largest, value)
        }
    }

    /// Logs what was taken as it is.
    package func report(to logger: Logger) {
        guard arrays > 0 else { return }
        logger.notice(
            "arrays are taken as they are",
            metadata: ["arrays": "\(arrays)", "images": "\(images)"])
    }

    /// One sentence each, with the remedy.
    package func warnings(
        _ settings: PreprocessingSettings, _ origin: PreprocessingOrigin
    ) -> [String] {
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
        // Zeros and ones alone are masks as often as pixels; resized pixels are not whole but reach
        // as far.
        if arrays > 0, arraysLookLikePixels, largest > (areWhole ? 1 : 127), !settings.isIdentity {
            warnings.append(
                "all \(arrays) arrays that are not uint8 hold values from 0 to \(Double(largest).significant(digits: 6)), "
                    + "as pixels do, but such arrays are taken as they are, without mean and std; save pixels as "
                    + "uint8, or set mean: 0 and std: 1 if the network takes them so")
        }
        if images > 1, areAlike {
            warnings.append(
                "all \(images) images have the same pixels, so that nothing is learnt from more than one; "
                    + "check the folder and the preprocessing")
        }
        return warnings
    }

    /// Means and standard deviations of pixels in 0...1, as most training code states them, or one
    /// of both.
    private static func units(_ settings: PreprocessingSettings) -> String? {
        let (mean, std) = (settings.mean, settings.std)
        let isMean = mean.allSatisfy { abs($0) <= 1 }
        // A mean of 0 is one in any unit, and a deviation of 1 is none.
        guard isMean && mean.contains(where: { $0 != 0 }) || std.allSatisfy({ $0 < 1 }) else {
            return nil
        }
        func times255(_ values: [Double]) -> String {
            let texts = values.map { ($0 * 255).significant(digits: 6) }
            return texts.count == 1 ? texts[0] : "[" + texts.joined(separator: ", ") + "]"
        }
        var keys: [(name: String, values: [Double])] = isMean ? [("mean", mean)] : []
        if std.allSatisfy({ $0 <= 1 }) { keys.append(("std", std)) }
        return "preprocessing.\(keys.map(\.name).joined(separator: " and ")) "
            + (keys.count == 1 ? "is" : "are")
            + " in units of 8-bit pixels, 0 to 255, but not above 1; multiply by 255: "
            + keys.map { "\($0.name): \(times255($0.values))" }.joined(separator: ", ")
    }
}

extension InputFacts {
    /// Of a calibration: those of its pixels, and whether it has as many images as were asked for.
    package func warnings(
        _ configuration: Configuration, _ origin: PreprocessingOrigin
    ) -> [String] {
        let warnings = warnings(configuration.preprocessing, origin)
        let taken = max(images - (configuration.guardImages ?? 0), 0)
        let missed = configuration.imagesAskedFor.filter { $0.count > taken }
        guard !missed.isEmpty else { return warnings }
        let limit = configuration.limit.map { " with limit \($0)" } ?? ""
        let held = configuration.guardImages.map { ", \($0) held out," } ?? ""
        return warnings + [
            "only \(taken) images\(limit)\(held) for "
                + missed.map { "\($0.key) \($0.count)" }.joined(separator: ", ")
                + "; give more, or ask for fewer"
        ]
    }
}

extension PreprocessingSettings {
    /// Whether pixels reach the network as 0...255.
    fileprivate var isIdentity: Bool {
        mean.allSatisfy { $0 == 0 } && std.allSatisfy { $0 == 1 }
    }
}

extension PreparedImage.Payload {
    /// Whether both are the same to the last bit.
    fileprivate func hasBits(of other: Self) -> Bool {
        switch (self, other) {
        case (.pixels(let mine), .pixels(let others)): mine == others
        case (.tensor(let mine), .tensor(let others)):
            mine.elementsEqual(others) { $0.bitPattern == $1.bitPattern }
        default: false
        }
    }
}
