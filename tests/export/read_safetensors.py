"""Prints the arrays of a safetensors file as JSON, by nothing but the format's description and Python's own modules.

Usage: read_safetensors.py FILE. A value that is no finite number is printed as a string.
"""
import json
import math
import struct
import sys

CODES = {"F32": "f", "F64": "d", "I32": "i", "I64": "q", "U8": "B", "BOOL": "?"}

with open(sys.argv[1], "rb") as file:
    content = file.read()
(header_size,) = struct.unpack_from("<Q", content)
header = json.loads(content[8 : 8 + header_size])
header.pop("__metadata__", None)
data = content[8 + header_size :]

arrays = {}
for name, entry in header.items():
    begin, end = entry["data_offsets"]
    format = f"<{math.prod(entry['shape'])}{CODES[entry['dtype']]}"
    assert struct.calcsize(format) == end - begin, name
    values = struct.unpack_from(format, data, begin)
    arrays[name] = {
        "dtype": entry["dtype"],
        "shape": entry["shape"],
        "values": [value if math.isfinite(value) else str(value) for value in values],
    }
print(json.dumps(arrays))
