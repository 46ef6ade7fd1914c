// SPDX-License-Identifier: Apache-2.0

/// Frames that are not a message of this protocol.
package struct WireError: Error, Hashable, Sendable {
    /// What is wrong with them, in the order of the checks.
    package enum Code: Hashable, Sendable {
        case noFrames
        /// The first frame is longer than the limit of 512 KiB.
        case headerTooLarge(bytes: Int)
        /// The header is not what was sent.
        case headerChecksum
        case undecodableHeader
        /// Not among ``WireVersion``, and no greeting or refusal.
        case unsupportedVersion(UInt32)
        case emptyBody
        /// The header promises more than the limit of 32 MiB.
        case payloadTooLarge(bytes: UInt64)
        /// Bytes the header promises and bytes that came; or these, cut into frames in another way.
        case frameSizes(expected: Int, found: Int)
        case payloadDigest
        /// A field, by its name in the protocol buffer or a word for several, that is missing, out
        /// of range, or not for this direction.
        case field(String)
    }

    /// For tests and counters; the description is for people.
    package var code: Code

    /// An error of that code, from which its description follows.
    package init(_ code: Code) { self.code = code }
}

extension WireError: CustomStringConvertible {
    package var description: String {
        switch code {
        case .noFrames: "message without frames"
        case .headerTooLarge(let bytes): "header of \(bytes) bytes is above the limit"
        case .headerChecksum: "header does not fit its checksum"
        case .undecodableHeader: "header is not a protobuf header"
        case .unsupportedVersion(let version): "protocol version \(version) is not supported"
        case .emptyBody: "header without a message"
        case .payloadTooLarge(let bytes): "payload of \(bytes) bytes is above the limit"
        case .frameSizes(let expected, let found):
            "payload frames hold \(found) bytes where the header promises \(expected)"
        case .payloadDigest: "payload does not have the digest its header names"
        case .field(let name): "field '\(name)' is missing or out of range"
        }
    }
}
