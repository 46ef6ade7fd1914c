// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

extension EndToEnd {
    /// Keys: who may bind, who is admitted.
    @Suite(.serialized) struct Security {
        let scratch: Scratch
        let out: String

        init() throws {
            scratch = try Scratch()
            out = scratch("out")
        }

        private func keys(_ name: String) throws -> String {
            let outcome = try ChildProcess.run("keygen", "--out", scratch(name))
            #expect(outcome.status == 0, "\(outcome.log)")
            return scratch(name)
        }

        @Test func bindingOffLoopbackNeedsKeys() throws {
            let outcome = try ChildProcess.run(
                ["coordinator", "--listen", "tcp://0.0.0.0:*"] + Example.flags(out: out))
            #expect(outcome.status == 77, "\(outcome.log)")
            #expect(
                outcome.log.contains("0.0.0.0") && outcome.log.contains("keygen"), "\(outcome.log)")
            let half = try ChildProcess.run(
                ["coordinator", "--listen", "tcp://127.0.0.1:*", "--key", "x"]
                    + Example.flags(out: out))
            #expect(half.status == 64, "\(half.log)")
            #expect(half.log.contains("--allow"), "\(half.log)")
            let worker = try ChildProcess.run("worker", "--connect", "tcp://192.0.2.1:5555")
            #expect(worker.status == 77, "\(worker.log)")
        }

        @Test func onlyListedKeysGetWork() throws {
            let keys = try keys("keys")
            let strange = try self.keys("strange")
            let cluster = try Cluster(
                flags: Example.flags(out: out),
                security: ["--key", keys + "/coordinator.key", "--allow", keys + "/allowed"])
            let stranger = try cluster.worker(
                security: [
                    "--key", strange + "/worker.key", "--server-key", keys + "/coordinator.pub",
                ])
            let publicKey = try String(contentsOfFile: strange + "/worker.pub", encoding: .utf8)
            let refusal = try cluster.coordinator.line(containing: "key refused", "allow-list")
            let key = try #require(refusal.firstMatch(of: /key=(\S+)/)).output.1
            #expect(publicKey.contains(key), "\(refusal)")
            try stranger.line(containing: "handshake refused", "allow-list", cluster.endpoint)
            let plain = try cluster.worker()
            try cluster.coordinator.line(containing: "handshake failed")
            let worker = try cluster.worker(
                security: [
                    "--key", keys + "/worker.key", "--server-key", keys + "/coordinator.pub",
                ])
            let outcome = try cluster.coordinator.finish()
            #expect(outcome.status == 0, "\(outcome.log)")
            #expect(try worker.finish().status == 0)
            #expect(try Results(in: out) == Results.reference.get())
            for uninvited in [stranger, plain] {
                #expect(!outcome.log.contains("pid=\(uninvited.identifier)"))
                #expect(!uninvited.logText.contains("welcomed"))
                try uninvited.end()
            }
        }

        /// Nothing that waiting would mend: each worker gives up, and says which files to look at.
        @Test func refusedWorkersGiveUp() throws {
            let (keys, strange) = (try keys("keys"), try self.keys("strange"))
            let guarded = try Cluster(
                flags: Example.flags(out: out),
                security: ["--key", keys + "/coordinator.key", "--allow", keys + "/allowed"])
            let open = try Cluster(flags: Example.flags(out: scratch("open")))
            func expect(
                _ cluster: Cluster, _ key: String?, _ server: String?, _ messages: String...
            ) throws {
                let worker = try cluster.worker(
                    security: ["--give-up-after", "3"]
                        + (key.map { ["--key", $0 + "/worker.key"] } ?? [])
                        + (server.map { ["--server-key", $0 + "/coordinator.pub"] } ?? []))
                let outcome = try worker.finish()
                #expect(outcome.status == 69, "\(outcome.log)")
                let last = outcome.log.split(separator: "\n").last ?? ""
                for message in messages + [cluster.endpoint] {
                    #expect(last.contains(message), "\(outcome.log)")
                }
                // Half a second, one, two: then it has waited long enough.
                let attempts = outcome.log.split(separator: "\n").filter {
                    $0.contains("next attempt in")
                }
                #expect(attempts.count == 3, "\(outcome.log)")
                #expect(attempts.last?.contains("next attempt in=2.0 s") == true)
            }
            try expect(guarded, keys, strange, strange + "/coordinator.pub", "--server-key")
            try expect(guarded, strange, keys, strange + "/worker.key", "allow-list")
            try expect(guarded, nil, nil, "--key and --server-key")
            try expect(open, keys, keys, "without keys", keys + "/coordinator.pub")
            for cluster in [guarded, open] { try cluster.coordinator.end() }
        }

        /// A worker whose keys are right does not speak of them when its coordinator is gone.
        @Test func anAbsentCoordinatorIsNoMatterOfKeys() throws {
            let keys = try Keys(in: scratch)
            let cluster = try Cluster(flags: Example.flags(out: out), security: keys.coordinator)
            let worker = try cluster.worker(security: keys.worker)
            try worker.line(containing: "welcomed")
            cluster.coordinator.signal(SIGTERM)
            #expect(try cluster.coordinator.finish().status == 75)
            // Its goodbye may be lost with the connection.
            try worker.line(containing: "no word from the coordinator, connecting anew")
            let log = worker.logText
            #expect(!log.contains("refused") && !log.contains("key"), "\(log)")
            let next = try Cluster(
                flags: Example.flags(out: out) + ["--resume"], endpoint: cluster.endpoint,
                security: keys.coordinator)
            try next.expectReference(in: out)
            #expect(try worker.finish().status == 0)
        }

        /// As containers have their secrets: in a directory open to all, on a disk that nobody can
        /// write.
        @Test(.enabled(if: Capabilities.mounts)) func keysOnAReadOnlyDisk() throws {
            let disk = try SmallDisk(kibibytes: 256)
            let keys = try keys("keys")
            try FileManager.default.copyItem(atPath: keys, toPath: disk.path + "/keys")
            try FileManager.default.setAttributes(
                [.posixPermissions: 0o777], ofItemAtPath: disk.path)
            func coordinator() throws -> ChildProcess.Outcome {
                try ChildProcess.run(
                    ["coordinator", "--listen", "tcp://127.0.0.1:*"] + Example.flags(out: out)
                        + ["--model", scratch("missing.onnx")]
                        + ["--key", disk.path + "/keys/coordinator.key"]
                        + ["--allow", disk.path + "/keys/allowed"])
            }
            let open = try coordinator()
            #expect(open.status == 77, "\(open.log)")
            #expect(open.log.contains("chmod go-w \(disk.path)"), "\(open.log)")
            #expect(mount(nil, disk.path, nil, UInt(MS_REMOUNT | MS_RDONLY), nil) == 0)
            // The keys are good; it fails over what comes behind them.
            let readOnly = try coordinator()
            #expect(readOnly.status == 65, "\(readOnly.log)")
        }

        @Test func exposedAndForeignKeyFilesAreRefused() throws {
            let keys = try keys("keys")
            func worker(_ key: String, _ server: String) throws -> ChildProcess.Outcome {
                try ChildProcess.run(
                    "worker", "--connect", "tcp://127.0.0.1:9", "--key", key, "--server-key", server
                )
            }
            let swapped = try worker(keys + "/worker.pub", keys + "/coordinator.pub")
            #expect(swapped.status == 77 && swapped.log.contains("worker.pub"), "\(swapped.log)")
            #expect(swapped.log.contains("it holds no secret-key line"), "\(swapped.log)")
            // No reason to try again.
            let typo = try ChildProcess.run("worker", "--connect", "127.0.0.1:9")
            #expect(typo.status == 64 && typo.log.contains("127.0.0.1:9"), "\(typo.log)")
            try FileManager.default.setAttributes(
                [.posixPermissions: 0o644], ofItemAtPath: keys + "/worker.key")
            let exposed = try worker(keys + "/worker.key", keys + "/coordinator.pub")
            #expect(exposed.status == 77 && exposed.log.contains("worker.key"), "\(exposed.log)")
            let again = try ChildProcess.run("keygen", "--out", keys)
            #expect(again.status == 77 && again.log.contains("coordinator.key"), "\(again.log)")
        }
    }
}
