// SPDX-License-Identifier: Apache-2.0

import NetworkGraph
import ONNXModel
import PrintableText

/// Resize (opset 10 to 19) and Upsample (opset 9) of height and width, mode nearest.
extension ONNXOperator {
    static let resize = ONNXOperator(
        ["Resize", "Upsample"],
        translate: { call, network throws(ONNXError) in try network.resize(call) },
        read: { node, reader in try reader.readResize(node) })
}

extension NearestResize {
    fileprivate static let attributes: Set = [
        "antialias", "axes", "coordinate_transformation_mode", "cubic_coeff_a", "exclude_outside",
        "extrapolation_value", "keep_aspect_ratio_policy", "mode", "nearest_mode", "scales",
    ]

    /// Of a node whose operand is `shape`, NCHW.
    fileprivate init(
        _ call: OperatorCall, shape: TensorShape, scales: [Float]?, sizes: [Int]?
    ) throws(ONNXError) {
        let mode = try call.string("mode") ?? "nearest"
        guard mode == "nearest" else {
            throw call.unsupported(
                "resizes in mode \(mode.printable()); only nearest is supported.")
        }
        guard !call.has("axes"), try call.integer("antialias") ?? 0 == 0,
            try call.string("keep_aspect_ratio_policy") ?? "stretch" == "stretch"
        else { throw call.unsupported("resizes by axes, antialiased or keeping its aspect ratio.") }
        // Before opset 11 there was one rule.
        let isOld = call.type == "Upsample" || call.opset < 11
        let transformation =
            try call.string("coordinate_transformation_mode")
            ?? (isOld ? "asymmetric" : "half_pixel")
        let nearest =
            try call.string("nearest_mode") ?? (isOld ? "floor" : "round_prefer_floor")
        guard let coordinates = Coordinates(rawValue: transformation),
            let rounding = Rounding(rawValue: nearest)
        else {
            throw call.unsupported(
                "resizes with \(transformation.printable()) and \(nearest.printable()).")
        }
        let extents = [shape.height, shape.width]
        if let sizes, !sizes.isEmpty {
            guard sizes.count == 4, sizes[1] == shape.channels,
                sizes[2...].allSatisfy({ 1...SizeLimits.extent ~= $0 })
            else { throw call.unsupported("resizes batch or channels, to \(sizes).") }
            self.init(
                height: sizes[2], width: sizes[3],
                scaleHeight: Float(sizes[2]) / Float(extents[0]),
                scaleWidth: Float(sizes[3]) / Float(extents[1]), coordinates: coordinates,
                rounding: rounding)
            return
        }
        guard let scales, scales.count == 4, scales[0] == 1, scales[1] == 1,
            scales[2...].allSatisfy({ $0 > 0 && $0 < 1e6 })
        else { throw call.unsupported("resizes by \(scales ?? []); batch and channels must stay.") }
        self.init(
            height: Int(Float(extents[0]) * scales[2]), width: Int(Float(extents[1]) * scales[3]),
            scaleHeight: scales[2], scaleWidth: scales[3], coordinates: coordinates,
            rounding: rounding)
    }
}

extension GraphTranslation {
    mutating func resize(_ call: OperatorCall) throws(ONNXError) -> Value {
        try call.expect(inputs: 1...4, attributes: NearestResize.attributes)
        let input = try imageOperand(of: call)
        // Since opset 11 a region of interest comes between operand and scales.
        let place = call.type == "Resize" && call.opset >= 11 ? 2 : 1
        var scales = try constant(place, of: call)?.reals
        if scales == nil { scales = try call.floats("scales") }
        let sizes = try constant(3, of: call)?.integers?.map { Int(clamping: $0) }
        let resize = try NearestResize(call, shape: input.shape, scales: scales, sizes: sizes)
        return try append(.resize(resize), of: input, at: call)
    }
}

extension QDQReading {
    func readResize(_ node: Onnx_NodeProto) throws {
        let attributes = try QDQAttributes(node, known: NearestResize.attributes)
        let source = try featureMap(node)
        let place = node.opType == "Resize" ? 2 : 1
        let scales = try Self.optionalOperand(node, place).flatMap { try constant($0).floats() }
        let sizes = try Self.optionalOperand(node, 3).map { try constant($0).int64s() }
        let shape = shape(of: source)
        let resize = try attributes.read { call throws(ONNXError) in
            try NearestResize(
                call, shape: shape, scales: scales?.isEmpty == true ? nil : scales, sizes: sizes)
        }
        try append(node, .resize(resize), inputs: [source], form: .nchw)
    }
}

extension NearestResize: WrittenOperator {
    func write(_ call: inout WriteCall, _ writer: inout some QDQWriting) {
        let scales = writer.names.tensors.claim(call.node.name + "_scales")
        writer.graph.initializer.append(
            QDQProto.tensor(scales, [1, 1, scaleHeight, scaleWidth], axes: [4]))
        writer.append(
            "Resize", name: call.node.name, writer.operands(call) + ["", scales], call.target,
            [
                QDQProto.attribute("mode", "nearest"),
                QDQProto.attribute("coordinate_transformation_mode", coordinates.rawValue),
                QDQProto.attribute("nearest_mode", rounding.rawValue),
            ])
    }
}
