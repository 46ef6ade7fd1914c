import Glibc

/// One request to a ``PageServer`` and its answer; then it is over.
struct PageConnection {
    let descriptor: Int32
    /// It ends here, finished or not.
    let deadline: ContinuousClock.Instant
    private var request: [UInt8] = []
    private var response: [UInt8] = []
    private var sent = 0

    /// Largest head of a request in bytes.
    private static let headLimit = 8 << 10

    init(_ descriptor: Int32, deadline: ContinuousClock.Instant) {
        self.descriptor = descriptor
        self.deadline = deadline
    }

    /// What it waits for, as `poll` has it.
    var events: Int16 { Int16(response.isEmpty ? POLLIN : POLLOUT) }

    /// Reads or writes what is possible now.
    /// - Parameter answer: makes the response to a head; to nil, if the request is none.
    /// - Returns: false when it is over.
    mutating func advance(answer: (HTTPRequestHead?) -> HTTPAnswer) -> Bool {
        if response.isEmpty {
            guard receive() else { return false }
            if let end = Self.headEnd(in: request) {
                response = answer(HTTPRequestHead(request[..<end])).bytes
            } else if request.count >= Self.headLimit {
                response = HTTPAnswer(.tooLarge).bytes
            }
        }
        return response.isEmpty || send()
    }

    /// - Returns: false where nothing more will come.
    private mutating func receive() -> Bool {
        var buffer = [UInt8](repeating: 0, count: Self.headLimit - request.count)
        let count = recv(descriptor, &buffer, buffer.count, 0)
        guard count > 0 else { return count < 0 && (errno == EAGAIN || errno == EINTR) }
        request += buffer[..<count]
        return true
    }

    /// - Returns: whether there is more to send.
    private mutating func send() -> Bool {
        let count = response.withUnsafeBytes { bytes in
            let rest = bytes[sent...]
            return Glibc.send(
                descriptor, UnsafeRawBufferPointer(rebasing: rest).baseAddress, rest.count,
                Int32(MSG_NOSIGNAL))
        }
        guard count >= 0 else { return errno == EAGAIN || errno == EINTR }
        sent += count
        return sent < response.count
    }

    /// Where the empty line ends that ends the headers.
    private static func headEnd(in bytes: [UInt8]) -> Int? {
        bytes.indices.first { bytes[...$0].suffix(4).elementsEqual("\r\n\r\n".utf8) }
            .map { $0 + 1 }
    }
}
