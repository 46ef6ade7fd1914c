// SPDX-License-Identifier: Apache-2.0

import Foundation

/// A headless browser. Where there is none its tests are skipped, loudly; with `CI=true` they run
/// and fail.
enum Chromium {
    struct Outcome {
        var output: String
        var log: String
        var title: Substring {
            guard let start = output.range(of: "<title>"), let end = output.range(of: "</title>")
            else {
                return ""
            }
            return output[start.upperBound..<end.lowerBound]
        }
    }

    static let path = ["chromium", "chromium-browser", "google-chrome"].flatMap { name in
        (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":").map {
            $0 + "/" + name
        }
    }.first { FileManager.default.isExecutableFile(atPath: $0) }

    static let isUsable: Bool = {
        if path != nil || ProcessInfo.processInfo.environment["CI"] == "true" { return true }
        print(
            "SKIPPED: no chromium here (scripts/setup --tests installs it); reports are not rendered"
        )
        return false
    }()

    struct Missing: Error {}

    static func run(_ page: String, in folder: URL, _ arguments: [String]) throws -> Outcome {
        guard let path else { throw Missing() }
        let file = folder.appending(path: "page.html")
        try Data(page.utf8).write(to: file)
        let files = (output: folder.appending(path: "out"), log: folder.appending(path: "log"))
        for file in [files.output, files.log] { try Data().write(to: file) }
        let process = Process()
        process.executableURL = URL(fileURLWithPath: path)
        process.arguments =
            [
                "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
                "--no-first-run", "--enable-logging=stderr", "--virtual-time-budget=4000",
                "--user-data-dir=" + folder.appending(path: "profile").path,
            ] + arguments + [file.absoluteString]
        process.standardOutput = try FileHandle(forWritingTo: files.output)
        process.standardError = try FileHandle(forWritingTo: files.log)
        try process.run()
        process.waitUntilExit()
        return Outcome(
            output: String(decoding: try Data(contentsOf: files.output), as: UTF8.self),
            log: String(decoding: try Data(contentsOf: files.log), as: UTF8.self))
    }
}
