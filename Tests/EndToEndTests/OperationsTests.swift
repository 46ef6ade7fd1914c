// SPDX-License-Identifier: Apache-2.0

import Foundation
import FoundationNetworking
import Testing

extension EndToEnd {
    /// What an operator uses: signals, metrics, logs.
    @Suite(.serialized) struct Operations {
        let scratch: Scratch
        let out: String

        init() throws {
            scratch = try Scratch()
            out = scratch("out")
        }

        // MARK: Signals

        @Test func aSignalIsNoticedWhileImagesArePrepared() throws {
            let images = try scratch.folder("images")
            let folder = Binary.root.appendingPathComponent(Example.images).path
            let source = try #require(
                try FileManager.default.contentsOfDirectory(atPath: folder).sorted().first)
            try scratch.copy(folder + "/" + source, to: "image.png")
            // Enough for seconds of decoding.
            for index in 0..<20_000 {
                #expect(link(scratch("image.png"), images + "/\(index).png") == 0)
            }
            let calibrate = try ChildProcess(
                ["calibrate", "--verbose"] + Example.flags(out: out)
                    + ["--images", images, "--limit", "20000", "--range-images", "20000"])
            try calibrate.line(containing: "preparing images", "count=20000")
            calibrate.signal(SIGTERM)
            let outcome = try calibrate.finish()
            #expect(outcome.status == 75, "\(outcome.log)")
            #expect(outcome.log.contains("stopped by SIGTERM while images were prepared"))
            #expect(!outcome.log.contains("round opened"))
            #expect(try ChildProcess.run("status", out).status == 66)
            let next = try ChildProcess.run(["calibrate", "--resume"] + Example.flags(out: out))
            #expect(next.status == 0, "\(next.log)")
            #expect(try Results(in: out) == Results.reference.get())
        }

        @Test func aWorkerThatIsToldToStopHandsItsShardsBackAtOnce() throws {
            // A lease this long would end the test: what counts is the goodbye.
            let config = try Example.configuration(
                ["  lease_seconds: 2.5": "  lease_seconds: 3600"], in: scratch)
            let cluster = try Cluster(flags: Example.flags(out: out, config: config))
            let leaving = try cluster.worker()
            try cluster.coordinator.line(containing: "round opened", "round=2 ")
            leaving.signal(SIGTERM)
            let outcome = try leaving.finish()
            #expect(outcome.status == 75, "\(outcome.log)")
            #expect(outcome.log.contains("leaving"), "\(outcome.log)")
            try cluster.coordinator.line(
                containing: "worker lost", "pid=\(leaving.identifier)", "left (SIGTERM)")
            let next = try cluster.worker()
            let finished = try cluster.coordinator.finish()
            #expect(finished.status == 0, "\(finished.log)")
            #expect(try next.finish().status == 0)
            #expect(try Results(in: out) == Results.reference.get())
        }

        @Test func aKilledCalibrationLeavesNoFolderForLong() throws {
            // Its own folder for temporary files, so that other processes do not matter.
            let temporary = try scratch.folder("temporary")
            func calibrate(_ extra: [String]) throws -> ChildProcess {
                try ChildProcess(
                    ["calibrate", "--workers", "1", "--verbose"]
                        + Example.tuningFlags(out: out, epochs: 8) + extra,
                    environment: ["TMPDIR": temporary])
            }
            func folders() throws -> [String] {
                try FileManager.default.contentsOfDirectory(atPath: temporary)
                    .filter { $0.hasPrefix("counterbias-") }
            }
            let killed = try calibrate([])
            try killed.line(containing: "round opened", "round=1 ")
            try killed.end()
            let left = try folders()
            #expect(left.count == 1)
            let next = try calibrate(["--resume"])
            try next.line(containing: "worker admitted")
            #expect(try !folders().contains { left.contains($0) })
            let outcome = try next.finish()
            #expect(outcome.status == 0, "\(outcome.log)")
            #expect(try folders() == [])
        }

        // MARK: Metrics

        private func scrape(_ line: String) async throws -> String {
            let endpoint = try #require(
                line.firstMatch(of: /http:\/\/[0-9.]+:[0-9]+\/metrics/).map { String($0.output) })
            let (data, response) = try await get(endpoint)
            #expect(response.statusCode == 200)
            #expect(
                response.value(forHTTPHeaderField: "Content-Type")?.hasPrefix("text/plain") == true)
            #expect(try await get(endpoint + "/other").1.statusCode == 404)
            return data
        }

        private func get(_ address: String) async throws -> (String, HTTPURLResponse) {
            let url = try #require(URL(string: address))
            let (data, response) = try await URLSession.shared.data(from: url)
            let http = try #require(response as? HTTPURLResponse)
            return (String(decoding: data, as: UTF8.self), http)
        }

        @Test func metricsOfBothSides() async throws {
            let config = try Example.configuration(
                ["  lease_seconds: 2.5": "  lease_seconds: 3600"], in: scratch)
            let cluster = try Cluster(
                flags: Example.flags(out: out, config: config) + ["--metrics", "127.0.0.1:*"])
            let serving = try cluster.coordinator.line(containing: "serving metrics")
            let worker = try ChildProcess([
                "worker", "--connect", cluster.endpoint, "--metrics", "127.0.0.1:*", "--verbose",
            ])
            let workerServing = try worker.line(containing: "serving metrics")
            try cluster.coordinator.line(containing: "round opened", "round=2 ")
            // The job waits for its only worker while the coordinator is asked, and the other way
            // round.
            worker.signal(SIGSTOP)
            let page = try await scrape(serving)
            for sample in [
                "counterbias_workers_connected 1", "counterbias_build_info{version=",
                "counterbias_shard_seconds_bucket{le=", "counterbias_bytes_sent_total ",
                "counterbias_rounds_done ",
            ] {
                #expect(page.contains("\n" + sample), "\(sample) in \(page)")
            }
            let done = page.firstMatch(of: /\ncounterbias_rounds_done (\d+)/).flatMap {
                Int($0.output.1)
            }
            #expect((done ?? 0) >= 2, "\(page)")
            cluster.coordinator.signal(SIGSTOP)
            worker.signal(SIGCONT)
            let workerPage = try await scrape(workerServing)
            #expect(workerPage.contains("\ncounterbias_worker_connected "), "\(workerPage)")
            cluster.coordinator.signal(SIGCONT)
            #expect(try cluster.coordinator.finish().status == 0)
            #expect(try worker.finish().status == 0)
            #expect(try Results(in: out) == Results.reference.get())
        }

        @Test func metricsStayOnThisMachine() throws {
            for address in ["0.0.0.0:9464", "192.0.2.1:9464", "*:9464", "[::]:9464"] {
                for command in [
                    ["calibrate"] + Example.flags(out: out),
                    ["worker", "--connect", "tcp://127.0.0.1:1"],
                ] {
                    let outcome = try ChildProcess.run(command + ["--metrics", address])
                    #expect(outcome.status == 64, "\(outcome.log)")
                    #expect(outcome.log.contains("not a loopback address"), "\(outcome.log)")
                }
            }
            let nonsense = try ChildProcess.run(
                ["calibrate", "--metrics", "9464"] + Example.flags(out: out))
            #expect(nonsense.status == 64 && nonsense.log.contains("'9464' is not ADDRESS:PORT"))
        }

        @Test func anOccupiedPortIsAnError() throws {
            let first = try ChildProcess([
                "worker", "--connect", "tcp://127.0.0.1:1", "--metrics", "127.0.0.1:*",
            ])
            let line = try first.line(containing: "serving metrics")
            let port = try #require(line.firstMatch(of: /:(\d+)\/metrics/).map { $0.output.1 })
            let second = try ChildProcess.run(
                "worker", "--connect", "tcp://127.0.0.1:1", "--metrics", "127.0.0.1:\(port)")
            #expect(second.status == 69, "\(second.log)")
            #expect(second.log.contains("--metrics 127.0.0.1:\(port): cannot listen"))
            try first.end()
        }

        // MARK: Logs

        @Test func everyLineIsAnObject() throws {
            let outcome = try ChildProcess.run(
                ["calibrate", "--workers", "2", "--verbose", "--log-format", "json"]
                    + Example.tuningFlags(out: out))
            #expect(outcome.status == 0, "\(outcome.log)")
            let failed = try ChildProcess.run(
                ["calibrate", "--log-format", "json", "--model", scratch("missing.onnx")]
                    + ["--images", Example.images, "--out", scratch("other")])
            #expect(failed.status == 65)
            // Before anything else is known.
            let config = try ChildProcess.run(
                ["calibrate", "--log-format", "json"] + Example.flags(out: out)
                    + ["--config", scratch("nothing.yaml")])
            #expect(config.status == 78 && config.log.hasPrefix("{"), "\(config.log)")
            var events: [String: [String: String]] = [:]
            for line in (outcome.log + failed.log).split(separator: "\n") {
                let object = try #require(
                    try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any],
                    "\(line)")
                for key in ["time", "level", "logger", "event"] {
                    #expect(object[key] is String, "\(key) in \(line)")
                }
                let event = object["event"] as? String ?? ""
                events[event] = object["metadata"] as? [String: String] ?? [:]
            }
            #expect(events["round opened"]?["round"] != nil)
            #expect(events["worker admitted"]?["worker"] != nil)
            let computed = try #require(events["shard computed"])
            #expect(Set(["worker", "round", "shard"]).isSubset(of: computed.keys), "\(computed)")
            #expect(events["stage"]?["shards"] != nil)
            #expect(events["epoch measured"]?["validation loss"] != nil)
            #expect(events["failed"]?["exit_code"] == "65")
        }
    }
}
