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
            try stranger.line(containing: "handshake failed", "key")
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
