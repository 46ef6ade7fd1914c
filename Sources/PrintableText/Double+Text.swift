// SPDX-License-Identifier: Apache-2.0

import Foundation

extension Double {
    /// Fixed number of decimals, for tables; independent of the locale.
    package func formatted(decimals: Int) -> String {
        isInfinite ? (self > 0 ? "inf" : "-inf") : String(format: "%.\(decimals)f", self)
    }

    /// At most so many significant digits, without zeros at the end.
    package func significant(digits: Int) -> String { String(format: "%.\(digits)g", self) }

    /// Four significant digits.
    package var significant: String { significant(digits: 4) }
}
