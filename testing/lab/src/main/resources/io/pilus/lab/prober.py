"""One process a pod: serves ports, and makes connections when told to.

prober.py SOCKET NAME [tcp:PORT | udp:PORT]...

A server answers each line (UDP: datagram). To one that begins with "?" it says its own name and whom it sees; after "!SECONDS COUNT" it
goes on by itself, with a line an interval; any other comes back as it is. Commands come as JSON lines over the unix socket, any number
at a time; each answer carries its command's id.
"""
import asyncio
import collections
import errno
import json
import os
import socket
import sys
import time

NAME = sys.argv[2]
loop = None
streams = {}
floods = {}
witnesses = {}
started = set()


def plain(address):
    return address[7:] if address.startswith("::ffff:") else address


def answer(line, peer):
    return f"{NAME} {plain(peer[0])} {peer[1]}\n".encode() if line.startswith(b"?") else line


class Datagrams(asyncio.DatagramProtocol):
    def connection_made(self, transport):
        self.transport = transport

    def datagram_received(self, data, peer):
        if data.startswith(b"!"):
            start(self.push(data, peer))
        else:
            self.transport.sendto(answer(data, peer), peer)

    async def push(self, data, peer):
        async for line in pushed(data):
            self.transport.sendto(line, peer)


def start(work):
    task = asyncio.ensure_future(work)
    started.add(task)
    task.add_done_callback(started.discard)


async def pushed(wish):
    interval, count = wish[1:].split()
    for i in range(int(count)):
        yield b"%d\n" % i
        await asyncio.sleep(float(interval))


async def serve_tcp(reader, writer):
    try:
        peer = writer.get_extra_info("peername")
        while line := await reader.readline():
            if line.startswith(b"!"):
                async for told in pushed(line):
                    writer.write(told)
                    await writer.drain()
            else:
                writer.write(answer(line, peer))
                await writer.drain()
    except (OSError, ValueError):
        pass
    finally:
        writer.close()


def bound(kind, port):
    sock = socket.socket(socket.AF_INET6, kind)
    sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.setblocking(False)
    sock.bind(("::", port))
    return sock


async def listen(protocol, port):
    if protocol == "tcp":
        await asyncio.start_server(serve_tcp, sock=bound(socket.SOCK_STREAM, port), backlog=1024, limit=1 << 20)
    else:
        await loop.create_datagram_endpoint(Datagrams, sock=bound(socket.SOCK_DGRAM, port))


async def connected(command):
    family = socket.AF_INET6 if ":" in command["to"] else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM if command["protocol"] == "tcp" else socket.SOCK_DGRAM)
    try:
        sock.setblocking(False)
        if command["protocol"] == "tcp":
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if command.get("sourcePort"):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.bind(("", command["sourcePort"]))
        await loop.sock_connect(sock, (command["to"], command["port"]))
        return sock
    except BaseException:
        sock.close()
        raise


async def receive(sock, protocol):
    data = await loop.sock_recv(sock, 1 << 16)
    while protocol == "tcp" and data and not data.endswith(b"\n"):
        more = await loop.sock_recv(sock, 1 << 16)
        if not more:
            break
        data += more
    if protocol == "tcp" and not data:
        raise ConnectionResetError(errno.ECONNRESET, "closed by the other end")
    return data


async def exchange(command):
    with await connected(command) as sock:
        padding = command.get("size", 0)
        line = b"?\n" if not padding else b"=" + b"x" * (padding - 2) + b"\n"
        await loop.sock_sendall(sock, line)
        data = await receive(sock, command["protocol"])
        if padding and data != line:
            return {"outcome": "FAILED", "detail": f"{len(data)} of {padding} bytes came back"}
        return {"outcome": "ANSWERED", "detail": "" if padding else data.decode().strip()}


async def attempt(work, command):
    began = time.monotonic()
    try:
        result = await asyncio.wait_for(work(command), command["timeout"])
    except (asyncio.TimeoutError, TimeoutError):
        result = {"outcome": "SILENT", "detail": ""}
    except ConnectionRefusedError:
        result = {"outcome": "REFUSED", "detail": ""}
    except OSError as e:
        unreachable = e.errno in (errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EACCES, errno.EPERM)
        result = {"outcome": "UNREACHABLE" if unreachable else "FAILED", "detail": str(e)}
    result["millis"] = (time.monotonic() - began) * 1000
    return result


class Stream:
    """A long conversation: one numbered message an interval, each to come back."""

    def __init__(self, sock, command):
        self.sock, self.command = sock, command
        self.sent = self.received = 0
        self.error = ""
        self.last = time.monotonic()
        self.gap = 0.0
        self.sending = asyncio.ensure_future(self.send())
        self.receiving = asyncio.ensure_future(self.receive())

    async def send(self):
        try:
            interval = self.command["interval"]
            if self.command["op"] == "subscribe":
                self.sent = 1
                await loop.sock_sendall(self.sock, b"!%f %d\n" % (interval, 300 / interval))
                return
            while True:
                await loop.sock_sendall(self.sock, b"%d\n" % self.sent)
                self.sent += 1
                await asyncio.sleep(interval)
        except OSError as e:
            self.error = self.error or str(e)

    async def receive(self):
        try:
            while True:
                data = await loop.sock_recv(self.sock, 1 << 16)
                if not data:
                    self.error = self.error or "closed by the other end"
                    return
                now = time.monotonic()
                self.gap = max(self.gap, now - self.last)
                self.last = now
                self.received += data.count(b"\n")
        except OSError as e:
            self.error = self.error or str(e)

    def look(self):
        gap = max(self.gap, time.monotonic() - self.last)
        return {"sent": self.sent, "received": self.received, "error": self.error, "longestGapMillis": gap * 1000}

    async def stop(self):
        self.sending.cancel()
        for _ in range(100):
            if self.received >= self.sent or self.error:
                break
            await asyncio.sleep(0.01)
        self.receiving.cancel()
        result = self.look()
        self.sock.close()
        return result


class Flood:
    """Begins something new at every step, with each address: a datagram, or a connection. Goes on where there is no interface yet."""

    def __init__(self, command):
        self.command = command
        self.sent = 0
        self.sockets = collections.deque()
        self.datagrams = {}
        self.task = asyncio.ensure_future(self.run())

    async def run(self):
        begin = self.datagram if self.command["protocol"] == "udp" else self.connection
        while True:
            for address in self.command["to"]:
                try:
                    begin(socket.AF_INET6 if ":" in address else socket.AF_INET, address)
                    self.sent += 1
                except OSError:
                    pass
            await asyncio.sleep(self.command["interval"])

    def datagram(self, family, address):
        if family not in self.datagrams:
            sock = socket.socket(family, socket.SOCK_DGRAM)
            sock.setblocking(False)
            self.datagrams[family] = sock
            if self.command.get("sourcePort"):
                sock.bind(("", self.command["sourcePort"]))
        self.datagrams[family].sendto(b"first\n", (address, self.command["port"]))

    def connection(self, family, address):
        sock = socket.socket(family, socket.SOCK_STREAM)
        self.sockets.append(sock)
        if len(self.sockets) > 64:
            self.sockets.popleft().close()
        sock.setblocking(False)
        error = sock.connect_ex((address, self.command["port"]))
        if error not in (0, errno.EINPROGRESS):
            raise OSError(error, "connect")

    def look(self):
        return {"sent": self.sent}

    def stop(self):
        self.task.cancel()
        for sock in [*self.sockets, *self.datagrams.values()]:
            sock.close()
        return self.look()


class Witness:
    """Counts what arrives in this namespace, whether or not anybody listens, on interfaces that there are and that will be."""

    EVERYTHING = 3
    OUTGOING = 4
    STATISTICS = 6

    def __init__(self):
        self.sock = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(self.EVERYTHING))
        self.sock.setsockopt(socket.SOL_SOCKET, getattr(socket, "SO_RCVBUFFORCE", 33), 1 << 24)
        self.sock.setblocking(False)
        self.counts = collections.Counter()
        self.missed = 0
        loop.add_reader(self.sock, self.read)

    def read(self, most=512):
        try:
            for _ in range(most):
                data, (device, _, kind, _, _) = self.sock.recvfrom(128)
                if kind != self.OUTGOING and device != "lo":
                    self.count(data)
        except BlockingIOError:
            pass

    def count(self, data):
        if data[0] >> 4 == 4:
            source, protocol, header = data[12:16], data[9], 4 * (data[0] & 15)
            first = not (data[6] & 31 or data[7])
        else:
            source, protocol, header, first = data[8:24], data[6], 40, True
        ports = int.from_bytes(data[header : header + 4], "big") if protocol in (6, 17) and first else 0
        self.counts[source, protocol, ports >> 16, ports & 65535] += 1

    def look(self):
        self.read(1 << 20)
        statistics = self.sock.getsockopt(getattr(socket, "SOL_PACKET", 263), self.STATISTICS, 8)
        self.missed += int.from_bytes(statistics[4:8], sys.byteorder)
        return {
            "missed": self.missed,
            "seen": [
                {
                    "source": socket.inet_ntop(socket.AF_INET6 if len(source) == 16 else socket.AF_INET, source),
                    "protocol": protocol,
                    "sourcePort": source_port,
                    "port": port,
                    "packets": count,
                }
                for (source, protocol, source_port, port), count in self.counts.items()
            ],
        }


async def open_stream(command):
    streams[command["id"]] = Stream(await connected(command), command)
    return {"outcome": "ANSWERED", "detail": ""}


async def obey(command):
    match command["op"]:
        case "probe":
            return await attempt(exchange, command)
        case "listen":
            await listen(command["protocol"], command["port"])
            return {}
        case "stream" | "subscribe":
            return await attempt(open_stream, command)
        case "flood":
            floods[command["id"]] = Flood(command)
            return {}
        case "lookFlood":
            return floods[command["flood"]].look()
        case "stopFlood":
            return floods.pop(command["flood"]).stop()
        case "witness":
            witnesses[command["id"]] = Witness()
            return {}
        case "seen":
            return witnesses[command["witness"]].look()
        case "look":
            return streams[command["stream"]].look()
        case "stop":
            return await streams.pop(command["stream"]).stop()
    return {"error": f"unknown command {command['op']}"}


async def control(reader, writer):
    running = set()

    async def one(line):
        command = json.loads(line)
        try:
            result = await obey(command)
        except Exception as e:
            result = {"error": f"{type(e).__name__}: {e}"}
        writer.write(json.dumps({**result, "id": command["id"]}).encode() + b"\n")

    while line := await reader.readline():
        task = asyncio.ensure_future(one(line))
        running.add(task)
        task.add_done_callback(running.discard)
    writer.close()


async def main():
    global loop
    loop = asyncio.get_running_loop()
    for item in sys.argv[3:]:
        protocol, port = item.split(":")
        await listen(protocol, int(port))
    await asyncio.start_unix_server(control, path=sys.argv[1] + ".new")
    os.rename(sys.argv[1] + ".new", sys.argv[1])
    await asyncio.Event().wait()


asyncio.run(main())
