// SPDX-License-Identifier: Apache-2.0

package import Storage

/// A task whose blobs are all here.
package struct ComputeRequest: Hashable, Sendable {
    /// The shard and its biases.
    package var task: TaskMessage
    /// Blob of the float network.
    package var network: [UInt8]
    /// Blob of the quantized network; nil where the task names none.
    package var quantized: [UInt8]?
    /// Blob of the channel rescaling; nil where the task names none.
    package var rescaling: [UInt8]?
    /// Blobs of the shard's images, in its order.
    package var images: [[UInt8]]
    /// One per image, or none.
    package var targets: [[UInt8]]

    /// Memberwise, unchecked: whoever computes it looks at what it holds.
    package init(
        task: TaskMessage, network: [UInt8], quantized: [UInt8]?, rescaling: [UInt8]?,
        images: [[UInt8]], targets: [[UInt8]]
    ) {
        self.task = task
        self.network = network
        self.quantized = quantized
        self.rescaling = rescaling
        self.images = images
        self.targets = targets
    }
}

/// Limits of the protocol on a worker's side.
package struct WorkerLimits: Hashable, Sendable {
    /// Time between two signs of life.
    package var heartbeat: Duration = .seconds(1)
    /// A coordinator that says nothing for so long gets a new connection: libzmq never revives some
    /// dead ones.
    package var silence: Duration = .seconds(5)
    /// Bytes of blobs kept besides those the tasks at hand need.
    package var blobBytes = 512 << 20
    /// Bytes of all blobs, those on their way in full; a task that needs more fails.
    package var mostBlobBytes = 4 << 30
    /// Tasks that wait. A coordinator gives two at a time.
    package var tasks = 8
    /// After the first refused handshake; twice as long after every further one in a row.
    package var shortestRest: Duration = .milliseconds(500)
    /// However many refusals came in a row.
    package var longestRest: Duration = .seconds(15)
    /// A worker that has rested so long in all between refused handshakes gives up.
    package var refusals: Duration = .seconds(120)

    /// The defaults; all of them can be changed.
    package init() {}
}

/// The worker's half of the round protocol: greets, fetches what tasks need, hands them to the
/// compute thread in order.
///
/// A value without sockets, clock or randomness.
package struct WorkerCore: Sendable {
    /// What the driver saw happen.
    package enum Event: Hashable, Sendable {
        /// A fresh socket exists; greet on it.
        case connected
        /// A message of any kind; the core decides whether a coordinator may say that.
        case received(Message)
        /// Frames that were no message.
        case malformed(WireError)
        /// A handshake failed.
        case rejected(Rejection)
        /// The compute thread's result, and the digest of the biases it was computed with.
        case computed(TaskID, biases: Digest, payload: [UInt8])
        /// The compute thread cannot compute it.
        case failed(TaskID, reason: String)
        case tick
        /// A signal, say: leave in an orderly way.
        case stop(reason: String)
    }

    /// What the driver is to do, in this order.
    package enum Action: Hashable, Sendable {
        /// Send on the present socket.
        case send(Message)
        /// Hand to the compute thread, which has nothing else to do.
        case compute(ComputeRequest)
        /// Throw the socket away and open a new one.
        case reconnect
        /// Throw the socket away; ``reconnect`` follows.
        case disconnect
        /// End the process; nothing follows.
        case exit(WorkerExit)
        /// Tell the operator.
        case log(WorkerLog)
    }

    /// greeting → serving, resting, left; serving → greeting (new connection), resting, left;
    /// resting → greeting, left
    private enum State: Hashable {
        case greeting
        case serving(Welcome)
        /// Without a socket, after a refused handshake.
        case resting(until: Duration)
        case left
    }

    private let hello: Hello
    private let limits: WorkerLimits
    private var state = State.greeting
    private var blobs: BlobCache
    private var tasks: [TaskMessage] = []
    private var computing: TaskID?
    /// What the task in work needs.
    private var blobsInWork: Set<Digest> = []
    private var computingSince: Duration = .zero
    /// Shards computed, and heartbeats with tasks whose blobs were on their way.
    private var finished: UInt64 = 0
    private var lastTick: Duration = .zero
    private var lastHeard: Duration = .zero
    private var lastSent: Duration = .zero
    /// Since the last message, or the first connection.
    private var silentSince: Duration?
    private var silences = 0
    private var isNobodyThere = false
    private var refusals = RefusalRow()

    /// Greets at its first event, ``Event/connected``.
    package init(hello: Hello, limits: WorkerLimits = WorkerLimits()) {
        self.hello = hello
        self.limits = limits
        blobs = BlobCache(capacity: limits.mostBlobBytes)
    }

    /// Takes one event, in time that never goes back, and says what follows from it.
    package mutating func handle(_ event: Event, at now: Duration) -> [Action] {
        if state == .left { return [] }
        switch event {
        case .connected:
            state = .greeting
            lastHeard = now
            lastSent = now
            lastTick = now
            silentSince = silentSince ?? now
            blobs.restart()
            return [.send(.hello(hello))]
        case .received(let message):
            lastHeard = now
            (silentSince, silences, isNobodyThere) = (now, 0, false)
            refusals = RefusalRow()
            return receive(message, at: now)
        case .malformed(let error):
            return [.log(.malformed(error))] + reconnect(at: now)
        case .rejected(let rejection):
            return reject(rejection, at: now)
        case .computed(let id, let biases, let payload):
            return settle(
                id, .result(ShardResult(id: id, biases: biases, payload: payload)), at: now)
        case .failed(let id, let reason):
            return settle(id, .failure(id, reason: reason), at: now)
        case .tick:
            return beat(at: now)
        case .stop(let reason):
            state = .left
            return [.send(.goodbye(reason: reason, isFinished: false)), .exit(.stopped(reason))]
        }
    }

    // MARK: Messages

    private mutating func receive(_ message: Message, at now: Duration) -> [Action] {
        switch message {
        case .welcome(let welcome):
            if case .serving = state { return [] }
            state = .serving(welcome)
            // Tasks of an earlier connection or incarnation were given to somebody else.
            tasks = []
            blobs.want(only: welcome.network)
            // The coordinator gives work to who answers.
            let requests = fetch()
            if requests.isEmpty { lastSent = now }
            return [.log(.welcomed(welcome))]
                + (requests.isEmpty ? [.send(.heartbeat(progress: finished))] : requests)
        case .refusal(let reason):
            state = .left
            return [.exit(.refused(reason))]
        case .task(let task):
            return take(task, at: now)
        case .chunk(let chunk):
            // Copies, since the cache is being changed.
            let (tasks, inWork) = (tasks, blobsInWork)
            switch blobs.store(chunk, keeping: inWork.union(tasks.blobs)) {
            case .ignored, .stored: return fetch()
            case .completed: return fetch() + startNext(at: now)
            case .damaged: return [.log(.damagedBlob(chunk.digest))] + reconnect(at: now)
            case .tooLarge: return giveBack(tasksThatNeed: chunk.digest, of: chunk.total) + fetch()
            }
        case .heartbeat:
            return []
        case .goodbye(let reason, let isFinished):
            if isFinished {
                state = .left
                // The coordinator waits for this: a last message may be lost together with its
                // connection.
                return [
                    .send(.goodbye(reason: reason, isFinished: true)), .exit(.finished(reason)),
                ]
            }
            return [.log(.dismissed(reason))] + reconnect(at: now)
        case .hello, .fetch, .result, .failure:
            return [.log(.malformed(WireError(.field("direction"))))] + reconnect(at: now)
        }
    }

    private mutating func take(_ task: TaskMessage, at now: Duration) -> [Action] {
        guard case .serving(let welcome) = state, task.id.job == welcome.job,
            task.id.epoch == welcome.epoch
        else { return [] }
        // The coordinator runs one round at a time: what waits for an older one is not wanted any
        // more.
        tasks.removeAll { $0.id.round < task.id.round }
        if !tasks.contains(where: { $0.id == task.id }), computing != task.id {
            // Each brings biases along; nobody who keeps to the protocol sends so many.
            guard tasks.count < limits.tasks else {
                return [.log(.malformed(WireError(.field("task"))))] + reconnect(at: now)
            }
            tasks.append(task)
        }
        blobs.trim(keeping: blobsInWork.union(tasks.blobs), above: limits.blobBytes)
        for digest in task.blobs { blobs.want(digest) }
        return fetch() + startNext(at: now)
    }

    private mutating func giveBack(tasksThatNeed blob: Digest, of bytes: Int) -> [Action] {
        let hopeless = tasks.filter { $0.blobs.contains(blob) }
        tasks.removeAll { $0.blobs.contains(blob) }
        let reason =
            "a blob of \(bytes) bytes does not fit into the \(limits.mostBlobBytes) bytes that a worker keeps"
        return hopeless.map { .send(.failure($0.id, reason: reason)) }
    }

    private mutating func fetch() -> [Action] {
        guard case .serving = state else { return [] }
        return blobs.requests().map { .send(.fetch($0)) }
    }

    // MARK: Computing

    private mutating func startNext(at now: Duration) -> [Action] {
        guard computing == nil,
            let position = tasks.firstIndex(where: { $0.blobs.allSatisfy { blobs[$0] != nil } })
        else { return [] }
        let task = tasks.remove(at: position)
        guard let network = blobs[task.network] else { return [] }
        computing = task.id
        blobsInWork = Set(task.blobs)
        computingSince = now
        return [
            .compute(
                ComputeRequest(
                    task: task, network: network,
                    quantized: task.quantized.flatMap { blobs[$0] },
                    rescaling: task.rescaling.flatMap { blobs[$0] },
                    images: task.images.compactMap { blobs[$0.reference.digest] },
                    targets: task.images.compactMap { $0.target.flatMap { blobs[$0] } }))
        ]
    }

    private mutating func settle(
        _ id: TaskID, _ answer: Message, at now: Duration
    ) -> [Action] {
        guard computing == id else { return [] }
        computing = nil
        blobsInWork = []
        finished += 1
        var actions: [Action] = []
        if case .serving(let welcome) = state, welcome.job == id.job, welcome.epoch == id.epoch {
            actions.append(.send(answer))
        }
        return actions + startNext(at: now)
    }

    // MARK: Time

    private mutating func beat(at now: Duration) -> [Action] {
        // A process that was stopped has not computed meanwhile.
        let pause = now - lastTick
        if pause > limits.heartbeat { computingSince += pause }
        lastTick = now
        if case .serving(let welcome) = state, computing != nil, welcome.shardLease > .zero,
            now - computingSince > welcome.shardLease
        {
            state = .left
            return [
                .send(.goodbye(reason: "compute hung", isFinished: false)), .exit(.hung),
            ]
        }
        if case .resting(let end) = state { return now < end ? [] : reconnect(at: now) }
        if now - lastHeard >= limits.silence {
            silences += 1
            // Told after 5 s, 10 s, 20 s and so on: a coordinator may be away for days.
            let isTold = silences & (silences - 1) == 0
            let silence = WorkerLog.silence(now - (silentSince ?? lastHeard))
            return (isTold ? [.log(silence)] : []) + reconnect(at: now)
        }
        guard now - lastSent >= limits.heartbeat else { return [] }
        lastSent = now
        guard case .serving = state else { return [.send(.hello(hello))] }
        // Who still downloads what its tasks need does not hang.
        if computing == nil, !tasks.isEmpty { finished += 1 }
        return [.send(.heartbeat(progress: finished))]
    }

    private mutating func reconnect(at now: Duration) -> [Action] {
        state = .greeting
        lastHeard = now
        return [.reconnect]
    }

    private mutating func reject(_ rejection: Rejection, at now: Duration) -> [Action] {
        if rejection == .nobody {
            // The socket goes on trying.
            defer { isNobodyThere = true }
            return isNobodyThere ? [] : [.log(.nobodyThere)]
        }
        guard let rest = refusals.next(limits) else {
            state = .left
            return [.exit(.rejected(rejection))]
        }
        state = .resting(until: now + rest)
        return [.log(.rejected(rejection, inARow: refusals.count, rest: rest)), .disconnect]
    }
}

extension TaskMessage {
    /// Everything a worker must hold to compute this task.
    fileprivate var blobs: [Digest] {
        [network] + [quantized, rescaling].compactMap { $0 } + images.map(\.reference.digest)
            + images.compactMap(\.target)
    }
}

extension [TaskMessage] {
    fileprivate var blobs: Set<Digest> { Set(lazy.flatMap(\.blobs)) }
}

/// Why a worker ends.
package enum WorkerExit: Hashable, Sendable {
    /// The job is done.
    case finished(String)
    /// The coordinator does not want this worker.
    case refused(String)
    /// No connection in spite of many attempts: handshakes are refused.
    case rejected(Rejection)
    /// Asked to stop here.
    case stopped(String)
    /// A shard took longer than any may; only a new process can help.
    case hung
}

/// Named events an operator can look for.
package enum WorkerLog: Hashable, Sendable {
    /// A coordinator has admitted this worker.
    case welcomed(Welcome)
    /// The coordinator said goodbye with this reason, and its job is not done: greet again.
    case dismissed(String)
    /// Nobody has been heard for so long: a new connection.
    case silence(Duration)
    case nobodyThere
    /// A handshake was refused for the `inARow`-th time without a break; the next try comes after
    /// `rest`.
    case rejected(Rejection, inARow: Int, rest: Duration)
    /// A blob arrived whole and does not have this digest.
    case damagedBlob(Digest)
    /// Frames that were no message, or one that a coordinator may not send.
    case malformed(WireError)
}
