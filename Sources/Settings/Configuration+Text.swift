import FoundationEssentials

extension Configuration {
    /// The whole configuration as JSON with sorted keys; a valid configuration file itself.
    package func json(pretty: Bool = false) throws -> String {
        try sortedJSON(self, pretty: pretty)
    }

    /// The part that decides the bits of the result, as JSON with sorted keys: without paths,
    /// labels and cluster. A run may be resumed under a configuration for which this is equal.
    package func resultJSON() throws -> String {
        try sortedJSON(ResultPart(self), pretty: false)
    }

    /// One line `key: value` per key, in the order of the documentation, for the log.
    package func describe() -> String {
        let partial = PartialConfiguration(self)
        return Schema.fields.map { "\($0.key): \($0.text(partial))" }.joined(separator: "\n")
    }
}

private func sortedJSON(_ value: some Encodable, pretty: Bool) throws -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    if pretty { encoder.outputFormatting.insert(.prettyPrinted) }
    return String(decoding: try encoder.encode(value), as: UTF8.self)
}

private struct ResultPart: Encodable {
    let configuration: Configuration

    init(_ configuration: Configuration) { self.configuration = configuration }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: Configuration.CodingKeys.self)
        try container.encode(configuration.method, forKey: .method)
        try container.encode(configuration.limit, forKey: .limit)
        try container.encode(configuration.rangeImages, forKey: .rangeImages)
        try container.encode(configuration.ibcImages, forKey: .ibcImages)
        try container.encode(configuration.shardImages, forKey: .shardImages)
        try container.encode(configuration.weights, forKey: .weights)
        try container.encode(configuration.activations, forKey: .activations)
        try container.encode(configuration.output, forKey: .output)
        try container.encode(configuration.deadChannels, forKey: .deadChannels)
        try container.encode(configuration.match, forKey: .match)
        try container.encode(configuration.matchIterations, forKey: .matchIterations)
        try container.encode(configuration.matchTolerance, forKey: .matchTolerance)
        try container.encode(configuration.preprocessing, forKey: .preprocessing)
        try container.encode(configuration.skipBadImages, forKey: .skipBadImages)
    }
}
