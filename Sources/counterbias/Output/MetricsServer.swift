// SPDX-License-Identifier: Apache-2.0

import Cluster
import Dispatch
import FlyingFox
import FlyingSocks
import Foundation
import Logging
import Synchronization
import ZeroMQ

/// Serves `GET /metrics` on a loopback port for as long as the process lives.
enum MetricsServer {
    /// Metrics tell how a job gets on and carry no keys; still they stay on this machine. Who wants
    /// them elsewhere puts a proxy with access control in front.
    static func address(_ text: String) throws -> (host: String, port: UInt16) {
        guard let endpoint = try? Endpoint("tcp://" + text),
            case .tcp(let host, let port) = endpoint.address
        else {
            throw CommandError(
                EX_USAGE, "--metrics: '\(text)' is not ADDRESS:PORT, such as 127.0.0.1:9464")
        }
        guard endpoint.isLoopback else {
            throw CommandError(
                EX_USAGE,
                "--metrics: \(host) is not a loopback address; metrics are served without access control, so "
                    + "only on 127.0.0.1 or [::1]")
        }
        return (host, port)
    }

    /// Returns once it listens.
    /// - Parameters:
    ///   - text: `ADDRESS:PORT`; port `*` takes a free one.
    ///   - logger: told the address with the real port.
    ///   - page: makes the page of every scrape; called on another thread.
    /// - Throws: `CommandError`: 64 for an address that is none or not loopback, 69 if it cannot be
    ///   bound.
    static func start(
        _ text: String, logger: Logger, page: @escaping @Sendable () -> String
    ) throws {
        let (host, port) = try address(text)
        let pool = BoundedSocketPool(HTTPServer.defaultPool())
        let server: HTTPServer =
            if host.contains(":") {
                HTTPServer(
                    address: try sockaddr_in6.inet6(ip6: host, port: port), pool: pool,
                    logger: .disabled)
            } else {
                HTTPServer(
                    address: try sockaddr_in.inet(ip4: host, port: port), pool: pool,
                    logger: .disabled)
            }
        let started = DispatchSemaphore(value: 0)
        let outcome = Mutex<Result<UInt16, any Error>?>(nil)
        let settle: @Sendable (Result<UInt16, any Error>) -> Void = { result in
            let isFirst = outcome.withLock { outcome in
                guard outcome == nil else { return false }
                outcome = result
                return true
            }
            if isFirst { started.signal() }
        }
        Task {
            await server.appendRoute("GET /metrics") { request in
                // A connection is for one request: its time is short.
                guard await isMeant(request, for: host, port: server.listeningAddress?.port) else {
                    return HTTPResponse(
                        statusCode: .misdirectedRequest,
                        headers: [.connection: "close"] as HTTPHeaders)
                }
                let headers: HTTPHeaders = [
                    .contentType: "text/plain; version=0.0.4; charset=utf-8",
                    .connection: "close",
                ]
                return HTTPResponse(
                    statusCode: .ok, headers: headers, body: Data(page().utf8))
            }
            do { try await server.run() } catch { settle(.failure(error)) }
        }
        Task {
            do {
                try await server.waitUntilListening()
                settle(.success(await server.listeningAddress?.port ?? port))
            } catch { settle(.failure(error)) }
        }
        started.wait()
        switch outcome.withLock({ $0 }) {
        case .success(let port)?:
            let name = host.contains(":") ? "[\(host)]" : host
            logger.info(
                "serving metrics", metadata: ["endpoint": "http://\(name):\(port)/metrics"])
        case .failure(let error)?:
            throw CommandError(EX_UNAVAILABLE, "--metrics \(text): cannot listen: \(error)")
        case nil:
            break
        }
    }
}

extension MetricsServer {
    /// Whether a request names this machine. A page of some other site can have its own name lead
    /// to loopback, but cannot choose the name that its browser sends along.
    private static func isMeant(_ request: HTTPRequest, for host: String, port: UInt16?) -> Bool {
        guard let port, let name = request.headers[.host]?.lowercased() else { return false }
        let own = host.contains(":") ? "[\(host)]" : host
        return ["localhost", "127.0.0.1", "[::1]", own].contains { address in
            name == "\(address):\(port)" || port == 80 && name == address
        }
    }
}

extension FlyingSocks.Socket.Address {
    fileprivate var port: UInt16? {
        switch self {
        case .ip4(_, let port), .ip6(_, let port): port
        case .unix: nil
        }
    }
}
