// SPDX-License-Identifier: Apache-2.0

import Logging
import PrintableText

/// swift-log's own lines of text on stderr, each behind a status line that is taken away. Values
/// cannot add lines or steer a terminal.
struct TextLogHandler: LogHandler {
    private var handler: StreamLogHandler

    init(label: String) { handler = .standardError(label: label) }

    var metadata: Logger.Metadata {
        get { handler.metadata }
        set { handler.metadata = newValue.mapValues(\.printable) }
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
        set { handler[metadataKey: key] = newValue?.printable }
    }

    func log(event: LogEvent) {
        StatusLine.clear()
        var event = event
        event.metadata = event.metadata?.mapValues(\.printable)
        handler.log(event: event)
    }
}

extension Logger.MetadataValue {
    fileprivate var printable: Self {
        .string("\(self)".printable(bytes: PrintableText.lineBytes))
    }
}
