// SPDX-License-Identifier: Apache-2.0

import Foundation
import Glibc

/// Stands between one worker and the coordinator and keeps what the coordinator says.
final class RecordingProxy: @unchecked Sendable {
    // Sendable: `recorded` and `isEnded` are read and written under `condition`.

    /// Where the worker has to connect.
    let endpoint: String
    private let listener: Int32
    private let target: String
    private let condition = NSCondition()
    private var recorded: [UInt8] = []
    private var isEnded = false

    init(to target: String) throws {
        self.target = target
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        listener = descriptor
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let status = withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                bind(descriptor, pointer, size) | listen(descriptor, 8)
                    | getsockname(descriptor, pointer, &size)
            }
        }
        guard descriptor >= 0, status == 0 else {
            throw RawPeer.Failure(description: "no socket to listen on: errno \(errno)")
        }
        endpoint = "tcp://127.0.0.1:\(UInt16(bigEndian: address.sin_port))"
        Thread.detachNewThread { [self] in forward() }
    }

    deinit { close(listener) }

    /// What the coordinator said on the first connection, once that has ended.
    func recording() throws -> [UInt8] {
        let limit = Date(timeIntervalSinceNow: ChildProcess.deadline)
        return try condition.withLock {
            while !isEnded {
                guard condition.wait(until: limit) else {
                    throw RawPeer.Failure(description: "the connection does not end")
                }
            }
            return recorded
        }
    }

    /// The first connection, both ways, until one side hangs up.
    private func forward() {
        let worker = accept(listener, nil, nil)
        defer {
            close(worker)
            condition.withLock {
                isEnded = true
                condition.broadcast()
            }
        }
        guard worker >= 0, let coordinator = try? RawPeer(target) else { return }
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while true {
            var items = [worker, coordinator.descriptor].map {
                pollfd(fd: $0, events: Int16(POLLIN), revents: 0)
            }
            guard poll(&items, 2, 20_000) > 0 else { return }
            if items[1].revents != 0 {
                let count = recv(coordinator.descriptor, &buffer, buffer.count, 0)
                guard count > 0 else { return }
                condition.withLock { recorded += buffer[..<count] }
                _ = send(worker, buffer, count, Int32(MSG_NOSIGNAL))
            }
            if items[0].revents != 0 {
                let count = recv(worker, &buffer, buffer.count, 0)
                guard count > 0 else { return }
                coordinator.send(Array(buffer[..<count]))
            }
        }
    }
}
