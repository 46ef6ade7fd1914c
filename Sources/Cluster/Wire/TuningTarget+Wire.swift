// SPDX-License-Identifier: Apache-2.0

package import Calibration

extension TuningTarget {
    /// Logits as little-endian float32, or one little-endian int32 label.
    package func encoded() -> [UInt8] {
        switch self {
        case .logits(let values): values.withUnsafeBytes { Array($0) }
        case .label(let label): withUnsafeBytes(of: Int32(label).littleEndian) { Array($0) }
        }
    }

    /// - Throws: ``WireError`` naming the field when the bytes are no target of that loss.
    package init(decoding bytes: [UInt8], for loss: TuningOptions.Loss) throws(WireError) {
        guard !bytes.isEmpty, bytes.count % 4 == 0, loss.usesTeacher || bytes.count == 4 else {
            throw WireError(.field("target"))
        }
        self = bytes.withUnsafeBytes { source in
            loss.usesTeacher
                ? .logits(
                    (0..<bytes.count / 4).map {
                        source.loadUnaligned(fromByteOffset: 4 * $0, as: Float.self)
                    })
                : .label(Int(Int32(littleEndian: source.loadUnaligned(as: Int32.self))))
        }
    }
}
