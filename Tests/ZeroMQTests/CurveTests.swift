// SPDX-License-Identifier: Apache-2.0

import Glibc
import Testing

@testable import ZeroMQ

/// A coordinator with keys made by `KeySet`, and workers that try to join it.
private struct Guarded {
    let directory: TemporaryDirectory
    let context: Context
    let keys: String
    let coordinator: Socket

    init() throws {
        directory = try TemporaryDirectory()
        context = try Context()
        keys = directory.file("keys")
        try KeySet.create(in: keys)
        coordinator = try Socket.coordinator(
            context, bind: Endpoint("tcp://127.0.0.1:*"),
            security: .curve(
                KeyFile.readSecret(keys + "/coordinator.key"),
                allowList: AllowList(path: keys + "/allowed")))
    }

    var workerKeys: CurveKeyPair {
        get throws { try KeyFile.readSecret(keys + "/worker.key") }
    }

    func worker(
        _ pair: CurveKeyPair, serverKey: PublicKey? = nil
    ) throws -> Socket {
        let serverKey = try serverKey ?? KeyFile.readPublic(keys + "/coordinator.pub")
        return try Socket.worker(
            context, connect: #require(coordinator.endpoint),
            security: .curve(pair, serverKey: serverKey))
    }

    /// Expects `worker` to be turned away with `failure` and to stay unheard.
    func expectRefused(_ worker: Socket, _ failure: HandshakeFailure) throws {
        try event("\(failure)", of: coordinator) { $0 == .handshakeFailed(failure) }
        #expect(try worker.send([[1]]) == .wouldBlock)
        #expect(try coordinator.receive() == .wouldBlock)
    }
}

@Suite struct CurveTests {
    @Test func listedKeyIsAdmittedByName() throws {
        let guarded = try Guarded()
        let pair = try guarded.workerKeys
        let worker = try guarded.worker(pair)
        try sendNow([[1], [2]], on: worker)
        try event("the handshake", of: guarded.coordinator) { $0 == .handshakeSucceeded }
        let message = try next(guarded.coordinator)
        #expect(message.frames == [[1], [2]])
        #expect(message.user == AuthenticatedUser(name: "worker", publicKey: pair.publicKey))
        #expect(message.peerAddress == "127.0.0.1")
        let limit = worker.profile.maximumPayloadBytes
        let largest = [UInt8](repeating: 9, count: limit)
        try sendNow([largest], on: guarded.coordinator, to: message.peer)
        #expect(try next(worker).frames == [largest])
        #expect(guarded.coordinator.authenticator?.takeRefusals().refusals.isEmpty == true)
    }

    @Test func unlistedKeyIsRefused() throws {
        let guarded = try Guarded()
        let stranger = try CurveKeyPair.generate()
        let worker = try guarded.worker(stranger)
        try guarded.expectRefused(worker, .refused(status: 400))
        let refusals = try #require(guarded.coordinator.authenticator?.takeRefusals().refusals)
        #expect(refusals.first?.publicKey == stranger.publicKey)
        #expect(refusals.first?.address == "127.0.0.1")
        #expect(refusals.first?.reason == "key not on the allow-list")
    }

    @Test func wrongKeyOfCoordinatorIsNoticed() throws {
        let guarded = try Guarded()
        let wrong = try CurveKeyPair.generate().publicKey
        let worker = try guarded.worker(guarded.workerKeys, serverKey: wrong)
        try guarded.expectRefused(worker, .wrongKey)
    }

    @Test func workerWithoutKeysGetsNothing() throws {
        let guarded = try Guarded()
        let worker = try Socket.worker(
            guarded.context, connect: #require(guarded.coordinator.endpoint), security: .none)
        try guarded.expectRefused(worker, .mechanismMismatch)
    }

    @Test func workerWithKeysRefusesOpenCoordinator() throws {
        let context = try Context()
        let coordinator = try Socket.coordinator(
            context, bind: Endpoint("tcp://127.0.0.1:*"), security: .none)
        let worker = try Socket.worker(
            context, connect: #require(coordinator.endpoint),
            security: .curve(.generate(), serverKey: CurveKeyPair.generate().publicKey))
        try event("the mismatch", of: worker) { $0 == .handshakeFailed(.mechanismMismatch) }
        #expect(try worker.send([[1]]) == .wouldBlock)
    }

    @Test func removedKeyIsRevoked() throws {
        let guarded = try Guarded()
        let pair = try guarded.workerKeys
        let first = try guarded.worker(pair)
        try sendNow([[1]], on: first)
        let user = try #require(try next(guarded.coordinator).user)
        let list = try #require(guarded.coordinator.authenticator?.allowList)
        #expect(list.refresh().keys.admits(user.publicKey))

        let entry = guarded.keys + "/allowed/worker.pub"
        try #require(unlink(entry) == 0)
        #expect(!list.refresh().keys.admits(user.publicKey))
        try guarded.expectRefused(guarded.worker(pair), .refused(status: 400))

        try KeyFile.writePublic(pair.publicKey, to: entry)
        let again = try guarded.worker(pair)
        try sendNow([[2]], on: again)
        #expect(try next(guarded.coordinator).user == user)
    }

    @Test func unreadableListAdmitsNobodyForNow() throws {
        let guarded = try Guarded()
        let allowed = guarded.keys + "/allowed"
        try #require(rename(allowed, allowed + ".away") == 0)
        let worker = try guarded.worker(guarded.workerKeys)
        try event("the refusal", of: guarded.coordinator) {
            $0 == .handshakeFailed(.refused(status: 300))
        }
        try #require(rename(allowed + ".away", allowed) == 0)
        try sendNow([[5]], on: worker)
        #expect(try next(guarded.coordinator).frames == [[5]])
    }

    /// libzmq admits every key when nobody answers, unless it is told to enforce the domain.
    @Test func withoutAuthenticatorNobodyIsAdmitted() throws {
        let guarded = try Guarded()
        guarded.coordinator.authenticator?.stop()
        let worker = try guarded.worker(guarded.workerKeys)
        try event("the failure", of: guarded.coordinator) {
            if case .handshakeFailed(.noDetail) = $0 { true } else { false }
        }
        #expect(try worker.send([[1]]) == .wouldBlock)
    }

    @Test func secondAuthenticatedSocketNeedsItsOwnContext() throws {
        let guarded = try Guarded()
        let security = ServerSecurity.curve(
            try guarded.workerKeys, allowList: AllowList(path: guarded.keys + "/allowed"))
        let error = #expect(throws: ZeroMQError.self) {
            try Socket.coordinator(
                guarded.context, bind: Endpoint("tcp://127.0.0.1:*"), security: security)
        }
        #expect(error?.code == .authenticatorBusy)
        _ = try Socket.coordinator(
            Context(), bind: Endpoint("tcp://127.0.0.1:*"), security: security)
    }

    @Test func missingListStopsTheStart() throws {
        let context = try Context()
        let error = #expect(throws: ZeroMQError.self) {
            try Socket.coordinator(
                context, bind: Endpoint("tcp://127.0.0.1:*"),
                security: .curve(.generate(), allowList: AllowList(path: "/nonexistent")))
        }
        #expect(error?.code == .allowListUnreadable)
        #expect(error?.file == "/nonexistent")
    }

    @Test func curveOverIPC() throws {
        let directory = try TemporaryDirectory()
        let context = try Context()
        let server = try CurveKeyPair.generate()
        let client = try CurveKeyPair.generate()
        try write(client.publicKey.z85 + " gpu-7\n", to: directory.file("list"))
        let coordinator = try Socket.coordinator(
            context, bind: Endpoint("ipc://" + directory.file("socket")),
            security: .curve(server, allowList: AllowList(path: directory.file("list"))))
        let worker = try Socket.worker(
            context, connect: #require(coordinator.endpoint),
            security: .curve(client, serverKey: server.publicKey))
        try sendNow([[1]], on: worker)
        #expect(try next(coordinator).user?.name == "gpu-7")
    }
}
