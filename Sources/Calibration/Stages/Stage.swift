// SPDX-License-Identifier: Apache-2.0

/// A part of a calibration, as a value: asks for rounds, takes their results, and says what of it a
/// checkpoint has to hold.
///
/// Stages stand in the order of ``JobStage/kinds``, and it is always the first one's turn that has
/// something to do. What later ones need of it, it leaves in the ``JobContext``.
///
/// A new method is a type here, a line in ``JobStage`` and a ``Place``.
protocol Stage: Hashable, Sendable {
    /// Names it in a checkpoint.
    static var name: String { get }

    /// Whether a job with these options has this stage.
    static func isPart(of options: CalibrationOptions) -> Bool

    /// In front of its first round.
    init()

    /// Rounds it takes at most.
    func roundLimit(_ context: JobContext) -> Int

    /// Takes up from the state that a checkpoint held: checks it, and leaves in the context what it
    /// had left there. All stages in front of it have done so.
    /// - Throws: ``CalibrationError`` with code `checkpointMismatch` for a state that this job
    ///   cannot have led to.
    mutating func resume(_ context: inout JobContext) throws

    /// Makes ready for a round; called again whenever it may be this stage's turn.
    mutating func prepare(_ context: inout JobContext) throws

    /// The round to run next; nil where nothing is left to do, or nothing for now.
    func nextRound(_ context: JobContext) -> RoundRequest?

    /// Where the job stands when it is this stage's turn.
    func place(_ context: JobContext) -> Place

    /// Takes the results of ``nextRound(_:)``, in shard order.
    mutating func complete(_ results: [[UInt8]], _ context: inout JobContext) throws

    /// What it changed in the biases so far, for ``HeldOutCheck``.
    var changes: [HeldOutCheck.Step] { get }

    /// Writes what a checkpoint has to hold.
    func write(to fields: inout StageFields)

    /// Reads what ``write(to:)`` wrote.
    init(_ fields: StageFields) throws(StageFields.Unreadable)
}

extension Stage {
    static func isPart(of options: CalibrationOptions) -> Bool { true }

    mutating func prepare(_ context: inout JobContext) throws {}

    var changes: [HeldOutCheck.Step] { [] }
}

/// A stage of any sort.
enum JobStage: Hashable, Sendable {
    case statistics(Statistics)
    case ranging(Ranging)
    case heldOutCheck(HeldOutCheck)
    case correction(Correction)
    case tuning(Tuning)
    case measurement(Measurement)

    /// All there are, in order.
    static let kinds: [any Stage.Type] = [
        Statistics.self, Ranging.self, HeldOutCheck.self, Correction.self, Tuning.self,
        Measurement.self,
    ]

    var value: any Stage {
        switch self {
        case .statistics(let stage): stage
        case .ranging(let stage): stage
        case .heldOutCheck(let stage): stage
        case .correction(let stage): stage
        case .tuning(let stage): stage
        case .measurement(let stage): stage
        }
    }

    init(_ stage: any Stage) {
        switch stage {
        case let stage as Statistics: self = .statistics(stage)
        case let stage as Ranging: self = .ranging(stage)
        case let stage as HeldOutCheck: self = .heldOutCheck(stage)
        case let stage as Correction: self = .correction(stage)
        case let stage as Tuning: self = .tuning(stage)
        case let stage as Measurement: self = .measurement(stage)
        default: preconditionFailure("a stage without a case")
        }
    }

    /// Changes the stage it holds.
    mutating func update(_ body: (inout any Stage) throws -> Void) rethrows {
        var stage = value
        try body(&stage)
        self = JobStage(stage)
    }
}

extension [JobStage] {
    /// Those of a job with these options, in front of its first round.
    init(for options: CalibrationOptions) {
        self = JobStage.kinds.filter { $0.isPart(of: options) }.map { JobStage($0.init()) }
    }

    var names: [String] { map { type(of: $0.value).name } }

    /// The one of a type; nil if the job has none.
    subscript<Kind: Stage>(_: Kind.Type) -> Kind? {
        lazy.compactMap { $0.value as? Kind }.first
    }
}
