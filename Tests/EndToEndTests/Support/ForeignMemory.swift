// SPDX-License-Identifier: Apache-2.0

import Foundation
import Glibc

/// The memory of another process, for bits that flip in it.
struct ForeignMemory {
    struct Failure: Error, CustomStringConvertible { var description: String }

    let process: Int32

    /// Where bytes occur in writable memory.
    func addresses(of pattern: [UInt8]) throws -> [off_t] {
        let maps = try String(contentsOfFile: "/proc/\(process)/maps", encoding: .utf8)
        let file = open("/proc/\(process)/mem", O_RDONLY)
        guard file >= 0 else { throw Failure(description: "memory of \(process): errno \(errno)") }
        defer { close(file) }
        var found: [off_t] = []
        for line in maps.split(separator: "\n") where line.contains(" rw-p ") {
            let ends = line.prefix { $0 != " " }.split(separator: "-")
                .compactMap { Int($0, radix: 16) }
            guard ends.count == 2, ends[1] - ends[0] <= 256 << 20 else { continue }
            let bytes = [UInt8](unsafeUninitializedCapacity: ends[1] - ends[0]) { buffer, count in
                count = max(pread(file, buffer.baseAddress, buffer.count, off_t(ends[0])), 0)
            }
            found += Self.positions(of: pattern, in: bytes).map { off_t(ends[0] + $0) }
        }
        return found
    }

    /// Flips one bit of the byte `offset` behind each of these addresses.
    func flipBit(_ bit: UInt8, at offset: Int, behind addresses: [off_t]) throws {
        let file = open("/proc/\(process)/mem", O_RDWR)
        guard file >= 0 else { throw Failure(description: "memory of \(process): errno \(errno)") }
        defer { close(file) }
        for address in addresses {
            var byte: UInt8 = 0
            let place = address + off_t(offset)
            guard pread(file, &byte, 1, place) == 1 else { continue }
            byte ^= 1 << bit
            guard pwrite(file, &byte, 1, place) == 1 else {
                throw Failure(description: "memory of \(process): errno \(errno)")
            }
        }
    }

    private static func positions(of pattern: [UInt8], in bytes: [UInt8]) -> [Int] {
        bytes.withUnsafeBytes { all in
            guard let base = all.baseAddress else { return [] }
            var found: [Int] = []
            var start = 0
            while start + pattern.count <= all.count,
                let place = memchr(base + start, Int32(pattern[0]), all.count - start)
            {
                let position = UnsafeRawPointer(place) - base
                start = position + 1
                guard position + pattern.count <= all.count else { break }
                if memcmp(place, pattern, pattern.count) == 0 { found.append(position) }
            }
            return found
        }
    }
}
