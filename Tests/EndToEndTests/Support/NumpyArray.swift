// SPDX-License-Identifier: Apache-2.0

import Foundation

/// A `.npy` file in C order, version 1.
enum NumpyArray {
    /// - Parameters:
    ///   - descriptor: NumPy's name of the element type, as `|u1`.
    ///   - shape: extents.
    ///   - bytes: of all elements.
    /// - Returns: the file.
    static func data(_ descriptor: String, _ shape: [Int], _ bytes: some Sequence<UInt8>) -> Data {
        let extents = shape.map { "\($0)," }.joined(separator: " ")
        let header = "{'descr': '\(descriptor)', 'fortran_order': False, 'shape': (\(extents)), }\n"
        return Data([0x93]) + Data("NUMPY".utf8)
            + Data([1, 0, UInt8(header.utf8.count), 0]) + Data(header.utf8) + Data(bytes)
    }
}
