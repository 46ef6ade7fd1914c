// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

extension EndToEnd {
    /// The server of metrics against clients that want more than numbers.
    @Suite(.serialized) struct MetricsClients {
        private let worker: ChildProcess
        private let port: UInt16

        init() throws {
            worker = try ChildProcess([
                "worker", "--connect", "tcp://127.0.0.1:1", "--metrics", "127.0.0.1:*",
            ])
            let line = try worker.line(containing: "serving metrics")
            let digits = try #require(line.firstMatch(of: /:(\d+)\/metrics/)?.output.1)
            port = try #require(UInt16(digits))
        }

        /// Sends a request and reads until the server ends the connection.
        private func answer(to request: String) throws -> String {
            let descriptor = try #require(TCP.connect(to: port))
            defer { close(descriptor) }
            return try text(of: descriptor, sending: Array(request.utf8))
        }

        private func text(of descriptor: Int32, sending request: [UInt8] = []) throws -> String {
            let deadline = ContinuousClock.now + .seconds(ChildProcess.deadline)
            var (rest, answer) = (request[...], [UInt8]())
            while ContinuousClock.now < deadline {
                if !rest.isEmpty, let count = TCP.write(rest, to: descriptor) {
                    rest = rest.dropFirst(count)
                }
                switch TCP.read(descriptor) {
                case .bytes(let bytes): answer += bytes
                case .end: return String(decoding: answer, as: UTF8.self)
                case .none: TCP.wait(for: [descriptor], milliseconds: rest.isEmpty ? 1_000 : 5)
                }
            }
            throw TCP.Failure(description: "the connection does not end")
        }

        private func get(_ path: String = "/metrics", host: String?) throws -> String {
            let line = host.map { "Host: \($0)\r\n" } ?? ""
            return try answer(to: "GET \(path) HTTP/1.1\r\n\(line)Connection: close\r\n\r\n")
        }

        /// A page in a browser on this machine can have its own name lead here.
        @Test func otherHostsGetNothing() throws {
            for host in ["127.0.0.1", "localhost", "LocalHost", "[::1]"] {
                let page = try get(host: "\(host):\(port)")
                #expect(page.hasPrefix("HTTP/1.1 200 OK\r\n"), "\(page)")
                #expect(page.contains("\ncounterbias_build_info{"), "\(page)")
            }
            let host = "127.0.0.1:\(port)"
            let wrong = [
                "evil.example:\(port)", "127.0.0.1", "localhost:1",
                "127.0.0.1.evil.example:\(port)",
                "", nil,
            ]
            for host in wrong {
                let page = try get(host: host)
                #expect(page.hasPrefix("HTTP/1.1 421 "), "\(host ?? "none"): \(page)")
                #expect(!page.contains("counterbias_"), "\(page)")
            }
            #expect(try get("/metrics?a=b", host: host).hasPrefix("HTTP/1.1 200"))
            #expect(try get("/", host: host).hasPrefix("HTTP/1.1 404"))
            try worker.end()
        }

        /// Connections that say nothing end, and meanwhile there are never many of them.
        @Test(.staysFlat(descriptors: 32)) func silentClients() throws {
            let quiet = try ProcessUse(worker)
            let silent = try (0..<24).map { _ in try #require(TCP.connect(to: port)) }
            defer { for descriptor in silent { close(descriptor) } }
            // Those above 16 end at once, the others after their time.
            for descriptor in silent { #expect(try text(of: descriptor) == "") }
            let page = try get(host: "127.0.0.1:\(port)")
            #expect(page.hasPrefix("HTTP/1.1 200"), "\(page)")
            try ProcessUse.wait(for: "its descriptors to be closed", of: worker) {
                $0.descriptors <= quiet.descriptors + 12
            }
            try worker.end()
        }
    }
}
