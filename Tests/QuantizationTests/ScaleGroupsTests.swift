// SPDX-License-Identifier: Apache-2.0

import NetworkGraph
import TestSupport
import Testing

@testable import Quantization

/// Which channels may be scaled, and which with each other.
@Suite struct ScaleGroupsTests {
    private static let shape = TensorShape(height: 5, width: 5, channels: 2)

    /// Members of every group as "value.channel".
    private static func groups(
        output: ValueID? = nil, _ build: (inout SmallNetwork) -> Void
    ) -> [[String]] {
        var small = SmallNetwork(input: shape, seed: 1)
        build(&small)
        return ScaleGroups(small.network(output: output).graph).groups.map { group in
            group.members.map { "\($0.value).\($0.channel)" }
        }
    }

    @Test func inputAndOutputAreInNone() {
        #expect(
            Self.groups { small in
                let first = small.convolve(0, channels: 2)
                small.convolve(first, channels: 3)
            } == [["1.0"], ["1.1"]])
    }

    /// Values 1 and 2 meet the network's input in an addition: a scale of theirs would need one of
    /// the input's.
    @Test func additionsOfTheInputPinTheOtherOperand() {
        #expect(
            Self.groups { small in
                let first = small.convolve(0, channels: 2)
                let sum = small.append(.add, [0, first], shape: Self.shape)
                let third = small.convolve(sum, channels: 1)
                small.convolve(third, channels: 1)
            } == [["3.0"]])
    }

    /// Value 1 is read by a convolution as well as by the addition that is the network's output.
    @Test func additionsThatAreTheOutputPinTheirOperands() {
        #expect(
            Self.groups { small in
                let first = small.convolve(0, channels: 2)
                let second = small.convolve(first, channels: 1)
                let third = small.convolve(second, channels: 2)
                small.append(.add, [first, third], shape: Self.shape)
            } == [["2.0"]])
    }

    /// The output need not be the last value.
    @Test func anOutputThatOthersReadIsPinned() {
        #expect(
            Self.groups(output: 1) { small in
                let first = small.convolve(0, channels: 2)
                let second = small.convolve(first, channels: 1)
                small.convolve(second, channels: 1)
            } == [["2.0"], ["3.0"]])
    }

    @Test func residualAdditionsTieTheirOperands() {
        #expect(
            Self.groups { small in
                let first = small.convolve(0, channels: 2)
                let second = small.convolve(first, channels: 2)
                let sum = small.append(.add, [first, second], shape: Self.shape)
                small.convolve(sum, channels: 1)
            } == [["1.0", "2.0", "3.0"], ["1.1", "2.1", "3.1"]])
    }

    /// The input's part of a concatenation keeps its scale, the other is free.
    @Test func concatenationsTieEachOperandToItsPart() {
        #expect(
            Self.groups { small in
                let first = small.convolve(0, channels: 1)
                let joined = small.append(
                    .concat(axis: 2), [0, first],
                    shape: TensorShape(height: 5, width: 5, channels: 3))
                small.convolve(joined, channels: 1)
            } == [["1.0", "2.2"]])
    }

    /// Of two values, one goes through HardSwish besides.
    @Test func operationsNotLinearInScalePinWhatTheyReadAndGive() {
        #expect(
            Self.groups { small in
                let first = small.convolve(0, channels: 2)
                let swish = small.append(.activation(.hardSwish), [first], shape: Self.shape)
                let third = small.convolve(first, channels: 2)
                let sum = small.append(.add, [swish, third], shape: Self.shape)
                let fifth = small.convolve(sum, channels: 1)
                small.convolve(fifth, channels: 1)
            } == [["5.0"]])
    }
}
