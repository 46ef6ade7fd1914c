// SPDX-License-Identifier: Apache-2.0

import Foundation
import NetworkGraph
import ONNXImport
import ONNXModel
import SwiftProtobuf

/// Data that initializers keep in other files beside the model's.
extension QDQModel {
    /// Paths of those files, relative to the model's directory, each once.
    static func externalFiles(of model: Onnx_ModelProto) throws -> [String] {
        var files: [String] = []
        for tensor in model.graph.initializer where tensor.isExternal {
            let location = try naming(tensor) { () throws(ONNXError) in
                try ExternalData(tensor).location
            }
            if !files.contains(location) { files.append(location) }
        }
        return files
    }

    /// The model with that data in its initializers.
    static func embedded(
        _ model: Onnx_ModelProto, directory: URL
    ) throws -> Onnx_ModelProto {
        var model = model
        for index in model.graph.initializer.indices where model.graph.initializer[index].isExternal
        {
            let tensor = model.graph.initializer[index]
            guard let size = ElementType(rawValue: Int(tensor.dataType))?.size,
                tensor.dims.allSatisfy({ 0...Int64(SizeLimits.extent) ~= $0 }),
                let count = tensor.count
            else { continue }
            let data = try naming(tensor) { () throws(ONNXError) in
                try ExternalData(tensor).read(
                    directory: directory, expected: count * size, tensor: tensor.name)
            }
            model.graph.initializer[index].rawData = data
            model.graph.initializer[index].externalData = []
            model.graph.initializer[index].dataLocation = .default
        }
        return model
    }

    private static func naming<T>(
        _ tensor: Onnx_TensorProto, _ body: () throws(ONNXError) -> T
    ) throws -> T {
        do throws(ONNXError) {
            return try body()
        } catch {
            let clause =
                error.detail.hasSuffix(".") ? String(error.detail.dropLast()) : error.detail
            throw QDQError(.externalData, tensor: tensor.name, clause)
        }
    }
}

extension Onnx_TensorProto {
    var isExternal: Bool { dataLocation == .external || !externalData.isEmpty }

    /// Elements of its shape; nil beyond ``SizeLimits``.
    fileprivate var count: Int? {
        var count = 1
        for extent in dims {
            let product = count.multipliedReportingOverflow(by: Int(extent))
            guard !product.overflow, product.partialValue <= SizeLimits.elements else { return nil }
            count = product.partialValue
        }
        return count
    }
}
