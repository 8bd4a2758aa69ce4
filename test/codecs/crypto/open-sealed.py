#!/usr/bin/env python3
"""Opens a sealed tape by following docs/format.md, with age, zstd, and the package cryptography (OpenSSL). Shares nothing with the library.

    python3 open-sealed.py TAPE IDENTITY_FILE
"""
import base64
import json
import re
import subprocess
import sys
import tempfile

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

tape, identity = sys.argv[1:]
lines = open(tape, "rb").read().split(b"\n")[:-1]
init = json.loads(lines[0])
tape_id, encryption = init["tape_id"], init["encryption"]


def unbase64(text, url=False):
    data = text + "=" * (-len(text) % 4)
    return base64.urlsafe_b64decode(data) if url else base64.b64decode(data, validate=True)


def hkdf(salt, info, length):
    return HKDF(algorithm=SHA256(), length=length, salt=salt, info=info.encode()).derive(data_key)


age = subprocess.run(["age", "-d", "-i", identity], input=unbase64(encryption["key"]), capture_output=True, check=True)
data_key = age.stdout
assert hkdf(tape_id.encode(), "tapeline/check/1", 16) == unbase64(encryption["check"], url=True), "another key"


def opened(box, kind, seq=None, ts=None, codec=None):
    epoch, n = box["epoch"], box["n"]
    key = hkdf(unbase64(epoch, url=True), "tapeline/epoch/1" + tape_id, 32)
    about = ["tapeline/line/1", tape_id, epoch, n, kind, seq, ts, codec]
    associated = json.dumps(about, separators=(",", ":"), ensure_ascii=False).encode()
    padded = AESGCM(key).decrypt(bytes(4) + n.to_bytes(8, "big"), unbase64(box["data"]), associated)
    content = padded.rstrip(b"\0")
    assert content[-1] == 0x80
    return content[:-1]


def unzstd(frame):
    options = ["-D", dictionary.name] if dictionary else []
    return subprocess.run(["zstd", "-dcq", *options], input=b"\x28\xb5\x2f\xfd" + frame, capture_output=True, check=True).stdout


dictionary = None
counts = {}
is_final = False
for number, line in enumerate(lines[1:], 2):
    record = json.loads(line)
    is_checkpoint = record["type"] == "checkpoint"
    assert is_checkpoint or re.match(rb'\{"type":"sealed",', line), f"line {number} is not sealed"
    box = record["seal"] if is_checkpoint else record
    lack = box["n"] - counts.get(box["epoch"], 0)
    if lack != 0:
        sys.exit(f"line {number}: {lack} missing")
    counts[box["epoch"]] = box["n"] + 1
    is_final = False
    if is_checkpoint:
        seal = json.loads(opened(box, "checkpoint"))
        is_final = seal["is_final"]
        assert seal["stats"]["frame_count"] == record["stats"]["frame_count"]
        told = {name: seal["stats"][name] for name in ("error_count", "frame_count")}
        print(json.dumps(told, separators=(",", ":")))
        continue
    kind = record.get("kind", "frame")
    content = opened(record, kind, record.get("seq"), record.get("ts"), record.get("codec"))
    if record.get("codec"):
        keep, dictionary = dictionary, dictionary if record["codec"] == "zstd-d" else None
        content = unzstd(content)
        dictionary = keep
    if kind == "dictionary":
        told = json.loads(content)
        dictionary = tempfile.NamedTemporaryFile()
        dictionary_bytes = subprocess.run(
            ["zstd", "-dcq"], input=b"\x28\xb5\x2f\xfd" + unbase64(told["data"]), capture_output=True, check=True
        ).stdout
        dictionary.write(dictionary_bytes)
        dictionary.flush()
    elif kind != "epoch":
        print(content.decode())
if not is_final:
    sys.exit("not finalized: its end may be missing")
