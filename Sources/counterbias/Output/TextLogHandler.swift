import Logging

/// swift-log's own lines of text on stderr, each behind a status line that is taken away.
struct TextLogHandler: LogHandler {
    private var handler: StreamLogHandler

    init(label: String) { handler = .standardError(label: label) }

    var metadata: Logger.Metadata {
        get { handler.metadata }
        set { handler.metadata = newValue }
    }

    var metadataProvider: Logger.MetadataProvider? {
        get { handler.metadataProvider }
        set { handler.metadataProvider = newValue }
    }

    var logLevel: Logger.Level {
        get { handler.logLevel }
        set { handler.logLevel = newValue }
    }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { handler[metadataKey: key] }
        set { handler[metadataKey: key] = newValue }
    }

    func log(event: LogEvent) {
        StatusLine.clear()
        handler.log(event: event)
    }
}
