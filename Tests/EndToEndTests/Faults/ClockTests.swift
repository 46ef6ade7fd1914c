// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

extension EndToEnd {
    /// The wall clock jumps, which leases and heartbeats must not care about; or much time passes.
    @Suite(.serialized, .enabled(if: Capabilities.shim, "no C compiler is here"))
    struct Clocks {
        @Test(arguments: [3_600, -3_600], [true, false])
        func jumpsAnHour(seconds: Int, onBothSides: Bool) throws {
            let scratch = try Scratch()
            let out = scratch("out")
            let environment = try Shim.environment(["SHIM_CLOCK": scratch("clock")])
            // An hour expires this too.
            let config = try Example.patient(in: scratch)
            let cluster = try Cluster(
                flags: Example.flags(out: out, config: config), environment: environment)
            let before = try #require(
                Self.time(try cluster.coordinator.line(containing: "round opened")))
            let (worker, stall) = try cluster.stalledWorker(
                environment: onBothSides ? environment : [:])
            try worker.line(containing: "welcomed")
            try scratch.write("\(seconds)", to: "clock")
            stall.resume()
            let after = try #require(
                Self.time(try cluster.coordinator.line(containing: "round opened")))
            // The program did see the jump.
            #expect(abs(after.timeIntervalSince(before) - Double(seconds)) < 1_800)
            try cluster.expectReference(in: out, events: "worker admitted")
            #expect(!cluster.coordinator.logText.contains("lease expired"))
            #expect(try worker.finish().status == 0)
        }

        /// Half a minute by the clock that leases and complaints go by, which passes at once; most
        /// often all of the wait does.
        @Test func noWorkersForHalfAMinute() throws {
            let scratch = try Scratch()
            let out = scratch("out")
            let cluster = try Cluster(
                flags: Example.flags(out: out),
                environment: try Shim.environment(["SHIM_PASSED": scratch("passed")]))
            try cluster.coordinator.line(containing: "round opened", "round=0 ")
            try scratch.write("30", to: "passed")
            // The first complaint says that the coordinator is counting; when it began to is not
            // known before.
            try cluster.coordinator.line(containing: "no workers, waiting")
            try scratch.write("60", to: "passed")
            let line = try cluster.coordinator.line(containing: "no workers, waiting")
            let waited = try #require(
                line.firstMatch(of: /for=(\d+) s/).flatMap { Int($0.1) }, "\(line)")
            #expect(waited >= 30)
            let late = try cluster.worker()
            try cluster.expectReference(in: out, events: "worker admitted")
            #expect(try late.finish().status == 0)
        }

        /// When a line was logged.
        private static func time(_ line: String) -> Date? {
            let stamp = line.prefix { $0 != " " }
            let format = DateFormatter()
            format.locale = Locale(identifier: "en_US_POSIX")
            for pattern in ["yyyy-MM-dd'T'HH:mm:ssZ", "yyyy-MM-dd'T'HH:mm:ss.SSSZ"] {
                format.dateFormat = pattern
                if let date = format.date(from: String(stamp)) { return date }
            }
            return nil
        }
    }
}
