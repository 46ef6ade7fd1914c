// SPDX-License-Identifier: Apache-2.0

import Calibration
import Logging

extension CoordinatorLog {
    /// Every event has one fixed text; what varies is metadata. docs/operations.md explains each.
    func write(to logger: Logger) {
        switch self {
        case .workerAdmitted(let account):
            logger.info(
                "worker admitted",
                metadata: account.metadata.merging([
                    "threads": "\(account.hello.threads)", "isa": "\(account.hello.isa)",
                ]) { $1 })
        case .workerRefused(let account, let reason):
            logger.error(
                "worker refused",
                metadata: account.metadata.merging(["reason": "\(reason)"]) { $1 })
        case .workerLost(let account, let cause, let shards):
            logger.log(
                level: cause.isOrderly ? .info : .warning,
                "worker lost",
                metadata: account.metadata.merging([
                    "cause": "\(cause)", "shards": "\(shards)",
                ]) { $1 })
        case .resultIgnored(let worker, let id, let reason):
            logger.debug(
                "result ignored",
                metadata: [
                    "worker": "\(worker)", "round": "\(id.round)", "shard": "\(id.shard)",
                    "reason": "\(reason.rawValue)",
                ])
        case .shardFailed(let worker, let id, let reason):
            logger.warning(
                "shard failed",
                metadata: [
                    "worker": "\(worker)", "round": "\(id.round)", "shard": "\(id.shard)",
                    "reason": "\(reason)",
                ])
        case .roundOpened(let round):
            logger.debug(
                "round opened", metadata: ["round": "\(round.index)", "kind": "\(round.kind)"])
        case .noWorkers(let duration):
            logger.warning("no workers, waiting", metadata: ["for": "\(Int(duration.seconds)) s"])
        case .stragglerDuplicated(let round, let shard, let slow, let helper):
            logger.notice(
                "straggler duplicated",
                metadata: [
                    "round": "\(round)", "shard": "\(shard)", "from": "\(slow)",
                    "to": "\(helper)",
                ])
        case .computingHere(let round, let shard, let reason):
            logger.notice(
                "computing a shard here",
                metadata: [
                    "round": "\(round)", "shard": "\(shard)", "reason": "\(reason.rawValue)",
                ])
        case .computingAlone:
            logger.warning("no trusted worker is left, computing alone")
        case .resultsDiffer(let round, let shard, let accounts):
            logger.error(
                "results differ",
                metadata: [
                    "round": "\(round)", "shard": "\(shard)",
                    "workers": "\(accounts.map { $0?.description ?? "the coordinator" })",
                ])
        case .workerQuarantined(let account, let round, let shard):
            logger.error(
                "worker quarantined",
                metadata: account.metadata.merging([
                    "isa": "\(account.hello.isa)", "build": "\(account.hello.build)",
                    "round": "\(round)", "shard": "\(shard)",
                ]) { $1 })
        case .startingOver(let account):
            logger.error(
                "starting over without quarantined results", metadata: account.metadata)
        }
    }
}

extension Account {
    /// What is proved of a worker, where anything is, and what it says of itself.
    fileprivate var metadata: Logger.Metadata {
        var values: Logger.Metadata = [
            "worker": "\(worker)", "host": "\(hello.host)", "pid": "\(hello.process)",
        ]
        values["key"] = (credentials.name ?? credentials.key).map { "\($0)" }
        values["address"] = credentials.address.map { "\($0)" }
        return values
    }
}
