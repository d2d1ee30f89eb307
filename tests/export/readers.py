"""Reads and writes files by the readers that others use: NumPy, the safetensors package and TensorBoard.

Usage:
  readers.py arrays FOLDER   reads FOLDER/sluice.safetensors and FOLDER/sluice-NAME.npy, prints what they hold as JSON,
                             and writes the same arrays as FOLDER/python.safetensors and FOLDER/python-NAME.npy
  readers.py events FOLDER   prints the scalars of a folder of event files, by tag: [[step, value], ...]
  readers.py histograms FOLDER   prints the histograms, by tag: [[step, [[left, right, count], ...]], ...], as
                             TensorBoard's dashboard gets them
  readers.py graph FOLDER    prints the nodes of the graph, by name: {"op": ..., "inputs": [...], "dtype": ...,
                             "shapes": [[...], ...], "text": {attribute: text}}
"""
import json
import pathlib
import sys


def describe(array):
    return {"dtype": array.dtype.str, "shape": list(array.shape), "bytes": array.tobytes().hex()}


def arrays(folder):
    import numpy
    import safetensors.numpy

    tensors = safetensors.numpy.load_file(folder / "sluice.safetensors")
    files = {path.stem.removeprefix("sluice-"): numpy.load(path) for path in folder.glob("sluice-*.npy")}
    safetensors.numpy.save_file(tensors, folder / "python.safetensors", metadata={"from": "python"})
    for name, array in files.items():
        numpy.save(folder / f"python-{name}.npy", array)
    return {
        "safetensors": {name: describe(array) for name, array in tensors.items()},
        "npy": {name: describe(array) for name, array in files.items()},
    }


def events(folder):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    accumulator = EventAccumulator(str(folder), size_guidance={"scalars": 0})
    accumulator.Reload()
    return {
        tag: [[event.step, str(event.value)] for event in accumulator.Scalars(tag)]
        for tag in accumulator.Tags()["scalars"]
    }


def histograms(folder):
    from tensorboard import data_compat
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.compat.proto import summary_pb2
    from tensorboard.util import tensor_util

    accumulator = EventAccumulator(str(folder), size_guidance={"histograms": 0})
    accumulator.Reload()

    def ranges(tag, event):
        value = summary_pb2.Summary.Value(tag=tag)
        read = event.histogram_value
        value.histo.min, value.histo.max, value.histo.num = read.min, read.max, read.num
        value.histo.sum, value.histo.sum_squares = read.sum, read.sum_squares
        value.histo.bucket_limit.extend(read.bucket_limit)
        value.histo.bucket.extend(read.bucket)
        return tensor_util.make_ndarray(data_compat.migrate_value(value).tensor).tolist()

    return {
        tag: [[event.step, ranges(tag, event)] for event in accumulator.Histograms(tag)]
        for tag in accumulator.Tags()["histograms"]
    }


def graph(folder):
    from tensorboard.backend import process_graph
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.compat.proto import types_pb2

    accumulator = EventAccumulator(str(folder))
    accumulator.Reload()
    read = accumulator.Graph()
    process_graph.prepare_graph_for_ui(read, 1024, "_too_large_attrs")  # as the dashboard does
    return {
        node.name: {
            "op": node.op,
            "inputs": list(node.input),
            "dtype": types_pb2.DataType.Name(node.attr["dtype"].type),
            "shapes": [[dim.size for dim in shape.dim] for shape in node.attr["_output_shapes"].list.shape],
            "text": {key: value.s.decode() for key, value in node.attr.items() if value.HasField("s")},
        }
        for node in read.node
    }


COMMANDS = {"arrays": arrays, "events": events, "histograms": histograms, "graph": graph}
print(json.dumps(COMMANDS[sys.argv[1]](pathlib.Path(sys.argv[2]))))
