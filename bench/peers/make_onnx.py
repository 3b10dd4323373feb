"""Writes a BERT model folder as the ONNX files that its rivals run.

    python make_onnx.py MODEL_FOLDER OUTPUT_FOLDER

OUTPUT_FOLDER gets the tokenizer and config files, and in onnx/:
  model.onnx            the plain graph, operation by operation, as exporters write it
  model_fused.onnx      the same with onnxruntime's fused operators: what an expert runs
  model_quantized.onnx  the plain graph with dynamically quantised int8 weights ("q8")
  model_fused_int8.onnx the fused graph with int8 weights
"""

import json
import pathlib
import shutil
import sys

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from safetensors.numpy import load_file

OPSET = 17


class Graph:
    """Collects nodes and weights; every method returns the name of its result."""

    def __init__(self, config, weights):
        self.config = config
        self.weights = {name.removeprefix("bert."): value.astype(np.float32) for name, value in weights.items()}
        self.nodes = []
        self.initializers = []

    def constant(self, name, value):
        self.initializers.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def weight(self, name):
        return self.constant(name, self.weights[name])

    def node(self, kind, inputs, outputs=1, domain="", **attributes):
        names = [f"{kind}_{len(self.nodes)}_{index}" for index in range(outputs)]
        self.nodes.append(helper.make_node(kind, inputs, names, domain=domain, **attributes))
        return names[0]

    def linear(self, x, path):
        product = self.node("MatMul", [x, self.constant(f"{path}.weight", self.weights[f"{path}.weight"].T)])
        return self.node("Add", [self.weight(f"{path}.bias"), product])

    def norm(self, x, path):
        epsilon = self.config["layer_norm_eps"]
        scale, bias = self.weight(f"{path}.weight"), self.weight(f"{path}.bias")
        return self.node("LayerNormalization", [x, scale, bias], axis=-1, epsilon=epsilon)

    def save(self, file, output):
        shape = ["batch", "sequence"]
        inputs = [
            helper.make_tensor_value_info(name, TensorProto.INT64, shape)
            for name in ("input_ids", "attention_mask", "token_type_ids")
        ]
        self.nodes.append(helper.make_node("Identity", [output], ["last_hidden_state"]))
        result = helper.make_tensor_value_info("last_hidden_state", TensorProto.FLOAT, [*shape, self.config["hidden_size"]])
        graph = helper.make_graph(self.nodes, "bert", inputs, [result], self.initializers)
        opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid("com.microsoft", 1)]
        model = helper.make_model(graph, opset_imports=opsets, ir_version=8)
        onnx.checker.check_model(model, full_check=False)
        onnx.save(model, file)


def embeddings(graph):
    words = graph.node("Gather", [graph.weight("embeddings.word_embeddings.weight"), "input_ids"])
    types = graph.node("Gather", [graph.weight("embeddings.token_type_embeddings.weight"), "token_type_ids"])
    length = graph.node("Gather", [graph.node("Shape", ["input_ids"]), graph.constant("one", np.array([1], np.int64))])
    every = np.arange(graph.config["max_position_embeddings"], dtype=np.int64)[None, :]
    start, axis = graph.constant("start", np.array([0], np.int64)), graph.constant("axis", np.array([1], np.int64))
    positions = graph.node("Slice", [graph.constant("positions", every), start, length, axis])
    places = graph.node("Gather", [graph.weight("embeddings.position_embeddings.weight"), positions])
    total = graph.node("Add", [graph.node("Add", [words, types]), places])
    return graph.norm(total, "embeddings.LayerNorm")


def gelu(graph, x):
    scaled = graph.node("Div", [x, graph.constant(f"sqrt2_{len(graph.nodes)}", np.array(np.sqrt(2), np.float32))])
    shifted = graph.node("Add", [graph.node("Erf", [scaled]), graph.constant(f"unit_{len(graph.nodes)}", np.array(1, np.float32))])
    half = graph.constant(f"half_{len(graph.nodes)}", np.array(0.5, np.float32))
    return graph.node("Mul", [graph.node("Mul", [x, shifted]), half])


def write_plain(config, weights, file):
    graph = Graph(config, weights)
    heads, hidden = config["num_attention_heads"], config["hidden_size"]
    size = hidden // heads
    split = graph.constant("split", np.array([0, 0, heads, size], np.int64))
    joined = graph.constant("joined", np.array([0, 0, hidden], np.int64))
    mask = graph.node("Cast", ["attention_mask"], to=TensorProto.FLOAT)
    mask = graph.node("Unsqueeze", [mask, graph.constant("mask_axes", np.array([1, 2], np.int64))])
    mask = graph.node("Sub", [graph.constant("mask_one", np.array(1, np.float32)), mask])
    mask = graph.node("Mul", [mask, graph.constant("mask_low", np.array(np.finfo(np.float32).min, np.float32))])
    scale = graph.constant("scale", np.array(np.sqrt(size), np.float32))
    x = embeddings(graph)
    for layer in range(config["num_hidden_layers"]):
        path = f"encoder.layer.{layer}"

        def heads_of(name, order):
            part = graph.node("Reshape", [graph.linear(x, f"{path}.attention.self.{name}"), split])
            return graph.node("Transpose", [part], perm=order)

        query, key, value = heads_of("query", [0, 2, 1, 3]), heads_of("key", [0, 2, 3, 1]), heads_of("value", [0, 2, 1, 3])
        scores = graph.node("Add", [graph.node("Div", [graph.node("MatMul", [query, key]), scale]), mask])
        context = graph.node("MatMul", [graph.node("Softmax", [scores], axis=-1), value])
        context = graph.node("Reshape", [graph.node("Transpose", [context], perm=[0, 2, 1, 3]), joined])
        attended = graph.node("Add", [graph.linear(context, f"{path}.attention.output.dense"), x])
        x = graph.norm(attended, f"{path}.attention.output.LayerNorm")
        inner = gelu(graph, graph.linear(x, f"{path}.intermediate.dense"))
        x = graph.norm(graph.node("Add", [graph.linear(inner, f"{path}.output.dense"), x]), f"{path}.output.LayerNorm")
    graph.save(file, x)


def write_fused(config, weights, file):
    graph = Graph(config, weights)
    fused = {"domain": "com.microsoft"}
    epsilon = config["layer_norm_eps"]
    ids = {
        name: graph.node("Cast", [name], to=TensorProto.INT32) for name in ("input_ids", "token_type_ids", "attention_mask")
    }
    tables = [graph.weight(f"embeddings.{name}_embeddings.weight") for name in ("word", "position", "token_type")]
    norm = [graph.weight("embeddings.LayerNorm.weight"), graph.weight("embeddings.LayerNorm.bias")]
    inputs = [ids["input_ids"], ids["token_type_ids"], *tables, *norm]
    x = graph.node("EmbedLayerNormalization", inputs, outputs=2, epsilon=epsilon, **fused)
    for layer in range(config["num_hidden_layers"]):
        path = f"encoder.layer.{layer}"
        parts = [f"{path}.attention.self.{name}" for name in ("query", "key", "value")]
        packed = np.concatenate([graph.weights[f"{part}.weight"].T for part in parts], axis=1)
        bias = np.concatenate([graph.weights[f"{part}.bias"] for part in parts])
        names = [graph.constant(f"{path}.qkv.weight", packed), graph.constant(f"{path}.qkv.bias", bias)]
        heads = config["num_attention_heads"]
        context = graph.node("Attention", [x, *names, ids["attention_mask"]], num_heads=heads, **fused)

        def skip_norm(value, dense, norm_path):
            matrix = graph.constant(f"{dense}.weight", graph.weights[f"{dense}.weight"].T)
            product = graph.node("MatMul", [value, matrix])
            norms = [graph.weight(f"{norm_path}.weight"), graph.weight(f"{norm_path}.bias")]
            inputs = [product, x, *norms, graph.weight(f"{dense}.bias")]
            return graph.node("SkipLayerNormalization", inputs, epsilon=epsilon, **fused)

        x = skip_norm(context, f"{path}.attention.output.dense", f"{path}.attention.output.LayerNorm")
        dense = f"{path}.intermediate.dense"
        product = graph.node("MatMul", [x, graph.constant(f"{dense}.weight", graph.weights[f"{dense}.weight"].T)])
        inner = graph.node("BiasGelu", [product, graph.weight(f"{dense}.bias")], **fused)
        x = skip_norm(inner, f"{path}.output.dense", f"{path}.output.LayerNorm")
    graph.save(file, x)


def quantize(source, target):
    from onnxruntime.quantization import QuantType, quantize_dynamic

    # Shapes cannot be inferred through onnxruntime's own operators, so the type of their results is said here.
    options = {"MatMulConstBOnly": True, "DefaultTensorType": TensorProto.FLOAT}
    quantize_dynamic(source, target, weight_type=QuantType.QUInt8, extra_options=options)


def main(model_folder, output_folder):
    source, target = pathlib.Path(model_folder), pathlib.Path(output_folder)
    onnx_folder = target / "onnx"
    onnx_folder.mkdir(parents=True, exist_ok=True)
    for name in ("config.json", "tokenizer.json", "special_tokens_map.json", "vocab.txt"):
        if (source / name).exists():
            shutil.copyfile(source / name, target / name)
    # Peers cut texts at the tokenizer's limit; sentence-transformers, and so everyone here, at its own.
    tokenizer_config = json.loads((source / "tokenizer_config.json").read_text())
    tokenizer_config["model_max_length"] = json.loads((source / "sentence_bert_config.json").read_text())["max_seq_length"]
    (target / "tokenizer_config.json").write_text(json.dumps(tokenizer_config))
    config = json.loads((source / "config.json").read_text())
    weights = load_file(source / "model.safetensors")
    write_plain(config, weights, onnx_folder / "model.onnx")
    write_fused(config, weights, onnx_folder / "model_fused.onnx")
    quantize(onnx_folder / "model.onnx", onnx_folder / "model_quantized.onnx")
    quantize(onnx_folder / "model_fused.onnx", onnx_folder / "model_fused_int8.onnx")


if __name__ == "__main__":
    main(*sys.argv[1:])
