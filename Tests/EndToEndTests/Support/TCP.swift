// SPDX-License-Identifier: Apache-2.0

import Glibc

/// Non-blocking sockets on loopback.
enum TCP {
    struct Failure: Error, CustomStringConvertible { var description: String }

    enum Arrival {
        case none
        case end
        case bytes([UInt8])
    }

    /// Seconds of a clock that only goes forward.
    static var now: Double {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
    }

    /// - Returns: a listening socket and its port.
    static func listen() throws -> (descriptor: Int32, port: UInt16) {
        let descriptor = try make()
        var address = loopback(0)
        guard withAddress(&address, { bind(descriptor, $0, $1) }) == 0,
            Glibc.listen(descriptor, 64) == 0
        else {
            close(descriptor)
            throw Failure(description: "listen: errno \(errno)")
        }
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        _ = withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                getsockname(descriptor, $0, &length)
            }
        }
        return (descriptor, UInt16(bigEndian: address.sin_port))
    }

    static func accept(_ listener: Int32) -> Int32? {
        let descriptor = Glibc.accept(listener, nil, nil)
        guard descriptor >= 0 else { return nil }
        _ = fcntl(descriptor, F_SETFL, O_NONBLOCK)
        _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
        return prepared(descriptor)
    }

    /// A connection, made at once: the other side is on this machine.
    static func connect(to port: UInt16) -> Int32? {
        guard let descriptor = try? make() else { return nil }
        var address = loopback(port)
        guard
            withAddress(&address, { Glibc.connect(descriptor, $0, $1) }) == 0
                || errno == EINPROGRESS
        else {
            close(descriptor)
            return nil
        }
        return prepared(descriptor)
    }

    static func read(_ descriptor: Int32) -> Arrival {
        var buffer = [UInt8](repeating: 0, count: 16 << 10)
        let count = recv(descriptor, &buffer, buffer.count, 0)
        if count > 0 { return .bytes(Array(buffer[..<count])) }
        // ENOTCONN: the connection is still being made.
        let isOpen = count < 0 && [EAGAIN, EINTR, ENOTCONN].contains(errno)
        return isOpen ? .none : .end
    }

    /// - Returns: bytes taken, or nil if the connection is gone.
    static func write(_ bytes: ArraySlice<UInt8>, to descriptor: Int32) -> Int? {
        let count = bytes.withUnsafeBytes {
            send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
        }
        if count >= 0 { return count }
        return [EAGAIN, EINTR, ENOTCONN].contains(errno) ? 0 : nil
    }

    /// Waits until one of them has something to read, or the time is over.
    static func wait(for descriptors: [Int32], milliseconds: Int32) {
        var items = descriptors.map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
        poll(&items, nfds_t(items.count), milliseconds)
    }

    private static func make() throws -> Int32 {
        let type = Int32(
            SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue)
        let descriptor = socket(AF_INET, type, 0)
        guard descriptor >= 0 else { throw Failure(description: "socket: errno \(errno)") }
        return descriptor
    }

    private static func prepared(_ descriptor: Int32) -> Int32 {
        var on: Int32 = 1
        setsockopt(
            descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &on, socklen_t(MemoryLayout<Int32>.size))
        // Small, so that a slow flow pushes back on its sender.
        var size: Int32 = 32 << 10
        setsockopt(
            descriptor, SOL_SOCKET, SO_RCVBUF, &size, socklen_t(MemoryLayout<Int32>.size))
        return descriptor
    }

    private static func loopback(_ port: UInt16) -> sockaddr_in {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        return address
    }

    private static func withAddress(
        _ address: inout sockaddr_in, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Int32
    ) -> Int32 {
        withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                body($0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
    }
}
