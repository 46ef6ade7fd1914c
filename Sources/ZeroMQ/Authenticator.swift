// SPDX-License-Identifier: Apache-2.0

import CZeroMQ
import Glibc
import Synchronization

/// Admits the keys on an ``AllowList`` and no others. Runs on its own thread: handshakes happen
/// while the thread of the socket may be busy.
package final class Authenticator: Sendable {
    static let address = "inproc://zeromq.zap.01"
    static let domain = "counterbias"

    /// The list in force.
    package let allowList: AllowListWatch
    private let core: AuthenticatorCore
    private let thread: DedicatedThread

    /// Starts answering; the list is read once so that a wrong path is known before the first
    /// worker comes.
    /// - Throws: `.authenticatorBusy` if the context has one already, and what
    ///   ``AllowList/load()`` throws.
    init(_ context: Context, allowList: AllowList) throws(ZeroMQError) {
        let allowList = try AllowListWatch(allowList)
        self.allowList = allowList
        let socket = try Socket(context, .reply)
        try socket.set(.linger, 0)
        guard zmq_bind(socket.open(), Self.address) == 0 else {
            throw .library(zmq_errno() == EADDRINUSE ? .authenticatorBusy : .bindFailed)
        }
        let core = try AuthenticatorCore(allowList)
        self.core = core
        // This thread does not touch the socket again, and starting a thread orders memory.
        nonisolated(unsafe) let handedOver = socket
        thread = try DedicatedThread(name: "cb-zap") {
            handedOver.adopt()
            core.serve(handedOver)
            handedOver.close()
        }
    }

    deinit { stop() }

    /// Stops answering: every later handshake fails.
    func stop() {
        core.stop()
        thread.join()
    }

    /// The refusals since the last call, oldest first. When there were more than 64, the oldest
    /// are only counted.
    package func takeRefusals() -> (refusals: [KeyRefusal], dropped: Int) {
        core.takeRefusals()
    }
}

/// A key that was turned away.
package struct KeyRefusal: Hashable, Sendable {
    /// Nil if the request held no usable key.
    package let publicKey: PublicKey?
    /// The peer's IP address.
    package let address: String
    /// The authenticator's answer in words, for the log.
    package let reason: String
}

/// What the authenticator's thread and the others share.
final class AuthenticatorCore: Sendable {
    private struct Log {
        var refusals: [KeyRefusal] = []
        var dropped = 0
    }

    private static let maximumRefusalsKept = 64

    private let allowList: AllowListWatch
    private let log = Mutex(Log())
    private let stopping = Atomic<Bool>(false)
    private let wakeup: Wakeup

    init(_ allowList: AllowListWatch) throws(ZeroMQError) {
        self.allowList = allowList
        wakeup = try Wakeup()
    }

    func stop() {
        stopping.store(true, ordering: .releasing)
        wakeup.signal()
    }

    func takeRefusals() -> (refusals: [KeyRefusal], dropped: Int) {
        log.withLock { log in
            defer { log = Log() }
            return (log.refusals, log.dropped)
        }
    }

    /// Answers until told to stop or until the context ends. No error ends it early: without an
    /// answer, handshakes only run into their time limit.
    func serve(_ socket: Socket) {
        do {
            while !stopping.load(ordering: .acquiring) {
                _ = try Poller.poll(
                    [.socket(socket), .wakeup(wakeup)], timeoutMilliseconds: -1)
                while try answerOne(socket) {}
            }
        } catch {
            record(nil, address: "", reason: "authentication ended: \(error)")
        }
    }

    private func answerOne(_ socket: Socket) throws(ZeroMQError) -> Bool {
        let frames: [[UInt8]]
        switch try socket.receive() {
        case .wouldBlock: return false
        case .message(let message): frames = message.frames
        case .oversized: frames = []
        }
        let request = ZAPRequest(frames: frames)
        let reply = request.map(answer) ?? .internalError("malformed request")
        _ = try socket.send(reply.frames(requestID: request?.requestID ?? []))
        return true
    }

    func answer(_ request: ZAPRequest) -> ZAPReply {
        let key = request.credentials.first.flatMap(PublicKey.init(bytes:))
        let reply = decide(request, key)
        if reply.user == nil { record(key, address: request.address, reason: reply.text) }
        return reply
    }

    private func decide(_ request: ZAPRequest, _ key: PublicKey?) -> ZAPReply {
        guard request.domain == Array(Authenticator.domain.utf8) else {
            return .refused("unknown domain")
        }
        guard request.mechanism == Array("CURVE".utf8), request.credentials.count == 1, let key
        else { return .refused("not a CURVE key") }
        let list = allowList.refresh()
        // A malformed list leaves the earlier one in force; one that is gone or that anybody can
        // write admits nobody.
        if let fault = list.fault, fault.code != .allowListMalformed {
            return .notNow(fault.description)
        }
        guard let name = list.keys.names[key] else { return .refused("key not on the allow-list") }
        return .admitted(AuthenticatedUser(name: name, publicKey: key))
    }

    private func record(_ key: PublicKey?, address: String, reason: String) {
        log.withLock { log in
            if log.refusals.count == Self.maximumRefusalsKept {
                log.refusals.removeFirst()
                log.dropped += 1
            }
            log.refusals.append(KeyRefusal(publicKey: key, address: address, reason: reason))
        }
    }
}
