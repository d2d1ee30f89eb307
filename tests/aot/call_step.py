"""Trains an exported step by ctypes, with NumPy arrays: call_step.py LIBRARY prints the loss of the fifth step."""
import ctypes
import sys

import numpy as np

step = ctypes.CDLL(sys.argv[1])
step.step_memory_bytes.restype = ctypes.c_int64


class Context(ctypes.Structure):
    _fields_ = [("magic", ctypes.c_uint64), ("memory", ctypes.c_void_p)]


def pointer(array):
    return array.ctypes.data_as(ctypes.c_void_p)


size = step.step_memory_bytes(ctypes.c_int64(4), ctypes.c_int32(1))
memory = np.zeros(size + 64, dtype=np.uint8)
aligned = memory[-memory.ctypes.data % 64:]
context = Context()
code = step.step_init(ctypes.byref(context), pointer(aligned), ctypes.c_int64(size), ctypes.c_int64(4), None)
assert code == 0, code
x = (np.arange(36, dtype=np.float32) / np.float32(36)).reshape(4, 9)
y = np.arange(4, dtype=np.float32)
loss = np.zeros((), dtype=np.float32)
for _ in range(5):
    code = step.step_run(ctypes.byref(context), ctypes.c_int64(4), pointer(x), pointer(y), pointer(loss))
    assert code == 0, code
print("%.9g" % loss)
