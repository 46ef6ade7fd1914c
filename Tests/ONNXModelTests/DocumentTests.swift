// SPDX-License-Identifier: Apache-2.0

import Foundation
import ONNXModel
import TestSupport
import Testing

/// Files that are no models.
@Suite struct DocumentTests {
    @Test func refusesFilesThatAreNotModels() {
        let missing = #expect(throws: ONNXError.self) {
            try ONNXDocument(path: "/nonexistent/model.onnx")
        }
        #expect(missing?.code == .unreadable)
        for bytes in [[], [0xFF], Array("{}".utf8), [0x3A, 0x00]] as [[UInt8]] {
            let error = #expect(throws: ONNXError.self) {
                try ONNXDocument(
                    data: Data(bytes), path: "bad.onnx", directory: Resources.fixtures)
            }
            #expect(error?.code == .malformed)
            #expect(error?.file == "bad.onnx")
        }
    }

    @Test(arguments: [
        ("version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "git lfs pull"),
        ("\n <!DOCTYPE html><html></html>", "is a web page"),
        ("\u{FEFF}<HTML>", "is a web page"), ("\u{1C}\0\0\0TFL3\0\0", "TensorFlow Lite"),
        ("PK\u{3}\u{4}\0", "ZIP archive"), ("", "is empty"),
    ])
    func namesOtherKindsOfFiles(text: String, expected: String) throws {
        let data = Data(text.utf8)
        let error = try #require(throws: ONNXError.self) {
            try ONNXDocument(data: data, path: "bad.onnx", directory: Resources.fixtures)
        }
        #expect(error.code == .malformed && error.detail.contains(expected), "\(error)")
    }

    @Test func namesFolders() throws {
        let url = FileManager.default.temporaryDirectory
            .appendingPathComponent("counterbias-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: url) }
        try Data().write(to: url.appendingPathComponent("inside.onnx"))
        let folder = url.path
        let error = try #require(throws: ONNXError.self) { try ONNXDocument(path: folder) }
        #expect(error.code == .unreadable)
        #expect(error.detail.contains("is a folder") && error.detail.contains("'inside.onnx'"))
    }
}
