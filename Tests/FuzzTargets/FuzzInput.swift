// SPDX-License-Identifier: Apache-2.0

/// An input as one file: each frame behind its length (little-endian UInt32).
package enum FuzzInput {
    package static func encode(_ frames: [[UInt8]]) -> [UInt8] {
        frames.flatMap { frame in
            withUnsafeBytes(of: UInt32(frame.count).littleEndian, Array.init) + frame
        }
    }

    /// A frame cut short is taken as long as it is.
    package static func decode(_ bytes: [UInt8]) -> [[UInt8]] {
        var frames: [[UInt8]] = []
        var rest = bytes[...]
        while rest.count >= 4 {
            let length = rest.prefix(4).reversed().reduce(0) { $0 << 8 | Int($1) }
            frames.append(Array(rest.dropFirst(4).prefix(length)))
            rest = rest.dropFirst(4 + length)
        }
        return frames
    }
}
