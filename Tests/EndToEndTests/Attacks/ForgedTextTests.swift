// SPDX-License-Identifier: Apache-2.0

import Foundation
import Glibc
import Storage
import Testing

@testable import Cluster
@testable import ZeroMQ

extension EndToEnd {
    /// Texts from peers and files that would end lines, steer terminals or go on without end.
    @Suite(.serialized) struct ForgedText {
        private static let forged = "a\u{1B}[2J\n2026-01-01 error: all is lost\u{202E}\u{9B}1m"
        private static let shown =
            "a\\u{1B}[2J\\u{A}2026-01-01 error: all is lost\\u{202E}\\u{9B}1m"

        let scratch: Scratch

        init() throws { scratch = try Scratch() }

        private func expectClean(
            _ text: String, at location: SourceLocation = #_sourceLocation
        ) {
            let controls = text.unicodeScalars.filter {
                $0 != "\n" && ($0.properties.generalCategory == .control || $0 == "\u{202E}")
            }
            #expect(controls.isEmpty, "\(text.debugDescription)", sourceLocation: location)
            #expect(
                !text.split(separator: "\n").contains { $0.hasPrefix("2026-01-01 error") },
                "\(text.debugDescription)", sourceLocation: location)
        }

        @Test func namesAndReasonsOfPeers() throws {
            let guarded = try GuardedCluster()
            let peer = try guarded.recklessPeer("one", context: Context())
            var hello = MisbehavingPeer.hello
            hello.host = Self.forged
            hello.build = Self.forged
            hello.golden = Digest.sha256(of: "other bits")
            _ = try peer.refusal(of: hello)
            try guarded.coordinator.line(containing: "worker refused", "host=" + Self.shown)
            hello = MisbehavingPeer.hello
            hello.isa = Self.forged
            try peer.join(as: hello)
            try guarded.coordinator.line(containing: "worker admitted", "isa=" + Self.shown)
            let task = try peer.next("a task") {
                if case .task(let task) = $0 { task } else { nil }
            }
            try peer.send(.failure(task.id, reason: Self.forged))
            try guarded.coordinator.line(containing: "shard failed", "reason=" + Self.shown)
            try peer.send(.goodbye(reason: Self.forged, isFinished: false))
            try guarded.coordinator.line(containing: "worker lost", Self.shown)
            peer.socket.close()
            try guarded.expectUndisturbed(memory: 32)
            expectClean(guarded.coordinator.logText)
        }

        @Test func namesInModels() throws {
            let path = Binary.root.appendingPathComponent(Example.model).path
            var bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: path)))
            let (clip, forged) = (Array("\u{4}Clip".utf8), Array("\u{4}\u{1B}[2J".utf8))
            let place = try #require(bytes.indices.first { bytes[$0...].starts(with: clip) })
            bytes.replaceSubrange(place..<place + clip.count, with: forged)
            let model = scratch("forged.onnx")
            try Data(bytes).write(to: URL(fileURLWithPath: model))
            let flags = Example.flags(out: scratch("out")) + ["--model", model]
            for arguments in [
                ["inspect", model], ["inspect", "--json", model], ["calibrate"] + flags,
                ["calibrate", "--log-format", "json"] + flags,
            ] {
                let outcome = try ChildProcess.run(arguments)
                #expect(outcome.status == 65, "\(outcome.log)")
                #expect(outcome.log.contains("[2J"), "\(outcome.log)")
                expectClean(outcome.log)
                expectClean(outcome.output)
            }
        }

        @Test func namesOfImages() throws {
            let images = try scratch.folder("images")
            let name = Self.forged + ".png"
            try scratch.write("no image", to: "images/" + name)
            let flags =
                Example.flags(out: scratch("out")) + ["--images", images, "--log-format", "text"]
            let refused = try ChildProcess.run(["calibrate"] + flags)
            #expect(refused.status == 65 && refused.log.contains(Self.shown), "\(refused.log)")
            expectClean(refused.log)
            let skipped = try ChildProcess.run(["calibrate", "--skip-bad-images"] + flags)
            #expect(skipped.log.contains(Self.shown), "\(skipped.log)")
            expectClean(skipped.log)
        }

        @Test func whatStatusReads() throws {
            let out = scratch("out")
            let cluster = try Cluster(flags: Example.flags(out: out))
            let worker = try cluster.worker()
            try cluster.coordinator.line(containing: "round opened", "round=2 ")
            try cluster.coordinator.hasSaved(rounds: 2)
            try cluster.coordinator.end()
            try worker.end()
            let record = out + "/checkpoint/job.json"
            let text = try String(contentsOfFile: record, encoding: .utf8)
            let data = try JSONSerialization.data(withJSONObject: [Self.forged], options: [])
            let quoted = String(decoding: data.dropFirst().dropLast(), as: UTF8.self)
            let changed = text.replacing(#/"folder":"[^"]*"/#, with: "\"folder\":" + quoted)
            try #require(changed != text)
            try Data(changed.utf8).write(to: URL(fileURLWithPath: record))
            // Held by this process, under a name that it likes.
            let lock = open(out + "/.lock", O_RDWR | O_TRUNC)
            try #require(lock >= 0 && flock(lock, LOCK_EX | LOCK_NB) == 0)
            let holder = Array("1 a\u{1B}[2Jb\u{9B}1m\n".utf8)
            try #require(write(lock, holder, holder.count) == holder.count)
            let running = try ChildProcess.run("status", out)
            #expect(running.output.contains("process 1 on a\\u{1B}[2Jb\\u{9B}1m"), "\(running)")
            close(lock)
            let interrupted = try ChildProcess.run("status", out)
            #expect(interrupted.output.contains(Self.shown), "\(interrupted)")
            let object = try ChildProcess.run("status", "--json", out)
            for outcome in [running, interrupted, object] {
                #expect(outcome.status == 0, "\(outcome.log)")
                expectClean(outcome.output)
            }
            let status = try #require(
                try JSONSerialization.jsonObject(with: Data(object.output.utf8)) as? [String: Any])
            #expect((status["next"] as? String)?.contains(Self.forged) == true, "\(status)")
        }
    }
}
