// SPDX-License-Identifier: Apache-2.0

import Foundation
import Storage
import Testing

/// Damage on a real file system.
@Suite struct CheckpointDamageTests {
    private func withStore(
        saved: Int, _ body: (CheckpointStore, String) throws -> Void
    ) throws {
        try withTemporaryDirectory { directory in
            var store = CheckpointStore(directory: directory + "/out/checkpoint")
            for number in stride(from: 1, through: saved, by: 1) { try store.save(state(number)) }
            try body(store, directory + "/out/checkpoint")
        }
    }

    private func edit(_ path: String, _ body: (inout [UInt8]) -> Void) throws {
        var bytes = Array(try Data(contentsOf: URL(filePath: path)))
        body(&bytes)
        try Data(bytes).write(to: URL(filePath: path))
    }

    private func names(_ directory: String) throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: directory).sorted()
    }

    private func generations(_ directory: String) throws -> [Int] {
        try names(directory).compactMap { Int($0.dropFirst("checkpoint-".count).prefix(8)) }
    }

    @Test func newestAndPreviousAreKept() throws {
        try withStore(saved: 5) { store, directory in
            var store = store
            #expect(
                try names(directory) == [
                    "checkpoint-00000004.safetensors", "checkpoint-00000005.safetensors",
                ])
            let loaded = try store.load()
            #expect(roundNumber(loaded) == 5)
            #expect(loaded?.generation == 5)
            #expect(loaded?.warnings == [])
            // A file is an ordinary safetensors file.
            let bytes = Array(try Data(contentsOf: URL(filePath: store.path(of: 5))))
            #expect(try SafetensorsFile(decoding: bytes).int32s("bias").count == 100)
            #expect(try store.save(state(6)) == 6)
        }
    }

    @Test func nothingThere() throws {
        try withStore(saved: 0) { store, directory in
            var store = store
            #expect(try store.load()?.path == nil)
            try FileManager.default.createDirectory(
                atPath: directory, withIntermediateDirectories: true)
            for name in ["checkpoint-1.safetensors", "checkpoint-000000001.safetensors", "x"] {
                try Data("other".utf8).write(to: URL(filePath: directory + "/" + name))
            }
            #expect(try store.load()?.path == nil)
        }
    }

    @Test func damagedNewestIsPassedOverLoudly() throws {
        try withStore(saved: 3) { store, _ in
            let newest = store.path(of: 3)
            let intact = Array(try Data(contentsOf: URL(filePath: newest)))
            var random = SeededGenerator(seed: 7)
            for attempt in 0..<60 {
                try edit(newest) { bytes in
                    bytes = intact
                    let index = Int.random(in: bytes.indices, using: &random)
                    if attempt % 2 == 0 {
                        bytes[index] ^= 1 << Int.random(in: 0..<8, using: &random)
                    } else {
                        bytes.removeSubrange(index...)
                    }
                }
                var reader = store
                let loaded = try reader.load()
                #expect(roundNumber(loaded) == 2)
                #expect(loaded?.damaged.map(\.path) == [newest])
                let warning = try #require(loaded?.warnings.first)
                #expect(warning.hasPrefix("checkpoint \(newest) is damaged: "))
                #expect(
                    warning.hasSuffix(
                        "; falling back to the previous one, \(store.path(of: 2))"))
            }
        }
    }

    /// The intact one is the only fallback until two newer intact ones exist.
    @Test func damagedFilesAreNeitherRemovedNorCounted() throws {
        try withStore(saved: 3) { store, directory in
            try edit(store.path(of: 3)) { $0[50] ^= 1 }
            var writer = CheckpointStore(directory: directory)
            try writer.save(state(4))
            #expect(try generations(directory) == [2, 3, 4])
            try edit(writer.path(of: 4)) { $0.removeLast() }
            #expect(roundNumber(try writer.load()) == 2)
            try writer.save(state(5))
            try writer.save(state(6))
            #expect(try generations(directory) == [3, 4, 5, 6])
            let loaded = try writer.load()
            #expect(roundNumber(loaded) == 6)
            #expect(loaded?.damaged.map(\.generation) == [4, 3])
        }
    }

    @Test func allDamagedNamesBoth() throws {
        try withStore(saved: 2) { store, directory in
            var store = store
            try edit(store.path(of: 1)) { $0 = [] }
            try edit(store.path(of: 2)) { $0[$0.count - 1] ^= 0x80 }
            let error = #expect(throws: StorageError.self) { try store.load() }
            let text = try #require(error?.description)
            #expect(text.hasPrefix("\(directory): no checkpoint is intact: checkpoint "))
            #expect(text.contains("\(store.path(of: 1)) is damaged: 0 bytes are too few"))
            #expect(text.contains("\(store.path(of: 2)) is damaged: content has SHA-256"))
            // A new run may start, and keeps them.
            #expect(try store.save(state(3)) == 3)
            #expect(try names(directory).count == 3)
        }
    }

    @Test func directoryInAFilesPlaceIsDamage() throws {
        try withStore(saved: 1) { store, _ in
            var store = store
            try FileManager.default.createDirectory(
                atPath: store.path(of: 2), withIntermediateDirectories: false)
            let loaded = try store.load()
            #expect(roundNumber(loaded) == 1)
            #expect(loaded?.damaged.first?.reason == "not a regular file")
        }
    }

    @Test func unusableDirectoryIsNamed() throws {
        try withTemporaryDirectory { directory in
            try Data().write(to: URL(filePath: directory + "/file"))
            var store = CheckpointStore(directory: directory + "/file/checkpoint")
            let error = #expect(throws: StorageError.self) { try store.save(state(1)) }
            #expect(
                error?.description
                    == "\(directory)/file/checkpoint: cannot create directory: Not a directory "
                    + "(errno 20)")
        }
    }
}
