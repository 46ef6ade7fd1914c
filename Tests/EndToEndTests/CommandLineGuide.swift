// SPDX-License-Identifier: Apache-2.0

import Foundation

/// `docs/cli.md`, made from what the argument parser says of itself (`--experimental-dump-help`).
struct CommandLineGuide: Decodable {
    struct Command: Decodable {
        var commandName: String
        var abstract: String?
        var discussion: String?
        var arguments: [Argument]?
        var subcommands: [Command]?
    }

    struct Argument: Decodable {
        struct Name: Decodable { var kind, name: String }
        var kind: String
        var names: [Name]?
        var valueName: String?
        var abstract: String?
        var discussion: String?
        var defaultValue: String?
        var allValues: [String]?
        var isOptional: Bool
        var isRepeating: Bool
        var shouldDisplay: Bool
    }

    var command: Command

    /// The document.
    var markdown: String {
        var text = """
            # Command line

            What `counterbias COMMAND --help` prints. Made from the argument parser; to make it
            again, `COUNTERBIAS_WRITE_DOCS=1 swift test --filter CommandLineGuideTests`.

            \(command.abstract ?? "")

            | command | |
            |---|---|

            """
        let commands = (command.subcommands ?? []).filter { $0.commandName != "help" }
        for each in commands {
            let name = each.commandName
            text += "| [`\(name)`](#counterbias-\(name)) | \(Self.cell(each.abstract)) |\n"
        }
        text += "\n\(command.discussion ?? "")\n"
        for each in commands { text += Self.section(each, of: command.commandName) }
        return text
    }

    private static func section(_ command: Command, of parent: String) -> String {
        var text = "\n## \(parent) \(command.commandName)\n\n\(command.abstract ?? "")\n"
        if let discussion = command.discussion { text += "\n\(discussion)\n" }
        let own = (command.arguments ?? []).filter {
            $0.shouldDisplay && $0.valueName != "help" && $0.valueName != "version"
        }
        guard !own.isEmpty else { return text }
        text += "\n| | |\n|---|---|\n"
        for argument in own {
            text += "| `\(usage(argument))` | \(meaning(argument)) |\n"
        }
        return text
    }

    /// As on the command line: `--limit <limit>`, `OUT`.
    private static func usage(_ argument: Argument) -> String {
        let value = argument.valueName.map { "<\($0)>" } ?? ""
        let more = argument.isRepeating ? " ..." : ""
        guard argument.kind != "positional" else { return cell(value + more) }
        let names = (argument.names ?? []).map { ($0.kind == "short" ? "-" : "--") + $0.name }
        let spelled = names.joined(separator: ", ")
        return cell(argument.kind == "flag" ? spelled : "\(spelled) \(value)\(more)")
    }

    private static func meaning(_ argument: Argument) -> String {
        var parts = [argument.abstract, argument.discussion].compactMap { $0 }
        if let values = argument.allValues {
            parts.append("One of \(values.joined(separator: ", ")).")
        }
        if let value = argument.defaultValue, argument.abstract?.contains("Default:") != true {
            parts.append("Default: \(value).")
        }
        if !argument.isOptional { parts.append("Required.") }
        return cell(parts.joined(separator: " "))
    }

    /// Text on one line, in which nothing ends a table's cell.
    private static func cell(_ text: String?) -> String {
        (text ?? "").replacing("\n", with: " ").replacing("|", with: "\\|")
    }
}
