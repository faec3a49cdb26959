"""Makes packets that lie, and looks what arrives.

forge.py send KIND JSON      sends the packets of a kind from eth0; prints how many
forge.py watch READY         prints a line for each packet with FORGED in it that eth0 receives, until one with VALID comes
forge.py marked READY PORT   prints the mark of the first datagram that port receives
forge.py datagrams ADDRESS PORT MARK[,MARK...] TEXT
"""
import fcntl
import json
import os
import socket
import struct
import sys
import time

FORGED = b"FORGED--"
FRAGMENT, ICMPV6 = 44, 58
SO_MARK, SO_RCVMARK = 36, 75
ETH_P_ALL = 3


def mac(text):
    return bytes.fromhex(text.replace(":", ""))


def own_mac():
    with socket.socket() as any_socket:
        return fcntl.ioctl(any_socket, 0x8927, struct.pack("256s", b"eth0"))[18:24]


def ip(address):
    return socket.inet_pton(socket.AF_INET6 if ":" in address else socket.AF_INET, address)


def checksum(data):
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def pseudo(source, destination, protocol, length):
    if ":" in source:
        return ip(source) + ip(destination) + struct.pack("!II", length, protocol)
    return ip(source) + ip(destination) + struct.pack("!BBH", 0, protocol, length)


def udp(source, destination, source_port, port, payload):
    length = 8 + len(payload)
    head = struct.pack("!HHHH", source_port, port, length, 0)
    check = checksum(pseudo(source, destination, 17, length) + head + payload)
    return struct.pack("!HHHH", source_port, port, length, check or 0xFFFF) + payload


def tcp(source, destination, source_port, port, flags, payload=b""):
    head = struct.pack("!HHIIBBHHH", source_port, port, 1, 1, 0x50, flags, 512, 0, 0)
    check = checksum(pseudo(source, destination, 6, len(head) + len(payload)) + head + payload)
    return head[:16] + struct.pack("!H", check) + head[18:] + payload


def icmp(source, destination, kind, code, rest):
    body = struct.pack("!BBH", kind, code, 0) + rest
    over = pseudo(source, destination, ICMPV6, len(body)) if ":" in source else b""
    return body[:2] + struct.pack("!H", checksum(over + body)) + body[4:]


def packet(source, destination, protocol, body, length=None, fragment=0, identifier=7):
    """The IP packet; length says another one than it has."""
    if ":" in source:
        length = len(body) if length is None else length
        return struct.pack("!IHBB", 6 << 28, length, protocol, 64) + ip(source) + ip(destination) + body
    length = 20 + (len(body) if length is None else length)
    head = struct.pack("!BBHHHBBH", 0x45, 0, length, identifier, fragment, 64, protocol, 0) + ip(source) + ip(destination)
    return head[:10] + struct.pack("!H", checksum(head)) + head[12:] + body


def vxlan(vni, inner, destination_mac):
    kind = b"\x86\xdd" if inner[0] >> 4 == 6 else b"\x08\x00"
    return struct.pack("!II", 0x08000000, vni << 8) + destination_mac + b"\x02\0\0\0\0\x99" + kind + inner


def spoofed(p):
    """With the addresses of a pod that policy allows, of nodes and of the world."""
    for source in p["others"]:
        for victim in p["victims"]:
            if (":" in source) == (":" in victim):
                yield packet(source, victim, 17, udp(source, victim, 5000, 80, FORGED))
                yield packet(source, victim, 6, tcp(source, victim, 5000, 80, 2, FORGED))


def mapped(p):
    for victim in p["victims"]:
        if ":" not in victim:
            for source, destination in ((f"::ffff:{p['trusted']}", p["victim6"]), (p["own6"], f"::ffff:{victim}")):
                yield packet(source, destination, 17, udp(source, destination, 5000, 80, FORGED))


def tunnelled(p):
    """What is for the tunnel port of a node, with packets of others inside."""
    for victim in p["victims"]:
        if ":" in victim:
            continue
        inner = packet(p["trusted"], victim, 17, udp(p["trusted"], victim, 5000, 80, FORGED))
        for node in p["nodes"]:
            source = p["own6"] if ":" in node else p["own"]
            for vni in (1, 7, p["trustedIdentity"]):
                yield packet(source, node, 17, udp(source, node, 50000, 8472, vxlan(vni, inner, mac(p["gateway"]))))


def fragments(p):
    """First ones whose header ends too soon (the rest is behind their length), then what would come behind them."""
    for victim in p["victims"]:
        own = p["own6"] if ":" in victim else p["own"]
        whole = tcp(own, victim, 5000, 80, 16, FORGED)
        behind = tcp(own, victim, 5000, 80, 2, FORGED)[8:]
        if ":" in victim:
            first = struct.pack("!BBHI", 6, 0, 1, 9)
            yield packet(own, victim, FRAGMENT, first + whole, length=8 + 8)
            yield packet(own, victim, FRAGMENT, first + struct.pack("!BBHI", 6, 0, 1, 9) + whole)
            yield packet(own, victim, FRAGMENT, struct.pack("!BBHI", 6, 0, 8, 9) + behind)
        else:
            yield packet(own, victim, 6, whole, length=8, fragment=0x2000)
            yield packet(own, victim, 6, behind, fragment=1)


def errors(p):
    """About connections between others."""
    for victim in p["victims"]:
        six = ":" in victim
        own, trusted = (p["own6"], p["trusted6"]) if six else (p["own"], p["trusted"])
        about = packet(victim, trusted, 17, udp(victim, trusted, 80, 5000, FORGED))
        rest = bytes(4) + about
        body = icmp(own, victim, 1 if six else 3, 3, rest)
        yield packet(own, victim, ICMPV6 if six else 1, body)


def frames(kind, p):
    ethernet = mac(p["gateway"]) + own_mac()
    for made in {"spoofed": spoofed, "mapped": mapped, "tunnelled": tunnelled, "fragments": fragments, "errors": errors}.get(
        kind, lambda _: ()
    )(p):
        yield ethernet + (b"\x86\xdd" if made[0] >> 4 == 6 else b"\x08\x00") + made
    for victim in p["victims"]:
        own = p["own6"] if ":" in victim else p["own"]
        good = packet(own, victim, 17, udp(own, victim, 5000, 80, FORGED))
        kind_of = b"\x86\xdd" if ":" in victim else b"\x08\x00"
        if kind == "mac":
            yield ethernet[:6] + mac("02:00:00:00:00:99") + kind_of + good
        elif kind == "vlan":
            for tag in (0, 5):
                yield ethernet + struct.pack("!HH", 0x8100, tag) + kind_of + good
        elif kind == "short":
            # AF_PACKET refuses what has nothing behind its Ethernet header
            for length in range(15, 14 + len(good) - len(FORGED)):
                yield (ethernet + kind_of + good)[:length]


def from_outside(p):
    """Out of the fabric, straight to a node."""
    ethernet = mac(p["node_mac"]) + own_mac()
    if p["kind"] == "node":
        for source in p["sources"]:
            yield ethernet + b"\x08\x00" + packet(source, p["victim"], 17, udp(source, p["victim"], 5000, 80, FORGED))
    else:
        for outer, source, vni in p["tunnelled"]:
            inner = packet(source, p["victim"], 17, udp(source, p["victim"], 5000, 80, FORGED))
            body = bytearray(udp(outer, p["node"], 50000, 8472, vxlan(vni, inner, mac(p["node_mac"]))))
            body[6:8] = b"\0\0"
            yield ethernet + b"\x08\x00" + packet(outer, p["node"], 17, bytes(body), fragment=0x4000)


def send(kind, parameters):
    sent = 0
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as raw:
        raw.bind(("eth0", 0))
        for frame in from_outside(parameters) if kind == "outside" else frames(kind, parameters):
            raw.send(frame)
            sent += 1
    print(sent)


def watch(ready):
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL)) as raw:
        raw.bind(("eth0", ETH_P_ALL))
        raw.settimeout(120)
        open(ready, "w").close()
        while True:
            frame, address = raw.recvfrom(65536)
            if address[2] == socket.PACKET_OUTGOING:
                continue
            if b"FORGED" in frame:
                print(frame.hex())
            if b"VALID" in frame:
                return


def marked(ready, port):
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as server:
        server.setsockopt(socket.SOL_SOCKET, SO_RCVMARK, 1)
        server.bind(("::", port))
        server.settimeout(120)
        open(ready, "w").close()
        _, ancillary, _, _ = server.recvmsg(100, 100)
        print([struct.unpack("I", data)[0] for level, kind, data in ancillary if kind == SO_MARK])


def datagrams(address, port, marks, text):
    for mark in marks:
        with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.setsockopt(socket.SOL_SOCKET, SO_MARK, struct.pack("I", mark))
            client.sendto(text.encode(), (address, port))


if __name__ == "__main__":
    what = sys.argv[1]
    if what == "send":
        send(sys.argv[2], json.loads(sys.argv[3]))
    elif what == "watch":
        watch(sys.argv[2])
    elif what == "marked":
        marked(sys.argv[2], int(sys.argv[3]))
    else:
        datagrams(sys.argv[2], int(sys.argv[3]), map(int, sys.argv[4].split(",")), sys.argv[5])
