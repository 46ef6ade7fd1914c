import Foundation
import Logging
import ZeroMQ

/// Serves `GET /metrics` on a loopback port for as long as the process lives.
enum MetricsServer {
    /// Metrics tell how a job gets on and carry no keys; still they stay on this machine. Who wants them elsewhere
    /// puts a proxy with access control in front.
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
    /// - Throws: `CommandError`: 64 for an address that is none or not loopback, 69 if it cannot be bound.
    static func start(
        _ text: String, logger: Logger, page: @escaping @Sendable () -> String
    ) throws {
        let (host, port) = try address(text)
        do {
            let server = try PageServer(host: host, port: port)
            try server.start(
                path: "/metrics", contentType: "text/plain; version=0.0.4; charset=utf-8",
                page: page)
            let name = host.contains(":") ? "[\(host)]" : host
            logger.info(
                "serving metrics", metadata: ["endpoint": "http://\(name):\(server.port)/metrics"])
        } catch {
            throw CommandError(EX_UNAVAILABLE, "--metrics \(text): cannot listen: \(error)")
        }
    }
}
