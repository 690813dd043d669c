"""A guest's attempts to reach others past its filters, or as somebody else. Raw frames, each with a mark that names it.

attempts.py spoof | sneak PORT | cross | creep PORT: sends them all out of eth0, and says each one's number and name.
"""

import socket
import struct
import sys

GATEWAY, BROADCAST = bytes.fromhex("024648000001"), b"\xff" * 6
OWN, VICTIM_MAC, FRIEND_MAC = (bytes.fromhex(f"0a00000000{n:02x}") for n in (7, 5, 6))
ME, VICTIM, FRIEND, NOBODY = "172.31.0.7", "172.31.0.5", "172.31.16.6", "172.31.9.9"
UDP, TCP, ICMP = 17, 6, 1


def address(text):
    return socket.inet_aton(text)


def checksum(data):
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def ip(source, destination, protocol, payload, ttl=64, options=b"", fragment=0, number=1):
    words = 5 + len(options) // 4
    head = struct.pack("!BBHHHBBH4s4s", 0x40 | words, 0, words * 4 + len(payload), number, fragment, ttl, protocol, 0, address(source), address(destination))
    head += options
    return head[:10] + struct.pack("!H", checksum(head)) + head[12:] + payload


def udp(payload, source=5000, destination=9999):
    # Without a checksum, as UDP may be.
    return struct.pack("!HHHH", source, destination, 8 + len(payload), 0) + payload


def tcp(source, destination, payload, ends, flags=2, seq=1, ack=0):
    head = struct.pack("!HHIIBBHHH", ends[0], ends[1], seq, ack, 0x50, flags, 65535, 0, 0)
    pseudo = address(source) + address(destination) + struct.pack("!BBH", 0, TCP, len(head) + len(payload))
    return head[:16] + struct.pack("!H", checksum(pseudo + head + payload)) + head[18:] + payload


def icmp(kind, code, rest, payload):
    body = struct.pack("!BBH", kind, code, 0) + rest + payload
    return body[:2] + struct.pack("!H", checksum(body)) + body[4:]


def ethernet(payload, kind=0x0800, source=OWN, destination=GATEWAY):
    return destination + source + struct.pack("!H", kind) + payload


def arp(operation, sender_mac, sender, target, mark, ether_source=OWN, destination=BROADCAST, kind=0x0806):
    body = struct.pack("!HHBBH6s4s6s4s", 1, 0x0800, 6, 4, operation, sender_mac, address(sender), b"\0" * 6, address(target))
    return ethernet(body + mark, kind, ether_source, destination)


def ip6(payload, next_header, destination="ff02::1", source="fe80::7"):
    inet6 = lambda text: socket.inet_pton(socket.AF_INET6, text)
    return struct.pack("!IHBB", 6 << 28, len(payload), next_header, 255) + inet6(source) + inet6(destination) + payload


def dhcp(operation, kind, hardware, yours, mark):
    head = struct.pack("!BBBBIHH4s4s4s4s16s64s128s", operation, 1, 6, 0, 7, 0, 0x8000, b"", address(yours), b"", b"", hardware, b"", b"")
    return head + bytes.fromhex("63825363") + bytes([53, 1, kind, 255]) + mark


def spoofed():
    """As somebody else, or to where a guest has no business. Groups let everything pass."""
    yield "a gratuitous ARP answer for the gateway", lambda m: arp(2, OWN, "172.31.0.1", "172.31.0.1", m)
    yield "a gratuitous ARP answer for the victim", lambda m: arp(2, OWN, VICTIM, VICTIM, m)
    yield "an ARP question in the victim's name", lambda m: arp(1, OWN, VICTIM, FRIEND, m)
    yield "an ARP answer for the resolver", lambda m: arp(2, OWN, "172.31.0.2", ME, m, destination=GATEWAY)
    yield "an ARP answer for instance metadata", lambda m: arp(2, OWN, "169.254.169.254", ME, m, destination=GATEWAY)
    yield "an ARP answer with another's hardware address", lambda m: arp(2, FRIEND_MAC, ME, ME, m)
    yield "an ARP answer sent from another's hardware address", lambda m: arp(2, OWN, ME, ME, m, ether_source=VICTIM_MAC)
    yield "an ARP answer sent to the victim's hardware address", lambda m: arp(2, OWN, "172.31.0.1", VICTIM, m, destination=VICTIM_MAC)
    yield "RARP", lambda m: arp(4, OWN, VICTIM, VICTIM, m, kind=0x8035)

    plain = lambda m: ip(ME, VICTIM, UDP, udp(m))
    yield "the victim's hardware address", lambda m: ethernet(plain(m), source=VICTIM_MAC)
    yield "a neighbour's hardware address", lambda m: ethernet(plain(m), source=FRIEND_MAC)
    yield "the gateway's hardware address", lambda m: ethernet(plain(m), source=GATEWAY)
    yield "a broadcast hardware address as source", lambda m: ethernet(plain(m), source=BROADCAST)
    yield "a unicast packet broadcast", lambda m: ethernet(plain(m), destination=BROADCAST)
    yield "a frame for the victim's own hardware address", lambda m: ethernet(plain(m), destination=VICTIM_MAC)

    for name, source in [
        ("a neighbour", FRIEND), ("nobody of the VPC", NOBODY), ("the outside", "8.8.8.8"), ("the gateway", "172.31.0.1"),
        ("the resolver", "172.31.0.2"), ("instance metadata", "169.254.169.254"), ("the resolver's other address", "169.254.169.253"),
        ("the victim itself", VICTIM), ("loopback", "127.0.0.1"), ("no address", "0.0.0.0"), ("the future", "240.0.0.1"),
        ("multicast", "224.0.0.5"), ("broadcast", "255.255.255.255"), ("link-local", "169.254.1.1"), ("the host", "198.18.0.0"),
        ("the uplink", "198.19.255.255"), ("its own public address", "198.18.0.7"), ("the victim's public address", "198.18.0.5"),
        ("the host's neighbour", "203.0.113.254"),
    ]:
        yield f"UDP from {name}", lambda m, source=source: ethernet(ip(source, VICTIM, UDP, udp(m)))
    yield "TCP from a neighbour", lambda m: ethernet(ip(FRIEND, VICTIM, TCP, tcp(FRIEND, VICTIM, m, (5000, 22))))
    yield "a reset from a neighbour", lambda m: ethernet(ip(FRIEND, VICTIM, TCP, tcp(FRIEND, VICTIM, m, (22, 5000), flags=4)))
    yield "an echo from a neighbour", lambda m: ethernet(ip(FRIEND, VICTIM, ICMP, icmp(8, 0, b"\0\1\0\1", m)))
    for name, number in [("IGMP", 2), ("IPIP", 4), ("GRE", 47), ("ESP", 50), ("SCTP", 132), ("UDP-Lite", 136), ("a number that nobody has", 253)]:
        yield f"{name} from a neighbour", lambda m, number=number: ethernet(ip(FRIEND, VICTIM, number, b"\0" * 8 + m))
    yield "a UDP packet to the outside from a neighbour", lambda m: ethernet(ip(FRIEND, "203.0.113.254", UDP, udp(m)))
    yield "a UDP packet to the outside from another public address", lambda m: ethernet(ip("198.18.0.5", "203.0.113.254", UDP, udp(m)))

    whole = lambda m: udp(m + b"\0" * 32)
    yield "a first fragment from a neighbour", lambda m: ethernet(ip(FRIEND, VICTIM, UDP, whole(m)[:24], fragment=0x2000))
    yield "a last fragment from a neighbour", lambda m: ethernet(ip(FRIEND, VICTIM, UDP, m + b"\0" * 32, fragment=1))
    yield "a fragment too small for its header from a neighbour", lambda m: ethernet(ip(FRIEND, VICTIM, UDP, b"\0" * 8 + m, fragment=0x2000))
    yield "halves of a packet, one in a neighbour's name", lambda m: [
        ethernet(ip(ME, VICTIM, UDP, whole(m)[:8], fragment=0x2000, number=77)), ethernet(ip(FRIEND, VICTIM, UDP, whole(m)[8:], fragment=1, number=77))]
    route = lambda kind, via: bytes([kind, 7, 4]) + address(via) + b"\0"
    yield "loose source routing", lambda m: ethernet(ip(ME, "172.31.0.1", UDP, udp(m), options=route(131, VICTIM)))
    yield "strict source routing", lambda m: ethernet(ip(ME, "172.31.0.1", UDP, udp(m), options=route(137, VICTIM)))
    yield "source routing through the victim", lambda m: ethernet(ip(ME, VICTIM, UDP, udp(m), options=route(131, FRIEND)))

    for name, destination in [
        ("all", "255.255.255.255"), ("all of the subnet", "172.31.15.255"), ("loopback", "127.0.0.1"), ("nowhere", "0.0.0.0"),
        ("the future", "240.0.0.1"), ("link-local", "169.254.1.1"), ("the uplink", "198.19.255.255"),
    ]:
        yield f"UDP to {name}", lambda m, destination=destination: ethernet(ip(ME, destination, UDP, udp(m)))
        yield f"UDP to {name}, broadcast", lambda m, destination=destination: ethernet(ip(ME, destination, UDP, udp(m)), destination=BROADCAST)
    multicast = bytes.fromhex("01005e0000fb")
    yield "multicast", lambda m: ethernet(ip(ME, "224.0.0.251", UDP, udp(m, 5353, 5353)), destination=multicast)
    yield "multicast to the gateway's hardware address", lambda m: ethernet(ip(ME, "239.1.2.3", UDP, udp(m)))

    yield "a DHCP offer to all", lambda m: ethernet(ip(ME, "255.255.255.255", UDP, udp(dhcp(2, 2, VICTIM_MAC, NOBODY, m), 67, 68)), destination=BROADCAST)
    yield "a DHCP answer to the victim", lambda m: ethernet(ip(ME, VICTIM, UDP, udp(dhcp(2, 5, VICTIM_MAC, NOBODY, m), 67, 68)))
    yield "a DHCP answer in the gateway's name", lambda m: ethernet(ip("172.31.0.1", VICTIM, UDP, udp(dhcp(2, 5, VICTIM_MAC, NOBODY, m), 67, 68)))
    yield "a DHCP question for the victim's address", lambda m: ethernet(
        ip("0.0.0.0", "255.255.255.255", UDP, udp(dhcp(1, 1, VICTIM_MAC, "0.0.0.0", m), 68, 67)), destination=BROADCAST)

    all_nodes = bytes.fromhex("333300000001")
    advertisement = b"\x86\0\0\0\x40\0\x07\x08" + b"\0" * 8
    yield "an IPv6 router advertisement", lambda m: ethernet(ip6(advertisement + m, 58), 0x86DD, destination=all_nodes)
    yield "an IPv6 neighbour advertisement", lambda m: ethernet(ip6(b"\x88" + b"\0" * 23 + m, 58), 0x86DD, destination=all_nodes)
    yield "an IPv6 redirect", lambda m: ethernet(ip6(b"\x89" + b"\0" * 39 + m, 58), 0x86DD, destination=all_nodes)
    yield "UDP over IPv6", lambda m: ethernet(ip6(udp(m), UDP, "fe80::800:ff:fe00:5"), 0x86DD)
    yield "a DHCPv6 answer", lambda m: ethernet(ip6(udp(m, 547, 546), UDP), 0x86DD, destination=all_nodes)
    yield "IPv4 that says it is IPv6", lambda m: ethernet(plain(m), 0x86DD)

    tagged = lambda tag, inner, kind=0x8100: ethernet(struct.pack("!HH", tag, 0x0800) + inner, kind)
    yield "a VLAN", lambda m: tagged(1, plain(m))
    yield "VLAN 0 from a neighbour", lambda m: tagged(0, ip(FRIEND, VICTIM, UDP, udp(m)))
    yield "VLAN 0 with the victim's hardware address", lambda m: GATEWAY + VICTIM_MAC + tagged(0, plain(m))[12:]
    yield "a VLAN in a VLAN", lambda m: ethernet(struct.pack("!HHHH", 1, 0x8100, 2, 0x0800) + plain(m), 0x88A8)
    yield "VLAN 0 in VLAN 0 from a neighbour", lambda m: ethernet(struct.pack("!HHHH", 0, 0x8100, 0, 0x0800) + ip(FRIEND, VICTIM, UDP, udp(m)), 0x88A8)
    for name, kind, destination in [
        ("LLDP", 0x88CC, "0180c200000e"), ("EAPOL", 0x888E, "0180c2000003"), ("a pause", 0x8808, "0180c2000001"), ("MPLS", 0x8847, "024648000001"),
        ("PPPoE", 0x8864, "024648000001"), ("ATA over Ethernet", 0x88A2, "ffffffffffff"), ("a type that nobody has", 0x1234, "ffffffffffff"),
        ("a precise clock's time", 0x88F7, "011b19000000"),
    ]:
        yield name, lambda m, kind=kind, destination=destination: ethernet(b"\0" * 8 + m, kind, destination=bytes.fromhex(destination))
    yield "a spanning tree's root", lambda m: ethernet(b"\x42\x42\x03" + b"\0" * 35 + m, 38 + len(m), destination=bytes.fromhex("0180c2000000"))
    yield "a redirect in the gateway's name", lambda m: ethernet(ip("172.31.0.1", VICTIM, ICMP, icmp(5, 1, address(ME), ip(VICTIM, FRIEND, UDP, udp(m)))))
    vxlan = lambda m, vni: udp(struct.pack("!II", 0x08000000, vni << 8) + ethernet(ip(FRIEND, VICTIM, UDP, udp(m)), destination=VICTIM_MAC), 5000, 4789)
    for name, destination in [("the host", "203.0.113.1"), ("the host's end", "198.18.0.0"), ("the gateway", "172.31.0.1")]:
        yield f"VXLAN to {name}", lambda m, destination=destination: ethernet(ip(ME, destination, UDP, vxlan(m, 1)))
    for name, destination in [("the host", "203.0.113.1"), ("the host's end", "198.18.0.0"), ("the gateway", "172.31.0.1")]:
        yield f"UDP to a listener of {name}", lambda m, destination=destination: ethernet(ip(ME, destination, UDP, udp(m)))


def sneaked(port):
    """As itself, to a victim whose groups let in its friend alone, which has a connection from `port` to the victim's port 22."""
    send = lambda protocol, payload, **more: ethernet(ip(ME, VICTIM, protocol, payload, **more))
    mine = lambda m, ends, flags: send(TCP, tcp(ME, VICTIM, m, ends, flags=flags, ack=1))
    yield "UDP", lambda m: send(UDP, udp(m))
    yield "UDP like an answer of a resolver", lambda m: send(UDP, udp(m, 53, 33000))
    yield "a SYN to the friend's port", lambda m: mine(m, (5000, 22), 2)
    yield "an ACK from nowhere", lambda m: mine(m, (port, 22), 16)
    yield "a SYN and ACK", lambda m: mine(m, (22, 5000), 18)
    yield "a FIN", lambda m: mine(m, (port, 22), 1)
    yield "a reset", lambda m: mine(m, (port, 22), 4)
    yield "all flags", lambda m: mine(m, (port, 22), 63)
    yield "no flags", lambda m: mine(m, (port, 22), 0)
    yield "an echo", lambda m: send(ICMP, icmp(8, 0, b"\0\1\0\1", m))
    yield "an echo's answer", lambda m: send(ICMP, icmp(0, 0, b"\0\1\0\1", m))
    yield "a timestamp's answer", lambda m: send(ICMP, icmp(14, 0, b"\0\1\0\1", m))
    # What the victim sent to its friend, as a router on the way would quote it.
    quoted = lambda m: ip(VICTIM, FRIEND, TCP, struct.pack("!HHIIBBHHH", 22, port, 1, 1, 0x50, 16, 1000, 0, 0) + m)
    for name, kind, code, rest in [
        ("that a port is closed", 3, 3, b"\0" * 4), ("that a host is unreachable", 3, 1, b"\0" * 4), ("that packets are too big", 3, 4, b"\0\0\2\x28"),
        ("that time is exceeded", 11, 0, b"\0" * 4), ("that a parameter is bad", 12, 0, b"\0" * 4), ("of a better way", 5, 1, address(ME)),
        ("that it should slow down", 4, 0, b"\0" * 4),
    ]:
        yield f"word {name}, about the friend's connection", lambda m, kind=kind, code=code, rest=rest: send(ICMP, icmp(kind, code, rest, quoted(m)))
    other = lambda m: ip(VICTIM, NOBODY, UDP, udp(m))
    yield "word that a port is closed, about no connection", lambda m: send(ICMP, icmp(3, 3, b"\0" * 4, other(m)))
    for name, number in [("IPIP", 4), ("GRE", 47), ("ESP", 50), ("SCTP", 132), ("UDP-Lite", 136)]:
        yield name, lambda m, number=number: send(number, b"\0" * 8 + m)
    yield "IPIP with the friend inside", lambda m: send(4, ip(FRIEND, VICTIM, UDP, udp(m)))
    yield "a last fragment alone", lambda m: send(UDP, m + b"\0" * 8, fragment=3, number=70)
    yield "a first fragment alone", lambda m: send(UDP, udp(m + b"\0" * 32)[:32], fragment=0x2000, number=71)
    yield "a fragment that is overwritten by the next", lambda m: [
        send(TCP, tcp(ME, VICTIM, m, (port, 22))[:24], fragment=0x2000, number=72), send(TCP, tcp(ME, VICTIM, m, (5000, 80))[8:], fragment=1, number=72)]
    yield "its public address", lambda m: ethernet(ip(ME, "198.18.0.5", UDP, udp(m)))
    yield "its public address, like an answer", lambda m: ethernet(ip(ME, "198.18.0.5", TCP, tcp(ME, "198.18.0.5", m, (22, 5000), flags=18)))
    yield "the other VPC's public address", lambda m: ethernet(ip(ME, "198.18.0.8", UDP, udp(m)))


def crossed():
    """Over a peering from 10.1.0.7, whose interface may pass on what is of its own VPC, towards 10.2.0.5: of nobody who may be meant, or to nobody
    who may be reached."""
    me, victim, friend, third = "10.1.0.7", "10.2.0.5", "10.2.0.6", "10.3.0.9"
    for name, source in [
        ("the victim itself", victim), ("the victim's neighbour", friend), ("nobody of the peer", "10.2.9.9"), ("the peer's gateway", "10.2.0.1"),
        ("the peer's resolver", "10.2.0.2"), ("another peer's guest", third), ("the outside", "8.8.8.8"), ("instance metadata", "169.254.169.254"),
        ("the other end of the pair", "169.254.0.1"), ("a router's number", "169.254.100.1"), ("loopback", "127.0.0.1"), ("no address", "0.0.0.0"),
        ("the future", "240.0.0.1"), ("multicast", "224.0.0.5"), ("broadcast", "255.255.255.255"), ("the host", "198.18.0.0"),
        ("the uplink", "198.19.255.255"), ("its own public address", "198.18.0.7"), ("the victim's public address", "198.18.0.5"),
        ("the host's neighbour", "203.0.113.254"),
    ]:
        yield f"UDP from {name}", lambda m, source=source: ethernet(ip(source, victim, UDP, udp(m)))
        yield f"a reset from {name}", lambda m, source=source: ethernet(ip(source, victim, TCP, tcp(source, victim, m, (22, 5000), flags=4)))
        yield f"an echo from {name}", lambda m, source=source: ethernet(ip(source, victim, ICMP, icmp(8, 0, b"\0\1\0\1", m)))
    for name, destination in [
        ("another peer's guest", third), ("nobody", "10.2.9.9"), ("all of the peer", "10.2.255.255"), ("all of a subnet", "10.2.15.255"),
        ("the outside", "203.0.113.254"), ("the host", "203.0.113.1"), ("the host's end", "198.18.0.0"), ("the peer's end", "198.19.255.255"),
        ("the peer's gateway", "10.2.0.1"), ("the peer's resolver", "10.2.0.2"), ("the other end of the pair", "169.254.0.1"), ("multicast", "224.0.0.251"),
        ("broadcast", "255.255.255.255"), ("loopback", "127.0.0.1"),
    ]:
        yield f"UDP to {name}", lambda m, destination=destination: ethernet(ip(me, destination, UDP, udp(m)))
        yield f"VXLAN to {name}", lambda m, destination=destination: ethernet(
            ip(me, destination, UDP, udp(struct.pack("!II", 0x08000000, 4098 << 8) + ethernet(ip(friend, victim, UDP, udp(m))), 5000, 4789)))
    route = lambda kind, via: bytes([kind, 7, 4]) + address(via) + b"\0"
    for name, kind in [("loose", 131), ("strict", 137)]:
        yield f"{name} source routing through the peer's gateway", lambda m, kind=kind: ethernet(ip(me, "10.2.0.1", UDP, udp(m), options=route(kind, victim)))
        yield f"{name} source routing through the victim", lambda m, kind=kind: ethernet(ip(me, victim, UDP, udp(m), options=route(kind, third)))
    yield "a last fragment from the victim's neighbour", lambda m: ethernet(ip(friend, victim, UDP, m + b"\0" * 32, fragment=1))
    yield "a first fragment from the victim's neighbour", lambda m: ethernet(ip(friend, victim, UDP, udp(m + b"\0" * 32)[:24], fragment=0x2000))
    whole = lambda m: udp(m + b"\0" * 32)
    yield "halves of a packet, one in the neighbour's name", lambda m: [
        ethernet(ip(me, victim, UDP, whole(m)[:8], fragment=0x2000, number=77)), ethernet(ip(friend, victim, UDP, whole(m)[8:], fragment=1, number=77))]
    yield "time that is exceeded at the peer's", lambda m: ethernet(ip(me, victim, UDP, udp(m), ttl=2))
    yield "an IPv6 neighbour advertisement", lambda m: ethernet(ip6(b"\x88" + b"\0" * 23 + m, 58), 0x86DD)


def crept(port):
    """What is sneaked within a VPC, over a peering: from 10.1.0.7 to 10.2.0.5, whose friend is 10.1.0.8."""
    global ME, VICTIM, FRIEND, NOBODY
    ME, VICTIM, FRIEND, NOBODY = "10.1.0.7", "10.2.0.5", "10.1.0.8", "10.1.9.9"
    yield from sneaked(port)


KINDS = {"spoof": spoofed, "sneak": sneaked, "cross": crossed, "creep": crept}

if __name__ == "__main__":
    out = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    out.bind(("eth0", 0))
    for number, (name, frame) in enumerate(KINDS[sys.argv[1]](*map(int, sys.argv[2:]))):
        # It also stands where a fragment begins.
        frames = frame(f"<FREEHOLD{number:03}>".encode())
        for one in frames if isinstance(frames, list) else [frames]:
            out.send(one.ljust(60, b"\0"))
        print(number, name, flush=True)
