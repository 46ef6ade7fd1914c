import Calibration
import Logging

extension CoordinatorLog {
    /// Every event has one fixed text; what varies is metadata. docs/operations.md explains each.
    func write(to logger: Logger) {
        switch self {
        case .workerAdmitted(let worker, let hello):
            logger.info(
                "worker admitted",
                metadata: [
                    "worker": "\(worker)", "host": "\(hello.host)", "pid": "\(hello.process)",
                    "threads": "\(hello.threads)", "isa": "\(hello.isa)",
                ])
        case .workerRefused(let worker, let hello, let reason):
            logger.error(
                "worker refused",
                metadata: ["worker": "\(worker)", "host": "\(hello.host)", "reason": "\(reason)"])
        case .workerLost(let worker, let hello, let cause, let shards):
            logger.log(
                level: cause.isOrderly ? .info : .warning,
                "worker lost",
                metadata: [
                    "worker": "\(worker)", "host": "\(hello.host)", "pid": "\(hello.process)",
                    "cause": "\(cause)", "shards": "\(shards)",
                ])
        case .resultIgnored(let worker, let id, let reason):
            logger.debug(
                "result ignored",
                metadata: [
                    "worker": "\(worker)", "round": "\(id.round)", "shard": "\(id.shard)",
                    "reason": "\(reason)",
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
        case .resultsDiffer(let round, let shard, let claimants):
            logger.error(
                "results differ",
                metadata: [
                    "round": "\(round)", "shard": "\(shard)",
                    "workers": "\(claimants.map(\.account))",
                ])
        case .workerQuarantined(let hello, let round, let shard):
            logger.error(
                "worker quarantined",
                metadata: [
                    "host": "\(hello.host)", "pid": "\(hello.process)", "isa": "\(hello.isa)",
                    "build": "\(hello.build)", "round": "\(round)", "shard": "\(shard)",
                ])
        case .startingOver(let hello):
            logger.error(
                "starting over without quarantined results",
                metadata: ["host": "\(hello.host)", "pid": "\(hello.process)"])
        }
    }
}

extension Hello {
    /// Who that is, for an operator.
    package var account: String {
        host.isEmpty
            ? "the coordinator"
            : "process \(process) on \(host) (\(isa), build \(build))"
    }
}
