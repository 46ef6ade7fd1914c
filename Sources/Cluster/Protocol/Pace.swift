// SPDX-License-Identifier: Apache-2.0

/// How a worker keeps up. One that keeps a round waiting until somebody else has done its shard, or
/// fails at it, rests until the round is over while others are there; from the second time on for
/// further rounds, twice as many every time. It takes more rounds in which it keeps up to take one
/// time back.
struct Pace: Hashable, Sendable {
    private static let most = 16
    /// Rounds to take a first time back; twice as many for every further one.
    private static let amends = 16

    /// Times it kept others waiting, less those made good.
    private(set) var strikes: Int
    /// First round it takes part in again.
    private var end = 0
    /// Rounds kept up with since the last strike.
    private var good = 0
    private var hasAnswered = false
    private var isStruck = false

    /// - Parameters:
    ///   - inherited: strikes of connections before this one that are gone.
    ///   - round: index of the open round.
    init(inherited: Int = 0, round: Int = 0) {
        strikes = min(inherited, Self.most)
        if strikes > 0 { end = round + rest }
    }

    /// Rounds after the one in work.
    private var rest: Int { strikes > 1 ? 1 << strikes : 0 }

    func rests(in round: Int) -> Bool { round < end }

    mutating func noteAnswer() { hasAnswered = true }

    /// Counts once in a round.
    mutating func strike(in round: Int) {
        guard !isStruck else { return }
        isStruck = true
        strikes = min(strikes + 1, Self.most)
        good = 0
        end = round + 1 + rest
    }

    mutating func finishRound() {
        defer { (hasAnswered, isStruck) = (false, false) }
        guard strikes > 0, hasAnswered, !isStruck else { return }
        good += 1
        guard good >= Self.amends << (strikes - 1) else { return }
        strikes -= 1
        good = 0
    }
}
