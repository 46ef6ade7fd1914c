/// Time since the driver started; jumps of the wall clock do not touch it.
struct MonotonicClock {
    private let start = ContinuousClock.now

    var now: Duration { ContinuousClock.now - start }
}
