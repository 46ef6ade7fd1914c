# SPDX-License-Identifier: Apache-2.0
"""QDQ models: which tensors are 8-bit, and the cut into models of one layer."""

import onnx
from onnx import TensorProto, helper, numpy_helper

# Operators behind which the value in front of them may be quantized again, or the input in another
# layout: the trace has it once.
VIEWS = ("Flatten", "Reshape", "Squeeze", "Transpose", "Unsqueeze", "input")


class Model:
    def __init__(self, path):
        self.proto = onnx.load(path)
        graph = self.proto.graph
        self.constants = {t.name: t for t in graph.initializer}
        self.producer = {name: node for node in graph.node for name in node.output}
        self.input = next(i for i in graph.input if i.name not in self.constants)
        self.outputs = [output.name for output in graph.output]
        first = self.input.type.tensor_type.shape.dim[0]
        self.batch = first.dim_value or None

    def array(self, name):
        return numpy_helper.to_array(self.constants[name])

    def quantized(self):
        """Outputs of all QuantizeLinear nodes, and of those that pad 8-bit tensors, in order."""
        names = []
        for node in self.proto.graph.node:
            moves = node.op_type == "Pad" and node.input[0] in names
            if node.op_type == "QuantizeLinear" or moves:
                names.append(node.output[0])
        return names

    def element_type(self, name):
        # Of the zero point, or of what a Pad puts around.
        node = self.producer[name]
        return self.constants[node.input[2]].data_type if len(node.input) > 2 else TensorProto.UINT8

    def has_int8_weights(self):
        weights = [self.constants.get(n.input[0]) for n in self.proto.graph.node
                   if n.op_type == "DequantizeLinear"]
        return any(w is not None and w.data_type == TensorProto.INT8 for w in weights)

    def has(self, operator):
        return any(n.op_type == operator for n in self.proto.graph.node)

    def operator(self, name):
        """Operator whose result the quantizer of `name` reads, clamps skipped."""
        made = self.producer[name]
        if made.op_type != "QuantizeLinear":
            return made.op_type
        node = self.producer.get(made.input[0])
        while node is not None and node.op_type in ("Relu", "Clip"):
            before = self.producer.get(node.input[0])
            if before is None or before.op_type == "DequantizeLinear":
                break
            node = before
        return node.op_type if node is not None else "input"

    def with_outputs(self, names):
        """The model with 8-bit tensors as further outputs."""
        copy = onnx.ModelProto()
        copy.CopyFrom(self.proto)
        for name in names:
            copy.graph.output.append(
                helper.make_tensor_value_info(name, self.element_type(name), None)
            )
        return copy

    def layer(self, target, known):
        """Model of the one layer that computes `target` from tensors in `known`, which has their
        extents; and its inputs."""
        needed, inputs, pending, seen = set(), [], [target], set()
        while pending:
            name = pending.pop()
            if not name or name in seen or name in self.constants:
                continue
            seen.add(name)
            if name == self.input.name or (name in known and name != target):
                inputs.append(name)
                continue
            node = self.producer[name]
            needed.add(node.output[0])
            pending.extend(node.input)
        nodes = [n for n in self.proto.graph.node if n.output[0] in needed]
        used = {name for n in nodes for name in n.input}
        infos = []
        for name in inputs:
            if name == self.input.name:
                infos.append(self.input)
            else:
                extents = [None, *known[name][1:]]
                infos.append(
                    helper.make_tensor_value_info(name, self.element_type(name), extents)
                )
        out = helper.make_tensor_value_info(target, self.element_type(target), None)
        graph = helper.make_graph(nodes, "layer", infos, [out],
                                  [t for t in self.proto.graph.initializer if t.name in used])
        model = helper.make_model(graph, opset_imports=self.proto.opset_import,
                                  ir_version=self.proto.ir_version)
        return model, inputs
