"""The transport's ciphers against the examples of their RFCs. Run: python3 -m unittest test_transport"""

import unittest

import chacha
import curve25519
import varint


class Ciphers(unittest.TestCase):
    def test_x25519_of_rfc_7748(self):
        nine = (9).to_bytes(32, "little")
        once = "422c8e7a6227d7bca1350b3e2bb7279f7897b87bb6854b783c60e80311ae3079"
        self.assertEqual(curve25519.x25519(nine, nine).hex(), once)
        bob = bytes.fromhex("5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb")
        bob_public = curve25519.x25519(bob)
        self.assertEqual(bob_public.hex(), "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f")
        own = bytes(range(32))
        shared = curve25519.x25519(own, bob_public)
        self.assertEqual(shared, curve25519.x25519(bob, curve25519.x25519(own)))

    def test_ed25519_of_rfc_8032(self):
        seed = bytes.fromhex("c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7")
        key = "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025"
        self.assertEqual(curve25519.ed25519_public(seed).hex(), key)
        signature = curve25519.ed25519_sign(seed, b"\xaf\x82")
        self.assertEqual(
            signature.hex(),
            "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac"
            "18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
        )
        self.assertTrue(curve25519.ed25519_verify(bytes.fromhex(key), b"\xaf\x82", signature))
        self.assertFalse(curve25519.ed25519_verify(bytes.fromhex(key), b"\xaf\x83", signature))

    def test_chacha20_poly1305_of_rfc_8439(self):
        key = bytes(range(0x80, 0xA0))
        nonce = bytes.fromhex("070000004041424344454647")
        extra = bytes.fromhex("50515253c0c1c2c3c4c5c6c7")
        plain = (
            b"Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, "
            b"sunscreen would be it."
        )
        sealed = chacha.seal(key, nonce, plain, extra)
        self.assertEqual(sealed[:8].hex(), "d31a8d34648e60db")
        self.assertEqual(sealed[-16:].hex(), "1ae10b594f09e26a7e902ecbd0600691")
        self.assertEqual(chacha.unseal(key, nonce, sealed, extra), plain)
        with self.assertRaises(ValueError):
            chacha.unseal(key, nonce, sealed[:-1] + b"\x00", extra)


class Encodings(unittest.TestCase):
    def test_numbers_and_fields_come_back(self):
        data = varint.write_fields((1, 300), (2, b"abc"), (2, b""))
        self.assertEqual(data.hex(), "08ac02" "1203616263" "1200")
        self.assertEqual(varint.read_fields(data), {1: [300], 2: [b"abc", b""]})

    def test_base58_of_its_draft(self):
        self.assertEqual(varint.base58(b"Hello World!"), "2NEpo7TZRRrLZSi2U")
        self.assertEqual(varint.base58(bytes.fromhex("0000287fb4cd")), "11233QC4")


if __name__ == "__main__":
    unittest.main()
