"""The one secret of an installation, and what is derived from it."""

import base64
import binascii
import os
from hashlib import blake2b

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from app.errors import StartError

KEY_BYTES = 32
NONCE_BYTES = 12
VERSION = b"\x01"


class Vault:
    """Encrypts secrets at rest (AES-256-GCM) and derives a key for each purpose (HKDF-SHA256)."""

    def __init__(self, secret_key: bytes) -> None:
        self._secret_key = secret_key
        self._cipher = AESGCM(self.derive("secrets at rest"))

    def derive(self, purpose: str) -> bytes:
        hkdf = HKDF(hashes.SHA256(), length=KEY_BYTES, salt=None, info=purpose.encode())
        return hkdf.derive(self._secret_key)

    def seal(self, plain: bytes, bound_to: bytes) -> bytes:
        """Ciphertext that opens only with the same `bound_to` (the row that it belongs to)."""
        nonce = os.urandom(NONCE_BYTES)
        return VERSION + nonce + self._cipher.encrypt(nonce, plain, bound_to)

    def open(self, sealed: bytes, bound_to: bytes) -> bytes:
        """Raises ValueError where the secret key is another one, or the bytes are not ours."""
        nonce, data = sealed[1 : 1 + NONCE_BYTES], sealed[1 + NONCE_BYTES :]
        try:
            return self._cipher.decrypt(nonce, data, bound_to)
        except InvalidTag:
            raise ValueError("sealed with another key, or damaged") from None


def read_secret_key(text: str) -> bytes:
    """32 bytes in base64, or any passphrase of at least 32 characters. Raises StartError."""
    try:
        decoded = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        decoded = b""
    if len(decoded) == KEY_BYTES:
        return decoded
    if len(text) < KEY_BYTES:
        raise StartError(
            "BACKSTORY_SECRET_KEY must be 32 bytes in base64 (openssl rand -base64 32)."
        )
    return blake2b(text.encode(), digest_size=KEY_BYTES).digest()
