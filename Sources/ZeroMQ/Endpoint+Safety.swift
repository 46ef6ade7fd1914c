// SPDX-License-Identifier: Apache-2.0

import Glibc

extension Endpoint {
    /// Enforces where traffic may go unencrypted: ipc in a directory nobody else can enter, and
    /// loopback. Without security any peer that can connect can also make libzmq hold endless
    /// messages in memory, so this is not only about reading along.
    /// - Throws: `.insecureEndpoint`, `.directoryNotPrivate`.
    func checkUnencrypted(insecure: Bool) throws(ZeroMQError) {
        if insecure { return }
        switch address {
        case .tcp:
            guard isLoopback else {
                throw ZeroMQError(.insecureEndpoint, endpoint: description)
            }
        case .ipc(let path):
            try checkPrivate(directory: Self.directory(of: path))
        }
    }

    /// libzmq removes whatever is at the path before it binds, be it a document or the socket of
    /// a process at work. Only a socket nobody listens on may go.
    /// - Throws: `.ipcPathOccupied`, `.addressInUse`.
    func checkReplaceable() throws(ZeroMQError) {
        guard case .ipc(let path) = address else { return }
        var status = stat()
        guard lstat(path, &status) == 0 else { return }
        guard status.st_mode & S_IFMT == S_IFSOCK else {
            throw ZeroMQError(.ipcPathOccupied, endpoint: description, detail: "not a socket")
        }
        if Self.isListening(path) {
            throw ZeroMQError(.addressInUse, endpoint: description)
        }
    }

    private func checkPrivate(directory: String) throws(ZeroMQError) {
        var status = stat()
        guard stat(directory, &status) == 0 else {
            throw ZeroMQError(
                .directoryNotPrivate, endpoint: description, file: directory, errorNumber: errno)
        }
        let detail: String? =
            if status.st_mode & S_IFMT != S_IFDIR {
                "not a directory"
            } else if status.st_uid != geteuid() {
                "it belongs to another user"
            } else if status.st_mode & 0o077 != 0 {
                "its mode is \(String(status.st_mode & 0o777, radix: 8))"
            } else {
                nil
            }
        if let detail {
            throw ZeroMQError(
                .directoryNotPrivate, endpoint: description, file: directory, detail: detail)
        }
    }

    private static func directory(of path: String) -> String {
        guard let slash = path.lastIndex(of: "/") else { return "." }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }

    /// Whether a process accepts connections on a Unix socket at `path`. Another user's socket that
    /// cannot be asked counts as alive.
    private static func isListening(_ path: String) -> Bool {
        let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { return true }
        defer { close(descriptor) }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        let status = withUnsafePointer(to: address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        return status == 0 || errno != ECONNREFUSED
    }
}
