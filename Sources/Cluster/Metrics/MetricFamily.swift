// SPDX-License-Identifier: Apache-2.0

/// One metric with its samples, in the text exposition format of Prometheus (version 0.0.4).
package struct MetricFamily: Hashable, Sendable {
    /// Metric types of the format that are in use, by their names there.
    package enum Kind: String, Hashable, Sendable { case counter, gauge, histogram }

    private struct Sample: Hashable {
        var suffix = ""
        var labels: [(name: String, value: String)] = []
        var value: Double

        static func == (left: Sample, right: Sample) -> Bool { left.text == right.text }
        func hash(into hasher: inout Hasher) { hasher.combine(text) }

        /// After the family's name.
        var text: String {
            let pairs = labels.map {
                "\($0.name)=\"\(MetricFamily.escaped($0.value, quotes: true))\""
            }
            let list = pairs.isEmpty ? "" : "{" + pairs.joined(separator: ",") + "}"
            return suffix + list + " " + MetricFamily.text(of: value)
        }
    }

    /// Letters, digits and underscores; a counter's ends in `_total`.
    package let name: String
    /// What the `TYPE` line says.
    package let kind: Kind
    /// What the `HELP` line says.
    package let help: String
    private var samples: [Sample] = []

    /// - Parameters:
    ///   - name: letters, digits and underscores; counters end in `_total`.
    ///   - kind: what the samples are.
    ///   - help: one sentence.
    package init(_ name: String, _ kind: Kind, help: String) {
        precondition(
            !name.isEmpty && !("0"..."9").contains(name.prefix(1))
                && name.utf8.allSatisfy {
                    ($0 | 0x20 >= 0x61 && $0 | 0x20 <= 0x7a) || (0x30...0x39).contains($0)
                        || $0 == 0x5f
                }, "'\(name)' is no metric name")
        self.name = name
        self.kind = kind
        self.help = help
    }

    /// A family of one sample without labels.
    package init(_ name: String, _ kind: Kind, _ value: Double, help: String) {
        self.init(name, kind, help: help)
        add(value)
    }

    /// Adds a sample; label values are escaped, label names are not. One sample per set of labels.
    package mutating func add(_ value: Double, labels: [(name: String, value: String)] = []) {
        samples.append(Sample(labels: labels, value: value))
    }

    /// A histogram: cumulative buckets, sum and count.
    package init(_ name: String, _ histogram: Histogram, help: String) {
        self.init(name, .histogram, help: help)
        var total = 0
        for (bound, count) in zip(histogram.bounds + [.infinity], histogram.counts) {
            total += count
            samples.append(
                Sample(
                    suffix: "_bucket", labels: [("le", Self.text(of: bound))], value: Double(total))
            )
        }
        samples.append(Sample(suffix: "_sum", value: histogram.sum))
        samples.append(Sample(suffix: "_count", value: Double(total)))
    }

    /// Its `HELP` and `TYPE` lines and its samples, each line with its line feed.
    package var text: String {
        var lines = [
            "# HELP \(name) \(Self.escaped(help, quotes: false))",
            "# TYPE \(name) \(kind.rawValue)",
        ]
        lines += samples.map { name + $0.text }
        return lines.joined(separator: "\n") + "\n"
    }

    fileprivate static func text(of value: Double) -> String {
        if value.isNaN { return "NaN" }
        if value.isInfinite { return value > 0 ? "+Inf" : "-Inf" }
        return value == value.rounded() && abs(value) < 1e15 ? "\(Int64(value))" : "\(value)"
    }

    fileprivate static func escaped(_ text: String, quotes: Bool) -> String {
        var result = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\\": result += "\\\\"
            case "\n": result += "\\n"
            case "\"" where quotes: result += "\\\""
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result
    }
}

/// How often a quantity fell into which range.
package struct Histogram: Hashable, Sendable {
    /// Ascending upper bounds, inclusive.
    package let bounds: [Double]
    /// One per bound, and one for what lies above all of them.
    package private(set) var counts: [Int]
    /// Of all values added.
    package private(set) var sum = 0.0

    /// An empty histogram; the bounds have to ascend strictly.
    package init(bounds: [Double]) {
        precondition(zip(bounds, bounds.dropFirst()).allSatisfy(<))
        self.bounds = bounds
        counts = [Int](repeating: 0, count: bounds.count + 1)
    }

    /// Counts a value in the first range whose bound is not below it.
    package mutating func add(_ value: Double) {
        counts[bounds.firstIndex { value <= $0 } ?? bounds.count] += 1
        sum += value
    }

    /// Values added.
    package var count: Int { counts.reduce(0, +) }

    /// For the time of shards, in seconds: a digit network takes milliseconds, a large one minutes.
    package static let shardSeconds = Histogram(
        bounds: [0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100])
}
