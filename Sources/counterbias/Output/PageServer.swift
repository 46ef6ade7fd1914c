import Glibc
import Synchronization
import ZeroMQ

/// Serves one page over HTTP on a thread of its own. What its clients do costs a bounded number of connections, for a bounded
/// time each; while there are so many, others wait in the kernel's queue.
struct PageServer {
    struct Failure: Error, CustomStringConvertible {
        var description: String
    }

    /// Connections at a time.
    static let connections = 16
    /// From the start of a connection to the end of its answer.
    static let patience = Duration.seconds(5)
    /// How long to leave the queue alone when no connection can be taken from it.
    private static let pause = Duration.milliseconds(500)

    let port: UInt16
    private let listener: Int32
    private let addresses: Set<String>

    /// Binds and listens.
    /// - Parameters:
    ///   - host: IPv4 or IPv6 address of this machine.
    ///   - port: 0 for a free one.
    /// - Throws: ``Failure`` with the system's reason.
    init(host: String, port: UInt16) throws {
        let isWide = host.contains(":")
        let type = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue)
        listener = socket(isWide ? AF_INET6 : AF_INET, type, 0)
        guard listener >= 0 else { throw Self.failure() }
        do {
            var on: Int32 = 1
            setsockopt(
                listener, SOL_SOCKET, SO_REUSEADDR, &on, socklen_t(MemoryLayout<Int32>.size))
            self.port =
                isWide
                ? try Self.bindWide(listener, host, port) : try Self.bind(listener, host, port)
            guard listen(listener, 2 * Int32(Self.connections)) == 0 else { throw Self.failure() }
        } catch {
            close(listener)
            throw error
        }
        addresses = ["localhost", "127.0.0.1", "[::1]", isWide ? "[\(host)]" : host]
    }

    /// Serves for as long as the process lives.
    /// - Parameters:
    ///   - path: of the page.
    ///   - contentType: of the page.
    ///   - page: makes it; called on the server's thread.
    /// - Throws: when there is no thread for it.
    func start(
        path: String, contentType: String, page: @escaping @Sendable () -> String
    ) throws {
        _ = try DedicatedThread(name: "metrics") { [self] in
            serve { head in
                guard let head else { return HTTPAnswer(.badRequest) }
                guard head.isMeant(for: addresses, port: port) else {
                    return HTTPAnswer(.otherHost)
                }
                guard head.path == path else { return HTTPAnswer(.notFound) }
                guard head.method == "GET" else { return HTTPAnswer(.otherMethod) }
                return HTTPAnswer(.ok, contentType: contentType, body: page())
            }
        }
    }

    private func serve(_ answer: (HTTPRequestHead?) -> HTTPAnswer) -> Never {
        let clock = ContinuousClock()
        var (open, resumption): ([PageConnection], _) = ([], clock.now)
        while true {
            var items = open.map { pollfd(fd: $0.descriptor, events: $0.events, revents: 0) }
            var alarm = open.map(\.deadline).min()
            if open.count < Self.connections {
                if clock.now >= resumption {
                    items.append(pollfd(fd: listener, events: Int16(POLLIN), revents: 0))
                } else {
                    alarm = min(alarm ?? resumption, resumption)
                }
            }
            let wait = alarm.map { max(0, Int32(($0 - clock.now) / .milliseconds(1)) + 1) } ?? -1
            poll(&items, nfds_t(items.count), wait)
            let now = clock.now
            var left: [PageConnection] = []
            for (connection, item) in zip(open, items) {
                var connection = connection
                let goesOn = item.revents == 0 || connection.advance(answer: answer)
                if goesOn, now < connection.deadline {
                    left.append(connection)
                } else {
                    close(connection.descriptor)
                }
            }
            if items.count > open.count, items[open.count].revents != 0 {
                let descriptor = accept(listener, nil, nil)
                if descriptor >= 0 {
                    _ = fcntl(descriptor, F_SETFL, O_NONBLOCK)
                    _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
                    left.append(PageConnection(descriptor, deadline: now + Self.patience))
                } else if errno == EMFILE || errno == ENFILE || errno == ENOMEM {
                    resumption = now + Self.pause
                }
            }
            open = left
        }
    }

    private static func bind(
        _ descriptor: Int32, _ host: String, _ port: UInt16
    ) throws -> UInt16 {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        guard inet_pton(AF_INET, host, &address.sin_addr) == 1 else {
            throw Failure(description: "\(host) is not an IP address")
        }
        try bind(descriptor, &address)
        return UInt16(bigEndian: address.sin_port)
    }

    private static func bindWide(
        _ descriptor: Int32, _ host: String, _ port: UInt16
    ) throws -> UInt16 {
        var address = sockaddr_in6()
        address.sin6_family = sa_family_t(AF_INET6)
        address.sin6_port = port.bigEndian
        guard inet_pton(AF_INET6, host, &address.sin6_addr) == 1 else {
            throw Failure(description: "\(host) is not an IP address")
        }
        try bind(descriptor, &address)
        return UInt16(bigEndian: address.sin6_port)
    }

    /// Binds, and stores the address that it became.
    private static func bind<Address>(_ descriptor: Int32, _ address: inout Address) throws {
        var size = socklen_t(MemoryLayout<Address>.size)
        let status = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { generic in
                Glibc.bind(descriptor, generic, size) == 0
                    && getsockname(descriptor, generic, &size) == 0
            }
        }
        guard status else { throw failure() }
    }

    private static func failure() -> Failure {
        Failure(description: String(cString: strerror(errno)))
    }
}
