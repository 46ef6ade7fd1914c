// SPDX-License-Identifier: Apache-2.0

import NetworkGraph
import ONNXModel

/// Operators on constants that reduce axes, and CumSum.
extension ConstantFolding {
    static let reductions: [String: Rule] = [
        "ReduceL1": reduction(
            reals: { sum($0, abs) }, integers: { sum($0) { $0 < 0 ? 0 &- $0 : $0 } }),
        "ReduceL2": reduction(reals: { sum($0) { $0 * $0 }.squareRoot() }),
        "ReduceLogSum": reduction(reals: { Transcendental.log(sum($0) { $0 }) }),
        "ReduceLogSumExp": reduction(reals: logSumExp),
        "ReduceMax": reduction(
            reals: { $0.reduce(-.infinity, largest) }, integers: { $0.max() ?? .min }),
        "ReduceMean": reduction(
            reals: { sum($0) { $0 } / Double($0.count) },
            integers: { $0.isEmpty ? 0 : sum($0) { $0 } / Int64($0.count) }),
        "ReduceMin": reduction(
            reals: { -$0.map(-).reduce(-.infinity, largest) }, integers: { $0.min() ?? .max }),
        "ReduceProd": reduction(reals: { $0.reduce(1, *) }, integers: { $0.reduce(1, &*) }),
        "ReduceSum": reduction(reals: { sum($0) { $0 } }, integers: { sum($0) { $0 } }),
        "ReduceSumSquare": reduction(
            reals: { sum($0) { $0 * $0 } }, integers: { sum($0) { $0 &* $0 } }),
        "ArgMax": position { $0 > $1 }, "ArgMin": position { $0 < $1 },
        "CumSum": one(cumulativeSum),
    ]

    private static func sum(_ values: [Double], _ term: (Double) -> Double) -> Double {
        values.reduce(0) { $0 + term($1) }
    }

    private static func sum(_ values: [Int64], _ term: (Int64) -> Int64) -> Int64 {
        values.reduce(0) { $0 &+ term($1) }
    }

    private static func largest(_ left: Double, _ right: Double) -> Double {
        left.isNaN || left > right ? left : right
    }

    private static func logSumExp(_ values: [Double]) -> Double {
        let top = values.max() ?? 0
        guard top.isFinite else { return top }
        return top + Transcendental.log(sum(values) { Transcendental.exp($0 - top) })
    }

    /// `integers` nil: reals alone. Axes as attribute (opset 17 and before, ReduceSum 12) or
    /// operand; none means all, or none at all with `noop_with_empty_axes`.
    private static func reduction(
        reals: @escaping @Sendable ([Double]) -> Double,
        integers: (@Sendable ([Int64]) -> Int64)? = nil
    ) -> Rule {
        one { (inputs) throws(ONNXError) in
            let call = inputs.call
            let tensor = try inputs[0]
            let given = try inputs.list("axes", orInput: 1) ?? []
            if given.isEmpty, try call.flag("noop_with_empty_axes", default: false) {
                return tensor
            }
            let axes = try call.axes(
                given.isEmpty ? Array(tensor.dims.indices) : given, rank: tensor.dims.count)
            let groups = Groups(tensor.dims, along: axes)
            let dims = groups.dims(kept: try call.flag("keepdims", default: true))
            switch (tensor.elements, integers) {
            case (.reals(let values), _):
                let results = groups.map { group in Float(reals(group.map { Double(values[$0]) })) }
                return ONNXTensor(type: tensor.type, dims: dims, elements: .reals(results))
            case (.integers(let values), let integers?):
                let results = groups.map { group in integers(group.map { values[$0] }) }
                return ONNXTensor(type: tensor.type, dims: dims, elements: .integers(results))
            case (.integers, nil):
                throw call.malformed("does not take \(tensor.type) operands.")
            }
        }
    }

    /// The elements that are reduced to one.
    struct Groups {
        private let extents: [Int]
        private let axes: [Int]
        private let starts: [Int]
        private let members: [Int]

        init(_ dims: [Int], along axes: [Int]) {
            extents = dims
            self.axes = axes
            let strides = strides(dims)
            func offsets(_ takes: (Int) -> Bool) -> [Int] {
                sums(of: dims.indices.map { takes($0) ? steps(dims[$0], strides[$0]) : [0] })
            }
            starts = offsets { !axes.contains($0) }
            members = offsets { axes.contains($0) }
        }

        /// Extents of the result; `kept` leaves axes of one behind.
        func dims(kept: Bool) -> [Int] {
            extents.indices.filter { kept || !axes.contains($0) }
                .map { axes.contains($0) ? 1 : extents[$0] }
        }

        func map<Value>(_ reduce: ([Int]) -> Value) -> [Value] {
            starts.map { start in reduce(members.map { start + $0 }) }
        }
    }

    /// The first, or with `select_last_index` the last, of the best along an axis.
    private static func position(
        _ isBetter: @escaping @Sendable (Double, Double) -> Bool
    ) -> Rule {
        one { (inputs) throws(ONNXError) in
            let call = inputs.call
            let tensor = try inputs[0]
            let axis = try call.axis(call.integer("axis") ?? 0, rank: tensor.dims.count)
            let takesLast = try call.flag("select_last_index", default: false)
            guard tensor.dims[axis] > 0 else { throw call.malformed("has nothing to choose from.") }
            let values: [Double] =
                switch tensor.elements {
                case .reals(let values): values.map { Double($0) }
                case .integers(let values): values.map { Double($0) }
                }
            let groups = Groups(tensor.dims, along: [axis])
            let positions = groups.map { group -> Int64 in
                var best = 0
                for (place, index) in group.enumerated().dropFirst() {
                    let (new, old) = (values[index], values[group[best]])
                    if isBetter(new, old) || takesLast && new == old { best = place }
                }
                return Int64(best)
            }
            return ONNXTensor(
                type: .int64, dims: groups.dims(kept: try call.flag("keepdims", default: true)),
                elements: .integers(positions))
        }
    }

    private static func cumulativeSum(_ inputs: Operands) throws(ONNXError) -> ONNXTensor {
        let call = inputs.call
        var tensor = try inputs[0]
        let axis = try call.axis(inputs.integer(1), rank: tensor.dims.count)
        let isExclusive = try call.flag("exclusive", default: false)
        let isReversed = try call.flag("reverse", default: false)
        let groups = Groups(tensor.dims, along: [axis]).map { isReversed ? $0.reversed() : $0 }
        func summed<Value: AdditiveArithmetic>(_ values: [Value], _ add: (Value, Value) -> Value)
            -> [Value]
        {
            var result = values
            for group in groups {
                var total = Value.zero
                for index in group {
                    let next = add(total, values[index])
                    result[index] = isExclusive ? total : next
                    total = next
                }
            }
            return result
        }
        switch tensor.elements {
        case .reals(let values):
            tensor.elements = .reals(summed(values.map { Double($0) }, +).map { Float($0) })
        case .integers(let values): tensor.elements = .integers(summed(values, &+))
        }
        return tensor
    }
}
