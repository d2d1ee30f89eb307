"""Runs models in ONNX Runtime.

Usage: run_onnx.py FOLDER
Reads FOLDER/inputs.safetensors, whose arrays are named MODEL/RUN/INPUT, runs each FOLDER/MODEL.onnx on those of each run, and writes
FOLDER/outputs.safetensors with arrays named MODEL/RUN/OUTPUT. Prints a JSON object: {"versions": {...}, "failed": {MODEL: message}}.
A model without inputs has runs with an array named MODEL/RUN/ (no input).
"""
import collections
import json
import pathlib
import sys

import numpy
import onnx
import onnxruntime
import safetensors.numpy

folder = pathlib.Path(sys.argv[1])
runs = collections.defaultdict(lambda: collections.defaultdict(dict))
for name, array in safetensors.numpy.load_file(folder / "inputs.safetensors").items():
    model, run, parameter = name.split("|")
    runs[model][run][parameter] = array
outputs = {}
failed = {}
options = onnxruntime.SessionOptions()
options.log_severity_level = 4  # what fails is in the answer
options.intra_op_num_threads = 2
for model, inputs_by_run in runs.items():
    path = folder / f"{model}.onnx"
    try:
        onnx.checker.check_model(onnx.load(path), full_check=True)
        session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        names = [output.name for output in session.get_outputs()]
        for run, inputs in inputs_by_run.items():
            fed = {name: array for name, array in inputs.items() if name}
            for name, array in zip(names, session.run(names, fed)):
                outputs[f"{model}|{run}|{name}"] = numpy.ascontiguousarray(array).reshape(array.shape)
    except Exception as error:
        failed[model] = f"{type(error).__name__}: {error}"
safetensors.numpy.save_file(outputs, folder / "outputs.safetensors")
versions = {"onnx": onnx.__version__, "onnxruntime": onnxruntime.__version__}
print(json.dumps({"versions": versions, "failed": failed}))
