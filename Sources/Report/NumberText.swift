// SPDX-License-Identifier: Apache-2.0

import Foundation

/// Numbers as people read them; independent of the locale.
enum NumberText {
    static func fixed(_ value: Double, _ decimals: Int) -> String {
        guard value.isFinite else { return value.isNaN ? "–" : (value > 0 ? "∞" : "−∞") }
        let text = String(format: "%.\(decimals)f", abs(value))
        let isZero = !text.contains { $0 != "0" && $0 != "." }
        return (value < 0 && !isZero ? "−" : "") + text
    }

    /// Three significant digits or so.
    static func short(_ value: Double) -> String {
        guard value.isFinite else { return fixed(value, 0) }
        let size = abs(value)
        if size == 0 { return "0" }
        if size >= 1e6 || size < 1e-4 {
            return String(format: "%.1e", value).replacingOccurrences(of: "-", with: "−")
        }
        if size >= 100 { return fixed(value, 0) }
        if size >= 10 { return fixed(value, 1) }
        if size >= 0.1 { return fixed(value, 2) }
        return fixed(value, size >= 0.01 ? 3 : 4)
    }

    /// A share as percent.
    static func percent(_ share: Double) -> String {
        let value = share * 100
        let size = abs(value)
        return fixed(value, size >= 99.95 ? 0 : size >= 10 ? 1 : size >= 0.1 || size == 0 ? 2 : 3)
            + "\u{A0}%"
    }

    /// A share at an axis: no more decimals than it needs.
    static func tickPercent(_ share: Double) -> String {
        let value = share * 100
        let decimals = (0...6).first {
            abs(value * pow(10, Double($0)) - (value * pow(10, Double($0))).rounded()) < 1e-6
        }
        return fixed(value, decimals ?? 6) + "\u{A0}%"
    }

    static func decibels(_ value: Double) -> String { fixed(value, 1) + "\u{A0}dB" }

    static func seconds(_ value: Double) -> String {
        fixed(value, value < 10 ? 2 : value < 100 ? 1 : 0) + "\u{A0}s"
    }

    /// Of an SVG: at most one decimal, nothing that is not finite.
    static func coordinate(_ value: Double) -> String {
        guard value.isFinite else { return "0" }
        let text = String(format: "%.1f", min(max(value, -1e6), 1e6))
        return text.hasSuffix(".0") ? String(text.dropLast(2)) : text
    }

    static func count(_ count: Int, _ one: String, _ many: String? = nil) -> String {
        "\(count)\u{A0}" + (count == 1 ? one : many ?? one + "s")
    }
}
