"""Reads the block of a packed tape that holds a byte of the tape, by following docs/format.md.

python3 read-block.py FILE OFFSET: writes the block to stdout, and where it starts in the tape to stderr.
"""
import struct
import subprocess
import sys

path, offset = sys.argv[1], int(sys.argv[2])
with open(path, "rb") as file:
    data = file.read()

count, descriptor, magic = struct.unpack("<IBI", data[-9:])
assert magic == 0x8F92EAB1, "no seek table"
entry_bytes = 12 if descriptor & 0x80 else 8
start = len(data) - 9 - count * entry_bytes - 8
magic, length = struct.unpack("<II", data[start : start + 8])
assert magic == 0x184D2A5E and length == count * entry_bytes + 9

packed = plain = 0
for number in range(count):
    at = start + 8 + number * entry_bytes
    packed_bytes, plain_bytes = struct.unpack("<II", data[at : at + 8])
    if plain + plain_bytes > offset:
        break
    packed += packed_bytes
    plain += plain_bytes

frame = data[packed : packed + packed_bytes]
block = subprocess.run(["zstd", "-dc"], input=frame, stdout=subprocess.PIPE, check=True).stdout
assert len(block) == plain_bytes
sys.stderr.write(str(plain))
sys.stdout.buffer.write(block)
