"""The zip around a .pt file: records of raw bytes under one top folder.

Writing follows torch's layout: stored, not deflated; every record's data on a multiple of 64; all times zero, so that equal
objects give equal files.  Reading trusts nothing: lengths, offsets, names and sums are checked before a byte is used.
"""

import hashlib
import io
import mmap
import struct
import zipfile
import zlib

ALIGNMENT = 64
_UTF8 = 0x0800
_LIMIT = 0xFFFFFFFF
_LOCAL = struct.Struct("<4sHHHHHLLLHH")
_CENTRAL = struct.Struct("<4sHHHHHHLLLHHHHHLL")
_CORRUPT = (
    "PytorchStreamReader failed reading zip archive: {}. The file is probably damaged: not saved to the end, cut off on the "
    "way, or changed since."
)


def broken(reason):
    return RuntimeError(_CORRUPT.format(reason))


class Writer:
    """Appends records to a file object; close() writes the directory."""

    def __init__(self, file, prefix, crc=True):
        self.file, self.prefix, self.crc = file, prefix, crc
        self.at = 0
        self.records = []

    def put(self, data):
        self.file.write(data)
        self.at += len(data)

    def add(self, name, data):
        """One record: data is bytes or a buffer of bytes."""
        data = memoryview(data).cast("B")
        path = f"{self.prefix}/{name}".encode()
        size, start = len(data), self.at
        crc = zlib.crc32(data) if self.crc else 0
        extra = struct.pack("<HHQQ", 1, 16, size, size) if size >= _LIMIT else b""
        gap = -(start + _LOCAL.size + len(path) + len(extra) + 4) % ALIGNMENT
        extra += struct.pack("<2sH", b"FB", gap) + b"Z" * gap
        small = min(size, _LIMIT)
        need = 45 if size >= _LIMIT else 0
        self.put(_LOCAL.pack(b"PK\3\4", need, _UTF8, 0, 0, 0, crc, small, small, len(path), len(extra)))
        self.put(path + extra)
        self.put(data)
        self.records.append((path, crc, size, start))

    def close(self):
        """serialization_id, then the directory, always with the zip64 part."""
        if self.records:
            named = hashlib.sha1(b"\n".join(path for path, *_ in self.records)).digest()
            sums = hashlib.sha1(struct.pack(f"<{len(self.records)}L", *(record[1] for record in self.records))).digest()
            digits = "".join(f"{int.from_bytes(part[:8], 'little'):020d}" for part in (named, sums))
            self.add(".data/serialization_id", digits.encode())
        start = self.at
        for path, crc, size, offset in self.records:
            large = [n for n in (size, size, offset) if n >= _LIMIT]
            extra = struct.pack(f"<HH{len(large)}Q", 1, 8 * len(large), *large) if large else b""
            need = 45 if large else 0
            small = min(size, _LIMIT)
            head = (b"PK\1\2", need, need, _UTF8, 0, 0, 0, crc, small, small, len(path), len(extra), 0, 0, 0, 0)
            self.put(_CENTRAL.pack(*head, min(offset, _LIMIT)) + path + extra)
        count, size, end = len(self.records), self.at - start, self.at
        self.put(struct.pack("<4sQHHLLQQQQ", b"PK\6\6", 44, 45, 45, 0, 0, count, count, size, start))
        self.put(struct.pack("<4sLQL", b"PK\6\7", 0, end, 1))
        few, short, near = min(count, 0xFFFF), min(size, _LIMIT), min(start, _LIMIT)
        self.put(struct.pack("<4sHHHHLLH", b"PK\5\6", 0, 0, few, few, short, near, 0))


class Reader:
    """The records of a zip, each a span of the file's bytes.

    `mapped` keeps the whole file as a private map, whose pages are read when touched and copied when written.
    """

    def __init__(self, file, check_crc=True, mapped=False, shared=False):
        self.file, self.check_crc = file, check_crc
        self.length = file.seek(0, io.SEEK_END)
        self.map = mmap.mmap(file.fileno(), self.length, access=mmap.ACCESS_WRITE if shared else mmap.ACCESS_COPY) if mapped else None
        try:
            infos = zipfile.ZipFile(file).infolist()
        except (zipfile.BadZipFile, struct.error, ValueError, OverflowError, UnicodeDecodeError, NotImplementedError) as error:
            raise broken(f"failed finding central directory ({error})") from None
        if not infos:
            raise broken("it has no records")
        self.prefix, slash, _ = infos[0].filename.partition("/")
        if not slash:
            raise broken(f"file in archive is not in a subdirectory: {infos[0].filename}")
        self.spans = {}
        for info in infos:
            self.enter(info)
        self.refuse_overlaps()

    def enter(self, info):
        """Note where a record's bytes are, once the local header agrees with the directory."""
        if info.compress_type != zipfile.ZIP_STORED or info.compress_size != info.file_size:
            raise broken(f"{info.filename} is compressed; a checkpoint's records are stored as they are")
        if info.flag_bits & 1:
            raise broken(f"{info.filename} is encrypted")
        if info.filename in self.spans:
            raise broken(f"{info.filename} is there twice")
        if not 0 <= info.header_offset <= self.length - _LOCAL.size:
            raise broken(f"{info.filename} lies outside the file")
        self.file.seek(info.header_offset)
        head = _LOCAL.unpack(self.file.read(_LOCAL.size))
        start = info.header_offset + _LOCAL.size + head[9] + head[10]
        if head[0] != b"PK\3\4" or start + info.file_size > self.length:
            raise broken(f"{info.filename} lies outside the file")
        if self.file.read(head[9]) != info.orig_filename.encode("utf-8" if info.flag_bits & _UTF8 else "cp437"):
            raise broken(f"{info.filename} has another name in its own header")
        self.spans[info.filename] = (info.header_offset, start, info.file_size, info.CRC)

    def refuse_overlaps(self):
        end = 0
        for name, (header, start, size, _) in sorted(self.spans.items(), key=lambda item: item[1]):
            if header < end:
                raise broken(f"{name} overlaps another record")
            end = start + size

    def __contains__(self, name):
        return f"{self.prefix}/{name}" in self.spans

    def size(self, name):
        return self.span(name)[2]

    def span(self, name):
        try:
            return self.spans[f"{self.prefix}/{name}"]
        except KeyError:
            raise broken(f"file not found: {self.prefix}/{name}") from None

    def read(self, name):
        """A record as bytes; for the small ones."""
        data = bytearray(self.size(name))
        self.read_into(name, memoryview(data))
        return bytes(data)

    def read_into(self, name, buffer):
        """A record into a buffer of its size."""
        _, start, size, crc = self.span(name)
        self.file.seek(start)
        done = 0
        while done < size:
            got = self.file.readinto(buffer[done:])
            if not got:
                raise broken(f"{name} is cut off")
            done += got
        if self.check_crc and crc and zlib.crc32(buffer) != crc:  # 0: whoever wrote it left the sum out
            raise broken(f"{name} does not match its check sum")
