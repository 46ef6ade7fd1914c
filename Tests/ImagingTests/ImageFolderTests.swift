// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

@testable import Imaging

@Suite struct ImageFolderTests {
    /// Calls `body` with a new folder holding empty files and subfolders (names ending in `/`).
    private func withFolder(_ names: [String], _ body: (String) throws -> Void) throws {
        let manager = FileManager.default
        let folder = manager.temporaryDirectory.appendingPathComponent(UUID().uuidString)
        try manager.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? manager.removeItem(at: folder) }
        for name in names {
            let file = folder.appendingPathComponent(name)
            if name.hasSuffix("/") {
                try manager.createDirectory(at: file, withIntermediateDirectories: true)
            } else {
                try Data().write(to: file)
            }
        }
        try body(folder.path)
    }

    @Test func sortsByBytes() throws {
        let names = ["b.jpg", "B.JPG", "a10.png", "a9.jpeg", "é.npy", "z.Jpeg"]
        try withFolder(names + [".hidden.jpg", "notes.txt", "jpg", "c.jpg/"]) { path in
            let folder = try ImageFolder.list(path)
            let sorted = ["B.JPG", "a10.png", "a9.jpeg", "b.jpg", "z.Jpeg", "é.npy"]
            #expect(folder.entries.map(\.name) == sorted)
            #expect(folder.entries[0].path == path + "/B.JPG")
            #expect(
                folder.leftOut.entries.map(\.file) == [".hidden.jpg", "c.jpg", "jpg", "notes.txt"])
            #expect(
                folder.leftOut.entries.map(\.kind) == [.hidden, .subfolder, .other, .other])
            let same = try ImageFolder.list(path + "/")
            #expect(same == folder)
        }
    }

    @Test func foldersWithoutImagesAreErrors() throws {
        for names in [[], ["n01440764/", "labels.csv"]] {
            try withFolder(names) { path in
                let error = #expect(throws: ImageError.self) { try ImageFolder.list(path) }
                #expect(error?.code == .emptyFolder)
            }
        }
        let error = #expect(throws: ImageError.self) { try ImageFolder.list("/no/such/folder") }
        #expect(error == ImageError(.unreadable, "/no/such/folder", "No such file or directory"))
        #expect(error?.concernsOneImage == true)
    }

    /// Everything that is no image of a kind that is read, by kind; nothing waits for a pipe's
    /// writer.
    @Test func whatIsLeftOutIsCounted() throws {
        let names = ["a.png", "b.WEBP", "c.bmp", "d.gif", "e.tif", "f.tiff", "g.heic", "h.avif"]
        try withFolder(names + ["n01440764/", "n01443537/", ".DS_Store", "labels.csv"]) { path in
            #expect(symlink("nowhere.jpg", path + "/broken.jpg") == 0)
            #expect(symlink("loop.jpg", path + "/loop.jpg") == 0)
            #expect(symlink("a.png", path + "/linked.png") == 0)
            #expect(mkfifo(path + "/pipe.png", 0o600) == 0)
            let name = Array(path.utf8) + Array("/caf".utf8) + [0xE9] + Array(".jpg\0".utf8)
            let descriptor = open(name.map { CChar(bitPattern: $0) }, O_CREAT | O_WRONLY, 0o600)
            #expect(descriptor >= 0)
            close(descriptor)
            let folder = try ImageFolder.list(path)
            #expect(folder.entries.map(\.name) == ["a.png", "linked.png"])
            #expect(
                folder.leftOut.summary
                    == "2 sub-folders, 1 webp, 1 bmp, 1 gif, 2 tiff, 1 heif, 1 avif, 2 broken links, "
                    + "1 pipe, socket or device, 1 name that is not UTF-8, 1 hidden file, 1 other file"
            )
            #expect(folder.leftOut.entries.contains { $0.file == "caf\u{FFFD}.jpg" })
            #expect(folder.leftOut.mayHoldImages)
        }
        try withFolder(["a.png", ".DS_Store", "labels.csv"]) { path in
            let folder = try ImageFolder.list(path)
            #expect(!folder.leftOut.mayHoldImages && folder.leftOut.summary.contains("hidden"))
        }
    }

    @Test func foldersOfFoldersSayWhatToDo() throws {
        try withFolder(["n01440764/", "n01443537/", "labels.csv"]) { path in
            let error = #expect(throws: ImageError.self) { try ImageFolder.list(path) }
            #expect(
                error?.detail
                    == "2 sub-folders, 1 other file; sub-folders are not searched: give one of them, "
                    + "or link their images into one folder")
        }
        try withFolder(["a.webp", "b.webp"]) { path in
            let error = #expect(throws: ImageError.self) { try ImageFolder.list(path) }
            #expect(error?.detail == "2 webp; convert images of other formats to PNG or JPEG")
        }
    }

    @Test func onlyRegularFilesAreRead() throws {
        try withFolder(["a.jpg"]) { path in
            let bytes = try DiskAccess.read(path + "/a.jpg")
            #expect(bytes.isEmpty)
            for other in [path, path + "/b.jpg", "/dev/zero"] {
                let error = #expect(throws: ImageError.self) { try DiskAccess.read(other) }
                #expect(error?.code == .unreadable)
            }
        }
    }
}
