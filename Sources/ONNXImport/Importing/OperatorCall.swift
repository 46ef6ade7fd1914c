// SPDX-License-Identifier: Apache-2.0

import ONNXModel
import PrintableText

/// One node of the ONNX graph: checked access to its operands and attributes.
struct OperatorCall {
    let node: Onnx_NodeProto
    /// Version of the standard operator set.
    let opset: Int
    /// Name for messages and for the imported node.
    let name: String
    private let attributes: [String: Onnx_AttributeProto]

    init(_ node: Onnx_NodeProto, opset: Int) throws(ONNXError) {
        self.node = node
        self.opset = opset
        name = node.name.isEmpty ? node.output.first { !$0.isEmpty } ?? "?" : node.name
        var attributes: [String: Onnx_AttributeProto] = [:]
        for attribute in node.attribute {
            guard attributes.updateValue(attribute, forKey: attribute.name) == nil else {
                throw ONNXError(
                    .malformed, node: name, operatorType: node.opType,
                    "has attribute \(printable(attribute.name)) twice.")
            }
        }
        self.attributes = attributes
    }

    /// The operator, with its domain where that is not the standard one.
    var type: String {
        ONNXDocument.isStandard(node.domain) ? node.opType : "\(node.opType) of \(node.domain)"
    }

    /// Name of operand `index`; nil where it is absent.
    func input(_ index: Int) -> String? {
        guard index < node.input.count, !node.input[index].isEmpty else { return nil }
        return node.input[index]
    }

    /// An error at this node.
    func error(_ code: ONNXError.Code, tensor: String? = nil, _ detail: String) -> ONNXError {
        ONNXError(code, node: name, operatorType: type, tensor: tensor, detail)
    }

    func unsupported(_ detail: String) -> ONNXError { error(.unsupported, detail) }
    func malformed(_ detail: String) -> ONNXError { error(.malformed, detail) }

    /// An operator that is neither translated nor evaluated.
    var unknownOperator: ONNXError {
        let remedy =
            ONNXDocument.isStandard(node.domain)
            ? ""
            : "; functions of the model itself can be inlined (onnx.inliner.inline_local_functions)"
        return unsupported("operator \(type.printable()) is not supported\(remedy).")
    }

    /// Refuses operand counts outside `inputs` and attributes that are not in `attributes`: an
    /// operator of a later version may give them a meaning that is not known here.
    func expect(inputs: ClosedRange<Int>, attributes known: Set<String> = []) throws(ONNXError) {
        guard inputs.contains(node.input.count) else {
            throw malformed(
                "has \(node.input.count) inputs; \(inputs.lowerBound) to \(inputs.upperBound) "
                    + "are expected.")
        }
        guard node.output.first?.isEmpty == false else { throw malformed("has no output.") }
        try expect(attributes: known)
    }

    /// Refuses attributes that are not in `known`.
    func expect(attributes known: Set<String>) throws(ONNXError) {
        for name in attributes.keys.sorted() where !known.contains(name) {
            throw unsupported("attribute \(printable(name)) is not supported.")
        }
    }

    /// Outputs beyond the first must not be read.
    var hasOnlyFirstOutput: Bool { node.output.dropFirst().allSatisfy(\.isEmpty) }

    private func attribute(
        _ name: String, as type: Onnx_AttributeProto.AttributeType,
        _ isSet: (Onnx_AttributeProto) -> Bool
    ) throws(ONNXError) -> Onnx_AttributeProto? {
        guard let attribute = attributes[name] else { return nil }
        let typed = attribute.type == .undefined ? isSet(attribute) : attribute.type == type
        guard typed, attribute.refAttrName.isEmpty else {
            throw malformed("attribute \(printable(name)) is not of type \(type).")
        }
        return attribute
    }

    func has(_ name: String) -> Bool { attributes[name] != nil }

    func integer(_ name: String) throws(ONNXError) -> Int? {
        try attribute(name, as: .int) { $0.hasI }.map { Int(clamping: $0.i) }
    }

    func flag(_ name: String, default value: Bool) throws(ONNXError) -> Bool {
        guard let integer = try integer(name) else { return value }
        guard integer == 0 || integer == 1 else {
            throw malformed("attribute \(printable(name)) is neither 0 nor 1.")
        }
        return integer == 1
    }

    func float(_ name: String) throws(ONNXError) -> Float? {
        try attribute(name, as: .float) { $0.hasF }?.f
    }

    func string(_ name: String) throws(ONNXError) -> String? {
        try attribute(name, as: .string) { $0.hasS }.map { String(decoding: $0.s, as: UTF8.self) }
    }

    func integers(_ name: String) throws(ONNXError) -> [Int]? {
        try attribute(name, as: .ints) { !$0.ints.isEmpty }?.ints.map { Int(clamping: $0) }
    }

    func floats(_ name: String) throws(ONNXError) -> [Float]? {
        try attribute(name, as: .floats) { !$0.floats.isEmpty }?.floats
    }

    func tensor(_ name: String) throws(ONNXError) -> Onnx_TensorProto? {
        try attribute(name, as: .tensor) { $0.hasT }?.t
    }

    /// `count` integers of an attribute, each in `range`; `value` each where it is absent.
    func integers(
        _ name: String, count: Int, in range: ClosedRange<Int>, default value: Int
    ) throws(ONNXError) -> [Int] {
        guard let values = try integers(name) else {
            return [Int](repeating: value, count: count)
        }
        guard values.count == count else {
            throw unsupported(
                "attribute \(printable(name)) has \(values.count) values; "
                    + "images need \(count).")
        }
        for value in values where !range.contains(value) {
            throw unsupported(
                "attribute \(printable(name)) holds \(value), outside of "
                    + "\(range.lowerBound)...\(range.upperBound).")
        }
        return values
    }

    /// An axis, counted from the end if negative, as an index below `rank`.
    func axis(_ axis: Int, rank: Int) throws(ONNXError) -> Int {
        guard (-rank..<rank).contains(axis) else {
            throw malformed("axis \(axis) does not exist in a tensor of \(rank) axes.")
        }
        return axis < 0 ? axis + rank : axis
    }

    /// Several axes as distinct indices below `rank`.
    func axes(_ axes: [Int], rank: Int) throws(ONNXError) -> [Int] {
        var result: [Int] = []
        for axis in axes { result.append(try self.axis(axis, rank: rank)) }
        guard Set(result).count == result.count else { throw malformed("repeats an axis.") }
        return result
    }
}
