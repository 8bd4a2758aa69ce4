#!/usr/bin/env python3
"""Prints the lines of a compressed tape as they were, by following docs/format.md, with the command zstd. Shares nothing with the library.

    python3 read-compressed.py TAPE
"""
import base64
import json
import subprocess
import sys
import tempfile
import zlib

MAGIC = bytes.fromhex("28b52ffd")


def content(text, *options):
    frame = MAGIC + base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    return subprocess.run(["zstd", "-d", "-c", "-q", *options], input=frame, capture_output=True, check=True).stdout


dictionary = None
for line in open(sys.argv[1], "rb").read().split(b"\n")[:-1]:
    record = json.loads(line)
    if record["type"] == "dictionary":
        data = content(record["data"])
        if dictionary is None and f"{zlib.crc32(data):08x}" == record["crc32"]:
            dictionary = tempfile.NamedTemporaryFile()
            dictionary.write(data)
            dictionary.flush()
    elif record["type"] != "zstd":
        print(line.decode())
    elif "d" in record:
        print(content(record["d"], "-D", dictionary.name).decode())
    else:
        print(content(record["z"]).decode())
