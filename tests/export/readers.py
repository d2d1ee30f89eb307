"""Reads and writes files by the readers that others use: NumPy, the safetensors package and TensorBoard.

Usage:
  readers.py arrays FOLDER   reads FOLDER/sluice.safetensors and FOLDER/sluice-NAME.npy, prints what they hold as JSON,
                             and writes the same arrays as FOLDER/python.safetensors and FOLDER/python-NAME.npy
  readers.py events FOLDER   prints the scalars of a folder of event files, by tag: [[step, value], ...]
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


print(json.dumps({"arrays": arrays, "events": events}[sys.argv[1]](pathlib.Path(sys.argv[2]))))
