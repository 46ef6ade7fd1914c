// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport

/// A folder of one test, removed with its last reference.
final class Scratch: Sendable {
    let path: String

    init() throws {
        path =
            FileManager.default.temporaryDirectory
            .appendingPathComponent("counterbias-test-\(UUID().uuidString)").path
        // As keys demand, whatever the umask.
        try FileManager.default.createDirectory(
            atPath: path, withIntermediateDirectories: true,
            attributes: [.posixPermissions: 0o700])
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    func callAsFunction(_ name: String) -> String { path + "/" + name }

    @discardableResult
    func write(_ text: String, to name: String) throws -> String {
        let file = self(name)
        try Data(text.utf8).write(to: URL(fileURLWithPath: file))
        return file
    }

    @discardableResult
    func folder(_ name: String) throws -> String {
        try FileManager.default.createDirectory(
            atPath: self(name), withIntermediateDirectories: true)
        return self(name)
    }

    func copy(_ source: String, to name: String) throws {
        try FileManager.default.copyItem(atPath: source, toPath: self(name))
    }

    func bytes(_ name: String) throws -> Data {
        try Data(contentsOf: URL(fileURLWithPath: self(name)))
    }

    func exists(_ name: String) -> Bool { FileManager.default.fileExists(atPath: self(name)) }
}

/// The embedded example, made small.
enum Example {
    static let model = "example/digits.onnx"
    static let images = "example/calibration"
    static let labels = "example/labels.csv"
    static let config = "config/example.yaml"

    /// Flags of a job that is quick in a debug build: 8 images, 4 shards in every round, one round
    /// per layer unless means are matched behind the activation.
    static func flags(
        out: String, config: String = config, match: String = "pre", images: Int = 8
    ) -> [String] {
        [
            "--config", config, "--out", out, "--limit", "\(images)", "--range-images",
            "\(images)", "--ibc-images", "\(images)", "--match", match,
        ]
    }

    /// Flags of a job that equalizes channels and takes ranges from histograms.
    static func equalizedFlags(out: String) -> [String] {
        flags(out: out) + ["--equalize", "cross-layer", "--range", "mse"]
    }

    /// Flags of a job that fine-tunes: 12 images, of which 2 are held out, 3 steps an epoch.
    static func tuningFlags(out: String, epochs: Int = 2) -> [String] {
        [
            "--config", config, "--out", out, "--limit", "12", "--range-images", "8",
            "--ibc-images", "4", "--match", "pre", "--method", "ibc,bft", "--epochs", "\(epochs)",
            "--batch", "4",
        ]
    }

    /// One where silence is no reason to give a worker up, for tests of other reasons on a busy
    /// machine.
    static func patient(in scratch: Scratch) throws -> String {
        try configuration(["  lease_seconds: 2.5": "  lease_seconds: 30"], in: scratch)
    }

    /// The example's configuration with other lines: `replacing` → `with`.
    static func configuration(_ changes: [String: String], in scratch: Scratch) throws -> String {
        let url = Binary.root.appendingPathComponent(config)
        var text = try String(contentsOf: url, encoding: .utf8)
        for (line, replacement) in changes {
            precondition(text.contains(line), "the example has no line '\(line)'")
            text = text.replacingOccurrences(of: line, with: replacement)
        }
        return try scratch.write(text, to: "changed.yaml")
    }
}

/// The files of a finished calibration whose bytes are the contract.
struct Results: Equatable, CustomStringConvertible {
    var biases: Data
    var model: Data

    init(in folder: String) throws {
        biases = try Data(contentsOf: URL(fileURLWithPath: folder + "/bias.safetensors"))
        model = try Data(contentsOf: URL(fileURLWithPath: folder + "/model.int8.onnx"))
    }

    var description: String { "biases #\(biases.hashValue), model #\(model.hashValue)" }

    /// Those of an undisturbed `calibrate` with one worker and one thread; computed once.
    static let reference = Result { try undisturbed(match: "pre") }
    /// The same with means matched behind the activation.
    static let referencePost = Result { try undisturbed(match: "post") }

    /// The same of 16 images, 8 shards in every round.
    static let referenceWide = Result { try undisturbed { Example.flags(out: $0, images: 16) } }

    /// The same with fine-tuning.
    static let referenceTuned = Result { try undisturbed { Example.tuningFlags(out: $0) } }

    /// The same with equalization and ranges from histograms.
    static let referenceEqualized = Result { try undisturbed(Example.equalizedFlags(out:)) }

    private static func undisturbed(match: String) throws -> Results {
        try undisturbed { Example.flags(out: $0, match: match) }
    }

    private static func undisturbed(_ flags: (String) -> [String]) throws -> Results {
        let scratch = try Scratch()
        let out = scratch("out")
        let run = try ChildProcess.run(
            ["calibrate", "--workers", "1", "--threads", "1"] + flags(out))
        // A worker that crashes is replaced; nobody may notice that here alone.
        guard run.status == 0, !run.log.contains("local worker ended") else {
            throw ChildProcess.Failure(
                what: "status \(run.status)", command: "calibrate", output: run.log)
        }
        return try Results(in: out)
    }
}

/// A `coordinator` on loopback and the workers of a test.
struct Cluster {
    let coordinator: ChildProcess
    let endpoint: String

    /// Starts a coordinator on a free port and waits until it listens.
    init(
        flags: [String], endpoint: String = "tcp://127.0.0.1:*", security: [String] = [],
        on host: Laboratory.Host? = nil, environment: [String: String] = [:]
    ) throws {
        coordinator = try ChildProcess(
            ["coordinator", "--listen", endpoint, "--verbose"] + flags + security, on: host,
            environment: environment)
        let line = try coordinator.line(containing: "listening", "endpoint=")
        guard let found = line.range(of: "tcp://[0-9.]+:[0-9]+", options: .regularExpression) else {
            throw ChildProcess.Failure(
                what: "no endpoint in '\(line)'", command: "coordinator",
                output: coordinator.logText)
        }
        self.endpoint = String(line[found])
    }

    /// Waits until a worker may have been given shards.
    func waitForAdmission(of worker: ChildProcess) throws {
        try coordinator.hasLogged("worker admitted", "pid=\(worker.identifier)")
    }

    /// Starts a worker that connects to `endpoint` (nil: the coordinator's own) from the network of
    /// `host`.
    func worker(
        threads: Int = 1, security: [String] = [], endpoint: String? = nil,
        on host: Laboratory.Host? = nil, environment: [String: String] = [:]
    ) throws -> ChildProcess {
        try ChildProcess(
            [
                "worker", "--connect", endpoint ?? self.endpoint, "--threads", "\(threads)",
                "--verbose",
            ] + security, on: host, environment: environment)
    }
}

/// The example's network with one bit of one weight changed.
enum OtherModel {
    static func write(to path: String) throws -> String {
        var bytes = try Data(contentsOf: Binary.root.appendingPathComponent(Example.model))
        bytes[bytes.count / 2] ^= 1
        try bytes.write(to: URL(fileURLWithPath: path))
        return path
    }
}
