// SPDX-License-Identifier: Apache-2.0

import Foundation
import Glibc

/// A coordinator's machine and workers' machines as network namespaces, each worker with its own
/// cable (a veth pair) to the coordinator. Nothing of it is visible outside these namespaces; they
/// go with the last reference, and those of test runs that were killed go with the next one.
final class Laboratory {
    /// One machine.
    struct Host {
        fileprivate(set) var namespace: String
        fileprivate(set) var address: String
        /// Its interface on the cable.
        fileprivate var interface: String
    }

    /// Directions of a cable that carry nothing.
    enum Direction: CaseIterable { case toWorker, toCoordinator }

    /// Without a cable of its own.
    let coordinator: Host
    /// The coordinator's end of every worker's cable.
    private let ends: [Host]
    let workers: [Host]

    nonisolated(unsafe) private static var count = 0  // Only touched by serialized tests.
    private static let prefix = "cbtest-"

    init(workers number: Int) throws {
        try Self.removeLeftovers()
        Self.count += 1
        let name = "\(Self.prefix)\(getpid())-\(Self.count)"
        coordinator = Host(namespace: name + "-c", address: "127.0.0.1", interface: "lo")
        ends = (0..<number).map {
            Host(namespace: name + "-c", address: "10.77.\($0).1", interface: "w\($0)")
        }
        workers = (0..<number).map {
            Host(namespace: name + "-w\($0)", address: "10.77.\($0).2", interface: "eth0")
        }
        for host in [coordinator] + workers {
            try Tool.run("ip", "netns", "add", host.namespace)
            try Tool.run("ip", "-n", host.namespace, "link", "set", "lo", "up")
        }
        for (end, worker) in zip(ends, workers) {
            try Tool.run(
                "ip", "-n", end.namespace, "link", "add", end.interface, "type", "veth", "peer",
                "name", worker.interface, "netns", worker.namespace)
            for host in [end, worker] {
                try Tool.run(
                    "ip", "-n", host.namespace, "address", "add", host.address + "/30", "dev",
                    host.interface)
                try Tool.run("ip", "-n", host.namespace, "link", "set", host.interface, "up")
            }
        }
    }

    deinit {
        for host in [coordinator] + workers {
            _ = try? Tool.run("ip", "netns", "del", host.namespace)
        }
    }

    /// Where worker `index` reaches the coordinator.
    func endpoint(for index: Int, port: String) -> String {
        "tcp://\(ends[index].address):\(port)"
    }

    /// Silently loses all packets of worker `index` in these directions: the sender is told a
    /// hardware address that nobody has.
    func cut(_ index: Int, _ directions: [Direction] = Direction.allCases) throws {
        for (host, peer) in ways(index, directions) {
            try Tool.run(
                "ip", "-n", host.namespace, "neighbour", "replace", peer.address, "lladdr",
                "02:00:00:00:00:99", "dev", host.interface, "nud", "permanent")
        }
    }

    func heal(_ index: Int, _ directions: [Direction] = Direction.allCases) throws {
        for (host, peer) in ways(index, directions) {
            try Tool.run(
                "ip", "-n", host.namespace, "neighbour", "del", peer.address, "dev", host.interface)
        }
    }

    /// Pulls a worker's cable, or plugs it in again; both machines notice.
    func setLink(_ index: Int, up: Bool) throws {
        try Tool.run(
            "ip", "-n", workers[index].namespace, "link", "set", workers[index].interface,
            up ? "up" : "down")
    }

    private func ways(_ index: Int, _ directions: [Direction]) -> [(Host, Host)] {
        directions.map {
            switch $0 {
            case .toWorker: (ends[index], workers[index])
            case .toCoordinator: (workers[index], ends[index])
            }
        }
    }

    private static func removeLeftovers() throws {
        let folder = "/run/netns"
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        for name in names where name.hasPrefix(prefix) {
            guard let owner = Int32(name.dropFirst(prefix.count).prefix { $0.isNumber }),
                kill(owner, 0) != 0, errno == ESRCH
            else { continue }
            _ = try? Tool.run("ip", "netns", "del", name)
        }
    }
}
