// SPDX-License-Identifier: Apache-2.0

import Foundation
import Synchronization
import Testing

/// What a process holds of the machine.
struct Vitals: CustomStringConvertible {
    var descriptors: Int
    var residentBytes: Int

    /// Nil if the process is gone.
    init?(of process: Int32) {
        guard
            let files = try? FileManager.default.contentsOfDirectory(atPath: "/proc/\(process)/fd"),
            !files.isEmpty,
            let statistics = try? String(contentsOfFile: "/proc/\(process)/statm", encoding: .utf8),
            let pages = statistics.split(separator: " ").dropFirst().first.flatMap({ Int($0) })
        else { return nil }
        descriptors = files.count
        residentBytes = pages * Int(getpagesize())
    }

    /// Processes that a process has started and that still run.
    static func children(of process: Int32) -> [Int32] {
        let threads = "/proc/\(process)/task"
        let names = (try? FileManager.default.contentsOfDirectory(atPath: threads)) ?? []
        return names.flatMap { thread in
            let path = "\(threads)/\(thread)/children"
            let text = (try? String(contentsOfFile: path, encoding: .utf8)) ?? ""
            return text.split(separator: " ").compactMap { Int32($0) }
        }
    }

    var description: String { "\(descriptors) descriptors, \(residentBytes >> 10) KiB" }
}

/// What one process held since it first logged something (a process started by another one: since
/// its start), looked at with every line and many times a second.
final class VitalsRecord: Sendable {
    /// Most that a process may gain: descriptors of a handful of connections, memory of a small
    /// job.
    struct Bound {
        var descriptors = 24
        var mebibytes = 64
    }

    private struct Extent {
        var first: Vitals
        var mostDescriptors: Int
        var mostBytes: Int
    }

    private let command: String
    private let extent = Mutex<Extent?>(nil)

    init(command: String) { self.command = command }

    /// - Returns: whether the process lives.
    @discardableResult
    func look(at process: Int32) -> Bool {
        guard let now = Vitals(of: process) else { return false }
        extent.withLock { extent in
            var known =
                extent
                ?? Extent(
                    first: now, mostDescriptors: now.descriptors, mostBytes: now.residentBytes)
            known.mostDescriptors = max(known.mostDescriptors, now.descriptors)
            known.mostBytes = max(known.mostBytes, now.residentBytes)
            extent = known
        }
        return true
    }

    /// What is wrong; nil if the process stayed flat, or was gone before its first line was read.
    func excess(over bound: Bound) -> String? {
        guard let extent = extent.withLock({ $0 }),
            extent.mostDescriptors > extent.first.descriptors + bound.descriptors
                || extent.mostBytes > extent.first.residentBytes + bound.mebibytes << 20
        else { return nil }
        return "\(command): from \(extent.first) to \(extent.mostDescriptors) descriptors, "
            + "\(extent.mostBytes >> 10) KiB"
    }
}

/// Every process of a test, coordinator and worker, stays flat: checked when the test ends.
///
/// The suite of all tests has this trait. A test that fills a process up on purpose has its own,
/// with the bound it states; processes then answer to that one alone.
struct StaysFlat: SuiteTrait, TestTrait, TestScoping {
    /// Records of the processes that the running test has started.
    final class Watch: Sendable {
        private let records = Mutex<[VitalsRecord]>([])

        func add(_ record: VitalsRecord) { records.withLock { $0.append(record) } }

        var all: [VitalsRecord] { records.withLock { $0 } }
    }

    @TaskLocal static var watch: Watch?

    var bound = VitalsRecord.Bound()
    var isRecursive: Bool { true }

    func provideScope(
        for test: Test, testCase: Test.Case?, performing function: @Sendable () async throws -> Void
    ) async throws {
        let watch = Watch()
        try await Self.$watch.withValue(watch) { try await function() }
        for record in watch.all {
            if let excess = record.excess(over: bound) {
                Issue.record("\(excess)", sourceLocation: test.sourceLocation)
            }
        }
    }
}

extension Trait where Self == StaysFlat {
    static var staysFlat: Self { StaysFlat() }

    static func staysFlat(descriptors: Int = 24, mebibytes: Int = 64) -> Self {
        StaysFlat(bound: .init(descriptors: descriptors, mebibytes: mebibytes))
    }
}
