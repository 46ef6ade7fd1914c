/// What of an HTTP request decides its answer.
struct HTTPRequestHead: Equatable {
    var method: String
    /// Without a query.
    var path: String
    /// As sent; nil where there is none.
    var host: String?

    /// Nil for what is no head of HTTP 1, or names two hosts.
    /// - Parameter bytes: of the request up to the empty line behind its headers.
    init?(_ bytes: some Collection<UInt8>) {
        let lines = String(decoding: bytes, as: UTF8.self).split(
            omittingEmptySubsequences: false, whereSeparator: \.isNewline)
        let words = lines.first?.split(separator: " ", omittingEmptySubsequences: false) ?? []
        guard words.count == 3, words[2].hasPrefix("HTTP/1.") else { return nil }
        method = String(words[0])
        path = String(words[1].prefix { $0 != "?" })
        for line in lines.dropFirst() where !line.isEmpty {
            guard let colon = line.firstIndex(of: ":") else { return nil }
            guard line[..<colon].lowercased() == "host" else { continue }
            guard host == nil else { return nil }
            let value = line[line.index(after: colon)...]
            host = String(value.filter { $0 != " " && $0 != "\t" })
        }
    }

    /// Whether it is meant for this machine. A page of some other site can have its own name lead here, and then read what
    /// it gets; but it cannot choose the name that its browser sends along.
    func isMeant(for addresses: Set<String>, port: UInt16) -> Bool {
        guard let host else { return false }
        let name = host.lowercased()
        return addresses.contains { name == "\($0):\(port)" || port == 80 && name == $0 }
    }
}
