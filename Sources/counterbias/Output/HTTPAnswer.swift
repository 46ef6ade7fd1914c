/// A response that ends its connection.
struct HTTPAnswer {
    enum Status: String {
        case ok = "200 OK"
        case badRequest = "400 Bad Request"
        case notFound = "404 Not Found"
        case otherMethod = "405 Method Not Allowed"
        case otherHost = "421 Misdirected Request"
        case tooLarge = "431 Request Header Fields Too Large"
    }

    var status: Status
    var contentType: String
    var body: String

    init(_ status: Status, contentType: String, body: String) {
        self.status = status
        self.contentType = contentType
        self.body = body
    }

    /// One whose text is its status.
    init(_ status: Status) {
        self.init(status, contentType: "text/plain", body: status.rawValue + "\n")
    }

    var bytes: [UInt8] {
        let allow = status == .otherMethod ? "Allow: GET\r\n" : ""
        return Array(
            """
            HTTP/1.1 \(status.rawValue)\r
            Content-Type: \(contentType)\r
            Content-Length: \(body.utf8.count)\r
            \(allow)Connection: close\r
            \r
            \(body)
            """.utf8)
    }
}
