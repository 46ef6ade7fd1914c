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
            #expect(folder.ignored == [".hidden.jpg", "c.jpg", "jpg", "notes.txt"])
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

    @Test func onlyRegularFilesAreRead() throws {
        try withFolder(["a.jpg"]) { path in
            let bytes = try FileSystem.read(path + "/a.jpg")
            #expect(bytes.isEmpty)
            for other in [path, path + "/b.jpg", "/dev/zero"] {
                let error = #expect(throws: ImageError.self) { try FileSystem.read(other) }
                #expect(error?.code == .unreadable)
            }
        }
    }
}
