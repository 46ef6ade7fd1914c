// SPDX-License-Identifier: Apache-2.0

import NetworkGraph
import ONNXModel
import PrintableText

/// Resize (opset 10 to 19) and Upsample (opset 9) of height and width, modes nearest and linear.
extension ONNXOperator {
    static let resize = ONNXOperator(
        ["Resize", "Upsample"],
        translate: { call, network throws(ONNXError) in try network.resize(call) },
        read: { node, reader in try reader.readResize(node) })
}

/// What a Resize or Upsample says of height and width.
private struct ResizeAttributes {
    static let known: Set = [
        "antialias", "axes", "coordinate_transformation_mode", "cubic_coeff_a", "exclude_outside",
        "extrapolation_value", "keep_aspect_ratio_policy", "mode", "nearest_mode", "scales",
    ]

    private let mode: String
    private let coordinates: ResizeCoordinates
    private let rounding: NearestResize.Rounding
    private let height: Int
    private let width: Int
    private let scaleHeight: Float
    private let scaleWidth: Float

    /// Of a node whose operand is `shape`, NCHW.
    init(
        _ call: OperatorCall, shape: TensorShape, scales: [Float]?, sizes: [Int]?
    ) throws(ONNXError) {
        mode = try call.string("mode") ?? "nearest"
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
        guard let coordinates = ResizeCoordinates(rawValue: transformation),
            let rounding = NearestResize.Rounding(rawValue: nearest)
        else {
            throw call.unsupported(
                "resizes with \(transformation.printable()) and \(nearest.printable()).")
        }
        (self.coordinates, self.rounding) = (coordinates, rounding)
        if let sizes, !sizes.isEmpty {
            guard sizes.count == 4, sizes[1] == shape.channels,
                sizes[2...].allSatisfy({ 1...SizeLimits.extent ~= $0 })
            else { throw call.unsupported("resizes batch or channels, to \(sizes).") }
            (height, width) = (sizes[2], sizes[3])
            scaleHeight = Float(height) / Float(shape.height)
            scaleWidth = Float(width) / Float(shape.width)
            return
        }
        guard let scales, scales.count == 4, scales[0] == 1, scales[1] == 1,
            scales[2...].allSatisfy({ $0 > 0 && $0 < 1e6 })
        else { throw call.unsupported("resizes by \(scales ?? []); batch and channels must stay.") }
        (scaleHeight, scaleWidth) = (scales[2], scales[3])
        height = Int(Float(shape.height) * scaleHeight)
        width = Int(Float(shape.width) * scaleWidth)
    }

    func operation(_ call: OperatorCall) throws(ONNXError) -> Operation {
        switch mode {
        case "nearest":
            return .resize(
                NearestResize(
                    height: height, width: width, scaleHeight: scaleHeight, scaleWidth: scaleWidth,
                    coordinates: coordinates, rounding: rounding))
        case "linear":
            return .linearResize(
                LinearResize(
                    height: height, width: width, scaleHeight: scaleHeight, scaleWidth: scaleWidth,
                    coordinates: coordinates))
        default: throw call.unsupported("resizes in mode \(mode.printable()).")
        }
    }
}

extension GraphTranslation {
    mutating func resize(_ call: OperatorCall) throws(ONNXError) -> Value {
        try call.expect(inputs: 1...4, attributes: ResizeAttributes.known)
        let input = try imageOperand(of: call)
        // Since opset 11 a region of interest comes between operand and scales.
        let place = call.type == "Resize" && call.opset >= 11 ? 2 : 1
        var scales = try constant(place, of: call)?.reals
        if scales == nil { scales = try call.floats("scales") }
        let sizes = try constant(3, of: call)?.integers?.map { Int(clamping: $0) }
        let operation = try ResizeAttributes(
            call, shape: input.shape, scales: scales, sizes: sizes
        ).operation(call)
        return try append(operation, of: input, at: call)
    }
}

extension QDQReading {
    func readResize(_ node: Onnx_NodeProto) throws {
        let attributes = try QDQAttributes(node, known: ResizeAttributes.known)
        let source = try featureMap(node)
        let place = node.opType == "Resize" ? 2 : 1
        let scales = try Self.optionalOperand(node, place).flatMap { try constant($0).floats() }
        let sizes = try Self.optionalOperand(node, 3).map { try constant($0).int64s() }
        let shape = shape(of: source)
        let operation = try attributes.read { call throws(ONNXError) in
            try ResizeAttributes(
                call, shape: shape, scales: scales?.isEmpty == true ? nil : scales, sizes: sizes
            ).operation(call)
        }
        try append(node, operation, inputs: [source], form: .nchw)
    }
}

extension NearestResize: WrittenOperator {
    func write(_ call: inout WriteCall, _ writer: inout some QDQWriting) {
        write(
            call, &writer, mode: "nearest", [QDQProto.attribute("nearest_mode", rounding.rawValue)])
    }
}

extension LinearResize: WrittenOperator {
    func write(_ call: inout WriteCall, _ writer: inout some QDQWriting) {
        write(call, &writer, mode: "linear")
    }
}

extension SpatialResize {
    /// Appends a Resize of this mode.
    fileprivate func write(
        _ call: WriteCall, _ writer: inout some QDQWriting, mode: String,
        _ more: [Onnx_AttributeProto] = []
    ) {
        let scales = writer.names.tensors.claim(call.node.name + "_scales")
        writer.graph.initializer.append(
            QDQProto.tensor(scales, [1, 1, scaleHeight, scaleWidth], axes: [4]))
        let attributes = [
            QDQProto.attribute("mode", mode),
            QDQProto.attribute("coordinate_transformation_mode", coordinates.rawValue),
        ]
        writer.append(
            "Resize", name: call.node.name, writer.operands(call) + ["", scales], call.target,
            attributes + more)
    }
}
