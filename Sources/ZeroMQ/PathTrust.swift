// SPDX-License-Identifier: Apache-2.0

import Glibc

/// Whether nobody but root and the user who runs this process can change what a path leads to.
enum PathTrust {
    /// What lets somebody else do so.
    struct Weakness: Equatable {
        var path: String
        var reason: String
        /// The command that mends it.
        var command: String
    }

    /// More links than the system follows.
    private static let mostLinks = 40

    /// Looks at the file or directory itself and, from the root on, at every directory and link
    /// that leads to it.
    ///
    /// Each has to belong to the user or to root, and nobody else may write it. A directory on the
    /// way may be open to all if it is sticky, as `/tmp` is: entries there are replaced by their
    /// owners alone, and those are looked at. What lies on a file system mounted read-only, as
    /// containers have their configuration, is written by nobody.
    /// - Returns: nil as well where the path leads nowhere, which opening it will say.
    static func weakness(of path: String) -> Weakness? {
        let start = path.hasPrefix("/") ? path : currentDirectory + "/" + path
        var names = components(start)
        var (place, links) = ("", 0)
        if let weakness = weakness(at: "/", isEnd: names.isEmpty) { return weakness }
        while let name = names.popLast() {
            if name == ".." {
                place = place.lastIndex(of: "/").map { String(place[..<$0]) } ?? ""
                continue
            }
            let entry = place + "/" + name
            if let weakness = weakness(at: entry, isEnd: names.isEmpty) { return weakness }
            guard let target = link(entry) else {
                place = entry
                continue
            }
            links += 1
            guard links <= mostLinks else { return nil }
            if target.hasPrefix("/") { place = "" }
            names += components(target)
        }
        return nil
    }

    /// The same for a name in a directory that was looked at.
    static func weakness(ofEntry path: String) -> Weakness? {
        link(path) == nil ? weakness(at: path, isEnd: true) : weakness(of: path)
    }

    private static func weakness(at path: String, isEnd: Bool) -> Weakness? {
        var status = stat()
        guard lstat(path, &status) == 0 else { return nil }
        guard status.st_uid == 0 || status.st_uid == geteuid() else {
            return Weakness(
                path: path, reason: "belongs to user \(status.st_uid)",
                command: "chown \(geteuid()) \(path)")
        }
        let kind = status.st_mode & S_IFMT
        let isOnTheWay = kind == S_IFDIR && !isEnd
        let isGuarded = isOnTheWay && status.st_mode & S_ISVTX != 0
        guard kind == S_IFLNK || isGuarded || status.st_mode & 0o022 == 0 || isReadOnly(path)
        else {
            return Weakness(
                path: path,
                reason:
                    "may be written by others (mode \(String(status.st_mode & 0o7777, radix: 8)))",
                command: "chmod go-w \(path)"
                    + (isOnTheWay ? " (or chmod +t, where others have to write)" : ""))
        }
        return nil
    }

    private static func isReadOnly(_ path: String) -> Bool {
        var status = statvfs()
        return statvfs(path, &status) == 0 && status.f_flag & UInt(ST_RDONLY) != 0
    }

    /// The last first.
    private static func components(_ path: String) -> [String] {
        path.split(separator: "/").filter { $0 != "." }.reversed().map(String.init)
    }

    /// Where a symbolic link leads; nil for anything else.
    private static func link(_ path: String) -> String? {
        var bytes = [UInt8](repeating: 0, count: Int(PATH_MAX))
        let count = readlink(path, &bytes, bytes.count)
        return count < 0 ? nil : String(decoding: bytes[..<count], as: UTF8.self)
    }

    private static var currentDirectory: String {
        guard let text = getcwd(nil, 0) else { return "" }
        defer { free(text) }
        return String(cString: text)
    }
}

extension PathTrust {
    /// - Throws: ``ZeroMQError`` with this code and the command that helps.
    static func check(_ path: String, _ code: ZeroMQError.Code) throws(ZeroMQError) {
        if let weakness = weakness(of: path) { throw error(weakness, code, file: path) }
    }

    /// The same for a name in a directory that was looked at.
    static func check(entry path: String, _ code: ZeroMQError.Code) throws(ZeroMQError) {
        if let weakness = weakness(ofEntry: path) { throw error(weakness, code, file: path) }
    }

    private static func error(
        _ weakness: Weakness, _ code: ZeroMQError.Code, file: String
    ) -> ZeroMQError {
        ZeroMQError(
            code, file: file, detail: "\(weakness.path) \(weakness.reason)",
            remedy: "Run \(weakness.command), or keep it where only you may write")
    }
}
