#!/usr/bin/python3
"""Opens sealed records. Follows gateway/sealing/README.md and shares no code or library with the gateway.

Usage: opener.py GATEWAYS_ROOT.pem KID RECIPIENT_KEY.pem EPOCH_FILE RECORD_FILE...
Prints what is in the records as one JSON object a line: items, or the tally, or the gap record. Stops at the first thing that
is not right, with one line on stderr and exit code 1.
"""
import datetime
import hashlib
import json
import os
import re
import struct
import sys

import cbor2
import zstandard
from cryptography import x509
from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap

CLASSES = ["notice", "vital", "trend", "wave", "tally", "gap"]
CLOCKS = ["synchronised", "holdover", "unsynchronised"]
QUALITIES = ["valid", "invalid", "questionable", "unavailable", "calibrating", "test", "demo", "validated",
             "early", "ongoing", "in-alarm", "alarm-inhibited"]
EPOCH_START = datetime.datetime(1970, 1, 1)
CONTENT_BYTES_MAX = 8 * 2**20
SEALING = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "gateway", "sealing")
GATEWAY = re.compile(r"[a-z0-9-]{3,64}")


class Refused(Exception):
    pass


def check(right, why):
    if not right:
        raise Refused(why)


# --- CBOR and COSE ---------------------------------------------------------------------------------------------------

def load(data):
    try:
        value = cbor2.loads(data)
    except Exception as error:
        raise Refused(f"not CBOR: {error}") from error
    check(cbor2.dumps(value, canonical=True) == data, "CBOR is not deterministic")
    return value


def tagged(data, tag, fields):
    value = load(data)
    check(isinstance(value, cbor2.CBORTag) and value.tag == tag, f"tag {tag} is missing")
    check(isinstance(value.value, list) and len(value.value) == fields, "wrong number of fields")
    return value.value


def protected(data, keys):
    headers = load(data)
    check(isinstance(headers, dict) and set(headers) == set(keys), "wrong protected header")
    return headers


def sig_structure(header, context, payload):
    return cbor2.dumps(["Signature1", header, context.encode(), payload], canonical=True)


def enc_structure(kind, header, context):
    return cbor2.dumps([kind, header, context.encode()], canonical=True)


def verify_ed25519(key, sign1, context):
    header, unprotected, payload, signature = sign1
    check(unprotected == {}, "unprotected header is not empty")
    try:
        key.verify(signature, sig_structure(header, context, payload))
    except InvalidSignature:
        raise Refused("signature is wrong") from None


def decrypt(key, iv, aad, ciphertext):
    try:
        return AESGCM(key).decrypt(iv, ciphertext, aad)
    except InvalidTag:
        raise Refused("ciphertext is wrong") from None


def hkdf(secret, salt, info, length):
    return HKDF(algorithm=hashes.SHA256(), length=length, salt=salt, info=info).derive(secret)


# --- Key binding and epoch -------------------------------------------------------------------------------------------

class Binding:
    def __init__(self, data):
        self.sign1 = tagged(data, 18, 4)
        header, unprotected, payload, signature = self.sign1
        headers = protected(header, [1, 33])
        check(unprotected == {} and headers[1] == -7, "binding is not ES256")
        chain = headers[33]
        check(isinstance(chain, list) and 1 <= len(chain) <= 5, "binding has no chain")
        self.chain = [x509.load_der_x509_certificate(part) for part in chain]
        leaf = self.chain[0]
        check(len(signature) == 64, "binding signature is not 64 bytes")
        der = encode_dss_signature(int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big"))
        check(isinstance(leaf.public_key(), ec.EllipticCurvePublicKey)
              and isinstance(leaf.public_key().curve, ec.SECP256R1), "certificate is not P-256")
        try:
            message = sig_structure(header, "wardgate/binding/1", payload)
            leaf.public_key().verify(der, message, ec.ECDSA(hashes.SHA256()))
        except InvalidSignature:
            raise Refused("binding signature is wrong") from None
        version, self.gateway, raw, _made_at = load(payload)
        check(version == 1 and GATEWAY.fullmatch(self.gateway), "binding is not version 1")
        self.key = ed25519.Ed25519PublicKey.from_public_bytes(raw)
        spki = self.key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
        self.key_id = hashlib.sha256(spki).digest()[:8]

    def judge(self, root, at):
        leaf = self.chain[0]
        path = self.chain if self.chain[-1] == root else self.chain + [root]
        check(len(path) > 1, "the root is no gateway")
        for certificate, issuer in zip(path, path[1:]):
            constraints = issuer.extensions.get_extension_for_class(x509.BasicConstraints).value
            check(constraints.ca and certificate.issuer == issuer.subject, "chain does not lead to the root")
            try:
                issuer.public_key().verify(certificate.signature, certificate.tbs_certificate_bytes,
                                           ec.ECDSA(certificate.signature_hash_algorithm))
            except InvalidSignature:
                raise Refused("chain does not lead to the root") from None
        for certificate in path:
            start = (certificate.not_valid_before - EPOCH_START).total_seconds()
            end = (certificate.not_valid_after - EPOCH_START).total_seconds()
            check(start * 1000 <= at <= end * 1000, "certificate is not valid at the time")
        usages = leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
        check(x509.oid.ExtendedKeyUsageOID.CLIENT_AUTH in usages, "certificate is not for client authentication")
        constraints = leaf.extensions.get_extension_for_class(x509.BasicConstraints).value
        check(not constraints.ca, "certificate is an authority")
        names = leaf.subject.get_attributes_for_oid(x509.oid.NameOID.COMMON_NAME)
        check([name.value for name in names] == [self.gateway], "certificate has another name")


def open_epoch(data, root, kid, recipient_key):
    sign1 = tagged(data, 18, 4)
    headers = protected(sign1[0], [1, 4, "ward"])
    version, gateway, _store, binding_bytes = headers["ward"]
    check(headers[1] == -8 and version == 1, "epoch is not version 1")
    header, unprotected, ciphertext, recipients = tagged(sign1[2], 96, 4)
    inner = protected(header, [1, 4, 5, "ward"])
    version, inner_gateway, _origin, created_at = inner["ward"]
    check(inner[1] == 3 and unprotected == {} and version == 1, "wrapped epoch is not version 1")
    binding = Binding(binding_bytes)
    binding.judge(root, created_at)
    check(binding.key_id == headers[4], "epoch names another key")
    verify_ed25519(binding.key, sign1, "wardgate/epoch/1")
    check(gateway == inner_gateway == binding.gateway, "gateways differ")
    content_key = unwrap(recipients, kid, recipient_key)
    key = decrypt(content_key, inner[5], enc_structure("Encrypt", header, "wardgate/epoch-key/1"), ciphertext)
    return {"id": inner[4], "gateway": gateway, "key": key, "binding": binding}


def unwrap(recipients, kid, recipient_key):
    for header, unprotected, wrapped in recipients:
        if load(header).get(1) != -31 or unprotected.get(4) != kid.encode():
            continue
        point = unprotected[-1]
        check(point[1] == 2 and point[-1] == 1, "ephemeral key is not P-256")
        numbers = ec.EllipticCurvePublicNumbers(int.from_bytes(point[-2], "big"), int.from_bytes(point[-3], "big"),
                                                ec.SECP256R1())
        secret = recipient_key.exchange(ec.ECDH(), numbers.public_key())
        nobody = [None, None, None]
        context = cbor2.dumps([-5, nobody, nobody, [256, header]], canonical=True)
        try:
            return aes_key_unwrap(hkdf(secret, None, context, 32), wrapped)
        except InvalidUnwrap:
            raise Refused("recipient key does not fit") from None
    raise Refused(f"not sealed to {kid}")


# --- Record ----------------------------------------------------------------------------------------------------------

def open_record(data, root, epoch):
    sign1 = tagged(data, 18, 4)
    headers = protected(sign1[0], [1, 4, "ward"])
    version, gateway, _store, outer_class, _sequence, _previous, stored_at = headers["ward"]
    check(headers[1] == -8 and version == 1, "record is not version 1")
    check(gateway == epoch["gateway"], "record is of another gateway")
    binding = epoch["binding"]
    binding.judge(root, stored_at)
    check(binding.key_id == headers[4], "record names another key")
    verify_ed25519(binding.key, sign1, "wardgate/record/1")
    header, unprotected, ciphertext = tagged(sign1[2], 16, 3)
    inner = protected(header, [1, 4, "ward"])
    version, inner_class, salt, first_at, last_at, count = inner["ward"]
    check(inner[1] == 3 and unprotected == {} and version == 1, "batch is not version 1")
    check(inner_class == outer_class and inner[4] == epoch["id"], "class or epoch differs")
    okm = hkdf(epoch["key"], salt, b"wardgate/batch-key/1" + epoch["id"], 44)
    plaintext = decrypt(okm[:32], okm[32:], enc_structure("Encrypt0", header, "wardgate/batch/1"), ciphertext)
    content = unpack(plaintext)
    name = CLASSES[inner_class]
    if name == "tally":
        found = [read_tally(content)]
        check(len(found[0]["takes"]) + len(found[0]["gaps"]) == count, "count differs")
    elif name == "gap":
        found = [read_gap(content)]
        check(len(found[0]["records"]) == count, "count differs")
    else:
        found = read_items(content)
        check(len(found) == count, "count differs")
        times = [item["start"] if item["kind"] == "waveform" else item["at"] for item in found]
        check(min(times) == first_at and max(times) == last_at, "times differ")
    return found


def unpack(plaintext):
    reader = Reader(plaintext)
    method, length, body = reader.byte(), reader.uint(), reader.rest()
    check(length <= CONTENT_BYTES_MAX and method in (0, 1, 2), "packing is wrong")
    if method != 0:
        dictionary = dictionary_1() if method == 2 else None
        decompressor = zstandard.ZstdDecompressor(
            dict_data=dictionary, max_window_size=CONTENT_BYTES_MAX
        ).decompressobj()
        content = decompressor.decompress(body)
        check(decompressor.unused_data == b"", "bytes after the zstd frame")
    else:
        content = body
    check(len(content) == length, "length differs")
    return content


def dictionary_1():
    """The lines of the published file, each with its length before it."""
    with open(os.path.join(SEALING, "dictionary-1.txt"), "rb") as file:
        lines = file.read().split(b"\n")[:-1]
    data = b"".join(uint_bytes(len(line)) + line for line in lines)
    return zstandard.ZstdCompressionDict(data, dict_type=zstandard.DICT_TYPE_RAWCONTENT)


def uint_bytes(value):
    result = bytearray()
    while value >= 0x80:
        result.append(value % 0x80 + 0x80)
        value //= 0x80
    return bytes(result + bytes([value]))


# --- Content ---------------------------------------------------------------------------------------------------------

class Reader:
    def __init__(self, data):
        self.data = data
        self.at = 0
        self.strings = []
        self.sources = []

    def raw(self, count):
        part = self.data[self.at:self.at + count]
        check(len(part) == count, "content is cut off")
        self.at += count
        return part

    def rest(self):
        return self.raw(len(self.data) - self.at)

    def end(self):
        check(self.at == len(self.data), "bytes are left over")

    def byte(self):
        return self.raw(1)[0]

    def uint(self):
        value, shift = 0, 0
        while True:
            byte = self.byte()
            value |= (byte & 0x7f) << shift
            if byte < 0x80:
                check(byte != 0 or shift == 0, "number is too long")
                return value
            shift += 7

    def sint(self):
        value = self.uint()
        check(value != 1, "negative zero")
        return -(value >> 1) if value & 1 else value >> 1

    def f64(self):
        return struct.unpack(">d", self.raw(8))[0]

    def text(self):
        return self.strings[self.uint()]

    def source(self):
        return self.sources[self.uint()]

    def read_strings(self):
        self.strings = [self.raw(self.uint()).decode("utf-8") for _ in range(self.uint())]

    def read_sources(self):
        for _ in range(self.uint()):
            device = self.text()
            self.sources.append({"device": device, "boot": self.raw(8).hex()})


def read_items(content):
    reader = Reader(content)
    check(reader.byte() == 1, "batch is not version 1")
    reader.read_strings()
    reader.read_sources()
    series = [read_series(reader) for _ in range(reader.uint())]
    groups = read_groups(reader)
    column = read_series_column(reader, sum(group["count"] for group in groups))
    mantissas = {}
    waves = {"known": {}, "blocks": []}
    items = []
    for group in groups:
        for _ in range(group["count"]):
            place = column[len(items)]
            items.append(read_item(reader, group, place, series[place], mantissas, waves))
    finish_waves(reader, waves)
    reader.end()
    return items


def read_series(reader):
    kind = ["reading", "waveform", "notice"][reader.byte()]
    one = {"kind": kind, "index": reader.byte()}
    if kind == "notice":
        one["notice"] = reader.text()
        return one
    one["code"] = reader.text()
    mdc = reader.uint()
    one["mdc"] = None if mdc == 0 else mdc - 1
    one["unit"] = reader.text()
    one["path"] = reader.text()
    one["quality"] = [QUALITIES[reader.byte()] for _ in range(reader.uint())]
    if kind == "reading":
        one["form"] = reader.uint()
    else:
        one["period"] = {"ms": reader.f64(), "samples": reader.f64()}
        one["scale"] = reader.f64()
        one["offset"] = reader.f64()
        one["gap"] = reader.byte() == 1
    return one


def read_groups(reader):
    groups = [{"source": reader.uint()} for _ in range(reader.uint())]
    takes = {}
    for group in groups:
        group["take"] = takes[group["source"]] = takes.get(group["source"], 0) + reader.sint()
    time = 0
    for group in groups:
        time += reader.sint()
        group["time"] = time
    for group in groups:
        number = reader.uint()
        group["count"], flags = number // 8, number % 8
        group["clock"] = CLOCKS[flags & 3]
        group["flagged"] = flags >= 4
    times = {}
    for group in groups:
        group["deviceAt"] = None
        if group["flagged"]:
            group["deviceAt"] = times[group["source"]] = times.get(group["source"], 0) + reader.sint()
    return groups


def read_series_column(reader, count):
    column = []
    after = {}

    def add(place):
        if column:
            after[column[-1]] = place
        column.append(place)

    while len(column) < count:
        for _ in range(reader.uint()):
            add(after[column[-1]])
        if len(column) < count:
            add(reader.uint())
    check(len(column) == count, "series column is too long")
    return column


def read_item(reader, group, place, series, mantissas, waves):
    item = {"kind": series["kind"], **reader.sources[group["source"]], "take": group["take"], "index": series["index"]}
    if series["kind"] == "notice":
        item["notice"] = series["notice"]
        item["text"] = reader.text()
        item["at"] = group["time"]
        item["clock"] = group["clock"]
        item["since"] = group["time"] + reader.sint() if reader.byte() == 1 else None
        return item
    for name in ("code", "mdc", "unit", "quality", "path"):
        item[name] = series[name]
    item["clock"] = group["clock"]
    if series["kind"] == "waveform":
        for name in ("period", "scale", "offset", "gap"):
            item[name] = series[name]
        item["start"] = group["time"]
        item["samples"] = read_wave_head(reader, waves, (group["source"], place))
        return item
    item["at"] = group["time"]
    item["deviceAt"] = group["deviceAt"]
    item["value"], item["text"] = read_value(reader, series["form"], (group["source"], place), mantissas)
    return item


def read_value(reader, form, key, mantissas):
    if form == 0:
        return None, ""
    if form == 1:
        return None, reader.text()
    if form == 2:
        word = reader.text()
        return word, word
    if form == 3:
        return reader.text(), reader.text()
    if form == 4:
        return reader.f64(), reader.text()
    check(form >= 8, "form is unknown")
    zeros, decimals = divmod(form - 8, 16)
    mantissa = mantissas[key] = mantissas.get(key, 0) + reader.sint()
    digits = str(abs(mantissa)).zfill(decimals + 1)
    if decimals > 0:
        digits = digits[:-decimals] + "." + digits[-decimals:]
    text = ("-" if mantissa < 0 else "") + "0" * zeros + digits
    return float(text), text


def read_wave_head(reader, waves, key):
    """The head of a block; its samples are put into the list by finish_waves."""
    count = reader.uint()
    samples = [0] * count
    place = 0
    for _ in range(reader.uint()):
        place += reader.uint()
        for _ in range(reader.uint()):
            samples[place] = None
            place += 1
    places = [place for place, sample in enumerate(samples) if sample is not None]
    coding = reader.byte()
    known = waves["known"].get(key, 0)
    if coding == 255:
        last = 0
        for place in places:
            last += reader.sint()
            samples[place] = last
        waves["known"][key] = 0
        waves["blocks"].append((key, samples, [], None, []))
        return samples
    k, p = divmod(coding, 8)
    firsts = [reader.sint() for _ in range(max(0, [0, 1, 2, 4, 6][p] - known))]
    waves["known"][key] = min(6, known + len(places))
    waves["blocks"].append((key, samples, places, (k, p), firsts))
    return samples


def finish_waves(reader, waves):
    if all(coding is None for _, _, _, coding, _ in waves["blocks"]):
        return
    text = "".join(f"{byte:08b}" for byte in reader.rest())
    at = 0
    ends = {}
    for key, samples, places, coding, firsts in waves["blocks"]:
        if coding is None:
            ends[key] = []
            continue
        k, p = coding
        known = list(ends.get(key, []))
        for turn, place in enumerate(places):
            if turn < len(firsts):
                sample = firsts[turn] + (known[-1] if known else 0)
            else:
                ones = 0
                while ones < 23 and text[at] == "1":
                    ones += 1
                    at += 1
                if ones < 23:
                    at += 1
                    z = ones * 2**k + (int(text[at : at + k], 2) if k > 0 else 0)
                    at += k
                else:
                    z = int(text[at : at + 32], 2)
                    at += 32
                sample = z // 2 if z % 2 == 0 else -(z + 1) // 2
                if p == 1:
                    sample += known[-1]
                elif p == 2:
                    sample += 2 * known[-1] - known[-2]
                elif p == 3:
                    sample += (2 * known[-1] + known[-2] - known[-4] + 1) // 2
                elif p == 4:
                    weighted = 15 * known[-1] + 3 * known[-2] - 4 * known[-3]
                    weighted += 5 * known[-6] - 6 * known[-4] - 3 * known[-5]
                    sample += (weighted + 5) // 10
            known.append(sample)
            samples[place] = sample
        ends[key] = known[-6:]
    check(len(text) - at < 8 and "1" not in text[at:], "rests do not end")


def read_tally(content):
    reader = Reader(content)
    check(reader.byte() == 1, "tally is not version 1")
    reader.read_strings()
    salts = [reader.raw(16).hex() for _ in range(reader.uint())]
    reader.read_sources()
    shapes = []
    for _ in range(reader.uint()):
        shape = {"class": CLASSES[reader.byte()], "count": reader.byte()}
        for name in ("kept", "withheld", "refused", "dropped"):
            shape[name] = reader.uint()
        shapes.append(shape)
    count = reader.uint()
    places = [reader.uint() for _ in range(count)]
    last = {}
    numbers = []
    for place in places:
        last[place] = last.get(place, 0) + reader.sint()
        numbers.append(last[place])
    of_take = [shapes[reader.uint()] for _ in range(count)]
    digests = [struct.unpack(">I", reader.raw(4))[0] for _ in range(count)]
    rests = [reader.uint() for _ in range(count)]
    takes = [{**reader.sources[place], "take": number, **shape, "digest": digest, "rest": rest}
             for place, number, shape, digest, rest in zip(places, numbers, of_take, digests, rests)]
    gaps = [{"id": reader.text(), **reader.source(), "from": reader.uint(), "to": reader.uint(),
             "reason": reader.text(), "atMost": reader.byte() == 1, "start": reader.uint(), "end": reader.uint()}
            for _ in range(reader.uint())]
    tabs = [{**reader.source(), "take": reader.uint(), "tab": reader.text()} for _ in range(reader.uint())]
    reader.end()
    return {"version": 1, "salts": salts, "takes": takes, "gaps": gaps, "droppedTabs": tabs}


def read_gap(content):
    reader = Reader(content)
    check(reader.byte() == 1, "gap record is not version 1")
    reader.read_strings()
    gap = {"version": 1, "store": reader.raw(8).hex(), "class": CLASSES[reader.byte()], "from": reader.uint(),
           "to": reader.uint(), "reason": reader.text(), "at": reader.uint()}
    count = reader.uint()
    sequences = [gap["from"] + reader.uint() for _ in range(count)]
    items = [reader.uint() for _ in range(count)]
    gap["records"] = [{"sequence": sequence, "items": number, "salt": reader.raw(16).hex(),
                       "hash": reader.raw(32).hex()} for sequence, number in zip(sequences, items)]
    reader.end()
    return gap


def main(arguments):
    root_file, kid, key_file, epoch_file, *record_files = arguments
    with open(root_file, "rb") as file:
        root = x509.load_pem_x509_certificate(file.read())
    with open(key_file, "rb") as file:
        recipient_key = serialization.load_pem_private_key(file.read(), None)
    with open(epoch_file, "rb") as file:
        epoch = open_epoch(file.read(), root, kid, recipient_key)
    for name in record_files:
        with open(name, "rb") as file:
            for found in open_record(file.read(), root, epoch):
                print(json.dumps(found))


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except (Refused, IndexError, KeyError, TypeError, ValueError, zstandard.ZstdError) as refusal:
        print(f"refused: {type(refusal).__name__}: {refusal}", file=sys.stderr)
        sys.exit(1)
