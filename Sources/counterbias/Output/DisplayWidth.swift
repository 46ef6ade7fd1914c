// SPDX-License-Identifier: Apache-2.0

import CMemory
import Glibc

extension String {
    /// Columns this takes on a terminal.
    var columns: Int { reduce(0) { $0 + $1.columns } }

    /// As it is if it takes no more than `columns`, else its beginning and "…".
    func fitted(columns limit: Int) -> String {
        guard columns > limit else { return self }
        var (kept, width) = ("", 0)
        for character in self {
            guard width + character.columns < limit else { break }
            width += character.columns
            kept.append(character)
        }
        return limit > 0 ? kept + "…" : ""
    }
}

extension Character {
    /// The C library knows; it asks for a locale with UTF-8, which this process need not have.
    fileprivate var columns: Int {
        let former = uselocale(Self.locale)
        defer { uselocale(former) }
        let widths = unicodeScalars.map { Int(columns_of_character(wchar_t(bitPattern: $0.value))) }
        return max(widths.max() ?? 0, 0)
    }

    // Immutable, and locales may be used by any number of threads.
    private nonisolated(unsafe) static let locale = newlocale(
        1 << LC_CTYPE, "C.UTF-8", nil)
}
