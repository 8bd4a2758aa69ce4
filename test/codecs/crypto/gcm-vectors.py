#!/usr/bin/env python3
"""Makes gcm-vectors.json with OpenSSL, through Python's package cryptography: an implementation that is none of those tested.

    python3 test/codecs/crypto/gcm-vectors.py > test/codecs/crypto/gcm-vectors.json
"""
import hashlib
import json

from cryptography.hazmat.primitives.ciphers.aead import AESGCM


def some(name, length):
    return hashlib.shake_256(name.encode()).digest(length)


def vector(what, key, nonce, aad, plain):
    sealed = AESGCM(key).encrypt(nonce, plain, aad)
    texts = {"key": key, "nonce": nonce, "aad": aad, "plain": plain, "sealed": sealed}
    return {"what": what, **{name: value.hex() for name, value in texts.items()}}


vectors = []
for length in [*range(0, 50), 63, 64, 65, 127, 128, 129, 255, 256, 257, 511, 512, 513]:
    key, nonce, plain = (some(f"{what} {length}", size) for what, size in (("key", 32), ("nonce", 12), ("plain", length)))
    vectors.append(vector(f"{length} bytes", key, nonce, some(f"aad {length}", length * 7 % 83), plain))
for name, byte in (("zeros", 0), ("ones", 0xFF)):
    filled = lambda length: bytes([byte]) * length
    for length in (0, 1, 16, 33):
        vectors.append(vector(f"all {name}, {length}", filled(32), filled(12), filled(length), filled(length)))
# The keystream that makes the ciphertext zeros or ones: carries in the counter and in GHASH.
for name, byte in (("zeros", 0), ("ones", 0xFF)):
    key, nonce = some("key", 32), some(f"nonce {name}", 12)
    stream = AESGCM(key).encrypt(nonce, bytes(64), b"")[:64]
    vectors.append(vector(f"ciphertext of {name}", key, nonce, b"x", bytes(each ^ byte for each in stream)))
print("[\n" + ",\n".join(json.dumps(each, separators=(",", ":")) for each in vectors) + "\n]")
