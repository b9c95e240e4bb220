"""How a batch crosses from a worker process to the loader.

Two ends of a stream socket. A message is an 8-byte length and a pickle; the bytes of large tensors and arrays stay
out of the pickle and travel in a *slot*, a piece of anonymous shared memory (memfd) that the worker makes and the
loader maps once, its descriptor passed over the same socket. Tensors on the loader's side are views of the slot;
when the last of them is gone the slot's number goes back to the worker with the next request, and the memory is used
again. So nothing is allocated and nothing copied twice per batch, /dev/shm and its limits play no part, and no
descriptor stays open. Where memfd is not there, the bytes travel inside the message.

The loader's end never blocks: a worker that dies in the middle of a message is seen as the end of the stream.
"""

import collections
import io
import mmap
import os
import pickle
import socket
import struct
import weakref

import numpy as np

import rushlight as rl

HAVE_SLOTS = hasattr(os, "memfd_create") and hasattr(socket, "recv_fds")
SMALL = 4096         # bytes below which an array stays inside the pickle
ALIGN = 64
LENGTH = struct.Struct("=Q")
RECEIVE = 1 << 20
KEEP_FREE = 4        # idle slots a worker keeps

# Pickling ------------------------------------------------------------------------------------------------------------


def _rebuild_tensor(array, narrow, requires_grad):
    if not array.flags.writeable:
        array = array.copy()
    tensor = rl.from_numpy(array)
    if narrow:
        tensor = tensor.to(rl.bfloat16)
    return tensor.requires_grad_() if requires_grad else tensor


def _reduce_tensor(tensor):
    if tensor.requires_grad and not tensor.is_leaf:
        raise RuntimeError("Cowardly refusing to serialize non-leaf tensor which requires_grad: a data set should "
                           "return tensor.detach(), because the graph cannot cross to the main process")
    plain = tensor.detach().contiguous()
    narrow = plain.dtype == rl.bfloat16  # which NumPy has not; float32 holds its values exactly
    return _rebuild_tensor, ((plain.float() if narrow else plain).numpy(), narrow, tensor.requires_grad)


class _Pickler(pickle.Pickler):
    """Tensors become NumPy arrays, whose bytes pickle 5 hands out of band."""

    def reducer_override(self, obj):
        if type(obj) is rl.Tensor:
            return _reduce_tensor(obj)
        return NotImplemented


def dump(obj):
    """(pickle bytes, list of memoryviews that did not go into it)."""
    buffers = []

    def outside(buffer):
        view = buffer.raw()
        if view.nbytes < SMALL or not HAVE_SLOTS:
            return True
        buffers.append(view)
        return False

    file = io.BytesIO()
    _Pickler(file, protocol=5, buffer_callback=outside).dump(obj)
    return file.getvalue(), buffers


# The worker's end ----------------------------------------------------------------------------------------------------


class _Slot:
    def __init__(self, nbytes):
        self.size = -(-nbytes // mmap.PAGESIZE) * mmap.PAGESIZE
        self.fd = os.memfd_create("rushlight-batch", os.MFD_CLOEXEC)
        os.ftruncate(self.fd, self.size)
        self.map = mmap.mmap(self.fd, self.size)

    def close(self):
        self.map.close()
        if self.fd >= 0:
            os.close(self.fd)


class WorkerEnd:
    """Blocking requests in, batches out."""

    def __init__(self, sock):
        self.sock = sock
        self.slots = {}
        self.free = []
        self.next_id = 0

    def receive(self, timeout):
        """The next request, None after `timeout` seconds of silence; EOFError when the loader has gone."""
        self.sock.settimeout(timeout)
        try:
            head = self.sock.recv(LENGTH.size)
        except TimeoutError:
            return None
        if not head:
            raise EOFError
        self.sock.settimeout(None)
        head += self._exactly(LENGTH.size - len(head))
        freed, request = pickle.loads(self._exactly(LENGTH.unpack(head)[0]))
        self.free.extend(freed)
        return request

    def _exactly(self, count):
        data = bytearray()
        while len(data) < count:
            piece = self.sock.recv(min(count - len(data), RECEIVE))
            if not piece:
                raise EOFError
            data += piece
        return bytes(data)

    def send(self, tag, parcel):
        """Send what `dump` made, under `tag`."""
        payload, buffers = parcel
        spans, total = [], 0
        for view in buffers:
            spans.append((total, view.nbytes))
            total += -(-view.nbytes // ALIGN) * ALIGN
        slot_id, fresh = self._take(total) if total else (None, False)
        for (start, nbytes), view in zip(spans, buffers):
            self.slots[slot_id].map[start:start + nbytes] = view
        dropped = self._trim()
        size = self.slots[slot_id].size if fresh else 0
        message = pickle.dumps((tag, slot_id, size, spans, dropped, payload), protocol=5)
        message = LENGTH.pack(len(message)) + message
        if fresh:
            slot = self.slots[slot_id]
            sent = socket.send_fds(self.sock, [message], [slot.fd])
            os.close(slot.fd)
            slot.fd = -1
            message = memoryview(message)[sent:]
        self.sock.sendall(message)

    def _take(self, nbytes):
        """(id, is new) of a slot that holds `nbytes`: the smallest idle one that does and wastes less than half."""
        fitting = [i for i in self.free if nbytes <= self.slots[i].size <= 2 * nbytes + mmap.PAGESIZE]
        if fitting:
            slot_id = min(fitting, key=lambda i: self.slots[i].size)
            self.free.remove(slot_id)
            return slot_id, False
        slot_id = self.next_id
        self.next_id += 1
        self.slots[slot_id] = _Slot(nbytes)
        return slot_id, True

    def _trim(self):
        dropped = []
        while len(self.free) > KEEP_FREE:
            slot_id = self.free.pop(0)
            self.slots.pop(slot_id).close()
            dropped.append(slot_id)
        return dropped


# The loader's end ----------------------------------------------------------------------------------------------------


class LoaderEnd:
    """One worker as the loader sees it: `post` requests, `pump` when the socket is ready, `load` what came."""

    def __init__(self, sock):
        sock.setblocking(False)
        self.sock = sock
        self.outbox = bytearray()
        self.inbox = bytearray()
        self.fds = []
        self.maps = {}
        self.freed = collections.deque()  # numbers of slots to give back; finalisers add to it at any time

    def fileno(self):
        return self.sock.fileno()

    def post(self, request):
        freed = [self.freed.popleft() for _ in range(len(self.freed))]
        message = pickle.dumps((freed, request), protocol=5)
        self.outbox += LENGTH.pack(len(message))
        self.outbox += message
        self.flush()

    def flush(self):
        """Write what the socket takes. A worker that has gone is noticed when reading."""
        try:
            while self.outbox:
                del self.outbox[:self.sock.send(self.outbox)]
        except BlockingIOError:
            pass
        except (BrokenPipeError, ConnectionResetError):
            self.outbox.clear()

    def pump(self):
        """(messages that are complete, whether the stream goes on)."""
        alive = True
        try:
            while alive:
                data, fds = self._receive()
                self.fds.extend(fds)
                self.inbox += data
                alive = bool(data)
                if len(data) < RECEIVE:
                    break
        except BlockingIOError:
            pass
        except ConnectionResetError:
            alive = False
        return list(self._complete()), alive

    def _receive(self):
        if not HAVE_SLOTS:
            return self.sock.recv(RECEIVE), ()
        data, fds, _, _ = socket.recv_fds(self.sock, RECEIVE, 16)
        return data, fds

    def _complete(self):
        while len(self.inbox) >= LENGTH.size:
            length, = LENGTH.unpack_from(self.inbox)
            end = LENGTH.size + length
            if len(self.inbox) < end:
                return
            message = pickle.loads(memoryview(self.inbox)[LENGTH.size:end].tobytes())
            del self.inbox[:end]
            yield self._map(message)

    def _map(self, message):
        tag, slot_id, new_size, spans, dropped, payload = message
        if new_size:
            fd = self.fds.pop(0)
            self.maps[slot_id] = mmap.mmap(fd, new_size)
            os.close(fd)
        for old in dropped:
            self.maps.pop(old, None)
        return tag, slot_id, spans, payload

    def load(self, slot_id, spans, payload):
        """The object a message carries; its tensors hold the slot until the last of them is gone."""
        if slot_id is None:
            return pickle.loads(payload)
        root = np.frombuffer(self.maps[slot_id], dtype=np.uint8)
        weakref.finalize(root, self.freed.append, slot_id).atexit = False
        views = [root[start:start + nbytes] for start, nbytes in spans]
        return pickle.loads(payload, buffers=views)

    def discard(self, slot_id):
        """Give back the slot of a message that nobody will load."""
        if slot_id is not None:
            self.freed.append(slot_id)

    def close(self):
        """End the stream for the worker too, whoever else holds a copy of the socket; maps go with the tensors
        that use them."""
        for fd in self.fds:
            os.close(fd)
        self.fds.clear()
        self.maps.clear()
        try:
            self.sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass  # the worker went first
        self.sock.close()
