// SPDX-License-Identifier: Apache-2.0

/// One question of libzmq to the authenticator (ZeroMQ RFC 27).
struct ZAPRequest: Equatable {
    let requestID: [UInt8]
    let domain: [UInt8]
    let address: String
    let mechanism: [UInt8]
    let credentials: [[UInt8]]

    /// Nil if these are not the frames of a version 1.0 request.
    init?(frames: [[UInt8]]) {
        guard frames.count >= 6, frames[0] == Array("1.0".utf8) else { return nil }
        requestID = frames[1]
        domain = frames[2]
        address = String(decoding: frames[3], as: UTF8.self)
        mechanism = frames[5]
        credentials = Array(frames[6...])
    }
}

/// The answer.
struct ZAPReply: Equatable {
    /// Metadata libzmq attaches to every message of an admitted connection, beside the User-Id.
    static let publicKeyProperty = "X-Public-Key"

    let status: String
    let text: String
    var user: AuthenticatedUser?

    static func admitted(_ user: AuthenticatedUser) -> ZAPReply {
        ZAPReply(status: "200", text: "OK", user: user)
    }

    /// The peer is told and gives up.
    static func refused(_ reason: String) -> ZAPReply {
        ZAPReply(status: "400", text: reason)
    }

    /// The peer is cut off without a word and tries again.
    static func notNow(_ reason: String) -> ZAPReply {
        ZAPReply(status: "300", text: reason)
    }

    static func internalError(_ reason: String) -> ZAPReply {
        ZAPReply(status: "500", text: reason)
    }

    func frames(requestID: [UInt8]) -> [[UInt8]] {
        var metadata: [UInt8] = []
        if let user {
            let value = Array(user.publicKey.z85.utf8)
            metadata.append(UInt8(Self.publicKeyProperty.utf8.count))
            metadata += Self.publicKeyProperty.utf8
            metadata += [0, 0, 0, UInt8(value.count)]
            metadata += value
        }
        return [
            Array("1.0".utf8), requestID, Array(status.utf8), Array(text.utf8),
            Array((user?.name ?? "").utf8), metadata,
        ]
    }
}
