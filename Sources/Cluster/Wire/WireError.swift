// SPDX-License-Identifier: Apache-2.0

/// Frames that are not a message of this protocol.
package struct WireError: Error, Hashable, Sendable {
    package enum Code: Hashable, Sendable {
        case noFrames
        case headerTooLarge(bytes: Int)
        /// The header is not what was sent.
        case headerChecksum
        case undecodableHeader
        case unsupportedVersion(UInt32)
        case emptyBody
        case payloadTooLarge(bytes: UInt64)
        case frameSizes(expected: Int, found: Int)
        case payloadDigest
        case field(String)
    }

    package var code: Code

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
