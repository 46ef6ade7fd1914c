// SPDX-License-Identifier: Apache-2.0

import CZeroMQ
import Glibc

/// What went wrong with a socket, an endpoint, a key or an allow-list, and what to do about it.
package struct ZeroMQError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The kinds of failure a caller may want to tell apart.
    package enum Code: String, Equatable, Sendable {
        // Library and operating system.
        case contextFailed, contextTerminated, socketFailed, optionRejected, pollFailed
        case wakeupFailed, threadFailed, monitorFailed
        // Endpoints.
        case endpointInvalid, ipcPathTooLong, ipcPathOccupied, directoryNotPrivate
        case insecureEndpoint
        // Binding, connecting, traffic.
        case addressInUse, addressUnavailable, permissionDenied, bindFailed, connectFailed
        case sendFailed, receiveFailed, frameTooLarge, messageTooLarge
        // Keys, allow-lists, authentication.
        case keyMalformed, keyKindMismatch, keyPairMismatch, keyFileExposed, keyFailed
        case keyFileReplaceable
        case fileUnreadable, fileExists, fileWriteFailed
        case allowListUnreadable, allowListMalformed, allowListExposed, authenticatorBusy
    }

    /// For callers that act on it; what helps (``remedy`` aside) follows from it.
    package var code: Code
    /// The endpoint in question, as given.
    package var endpoint: String?
    /// The file or directory in question.
    package var file: String?
    /// The operating system's or libzmq's error number; 0 if there is none.
    package var errorNumber: Int32
    /// What exactly was found; never contains key material.
    package var detail: String?
    /// What helps here, where that is more than ``code`` tells.
    package var remedy: String?

    /// Memberwise, unchecked.
    package init(
        _ code: Code, endpoint: String? = nil, file: String? = nil, errorNumber: Int32 = 0,
        detail: String? = nil, remedy: String? = nil
    ) {
        self.code = code
        self.endpoint = endpoint
        self.file = file
        self.errorNumber = errorNumber
        self.detail = detail
        self.remedy = remedy
    }

    /// An error that carries the number libzmq left behind on this thread.
    static func library(
        _ code: Code, endpoint: String? = nil, detail: String? = nil
    ) -> ZeroMQError {
        let number = zmq_errno()
        let code = number == terminatedErrorNumber ? Code.contextTerminated : code
        return ZeroMQError(code, endpoint: endpoint, errorNumber: number, detail: detail)
    }

    /// An error that carries this thread's `errno`.
    static func system(_ code: Code, file: String? = nil, detail: String? = nil) -> ZeroMQError {
        ZeroMQError(code, file: file, errorNumber: errno, detail: detail)
    }

    /// The text for ``errorNumber``; nil if there is none.
    package var errorNumberText: String? {
        guard errorNumber != 0, let text = zmq_strerror(errorNumber) else { return nil }
        return String(cString: text)
    }

    package var description: String {
        var text = summary
        let subjects = [endpoint, file].compactMap { $0 }
        if !subjects.isEmpty { text += ": " + subjects.joined(separator: ", ") }
        let causes = [detail, errorNumberText].compactMap { $0 }
        if !causes.isEmpty { text += " (" + causes.joined(separator: "; ") + ")" }
        if let advice { text += ". " + advice }
        return text
    }
}
