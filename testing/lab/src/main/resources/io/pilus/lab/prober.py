"""One process a pod: serves ports, and makes connections when told to.

prober.py SOCKET NAME [tcp:PORT | udp:PORT]...

A server answers each line (UDP: datagram). To one that begins with "?" it says its own name and whom it sees; any other comes back as
it is. Commands come as JSON lines over the unix socket, any number at a time; each answer carries its command's id.
"""
import asyncio
import errno
import json
import os
import socket
import sys
import time

NAME = sys.argv[2]
loop = None
streams = {}


def plain(address):
    return address[7:] if address.startswith("::ffff:") else address


def answer(line, peer):
    return f"{NAME} {plain(peer[0])} {peer[1]}\n".encode() if line.startswith(b"?") else line


class Datagrams(asyncio.DatagramProtocol):
    def connection_made(self, transport):
        self.transport = transport

    def datagram_received(self, data, peer):
        self.transport.sendto(answer(data, peer), peer)


async def serve_tcp(reader, writer):
    try:
        peer = writer.get_extra_info("peername")
        while line := await reader.readline():
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
            while True:
                await loop.sock_sendall(self.sock, b"%d\n" % self.sent)
                self.sent += 1
                await asyncio.sleep(self.command["interval"])
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
        case "stream":
            return await attempt(open_stream, command)
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
