extension Configuration {
    /// One line `key: value` per key, in the order of the documentation, for the log.
    package func describe() -> String {
        let partial = PartialConfiguration(self)
        return Schema.fields.map { "\($0.key): \($0.text(partial))" }.joined(separator: "\n")
    }
}
