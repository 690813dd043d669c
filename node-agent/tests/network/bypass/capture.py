"""Says the mark of every attempt that it sees come in, by whatever interface; with ports also what sockets at them hear."""

import re
import select
import socket
import sys

MARK = re.compile(rb"FREEHOLD(\d\d\d)")
frames = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
frames.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
sockets = []
for port in sys.argv[1:]:
    listener = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    listener.bind(("0.0.0.0", int(port)))
    sockets.append(listener)
print("captures", flush=True)
while True:
    for ready in select.select(sockets or [frames], [], [])[0]:
        data, sender = ready.recvfrom(65536)
        if ready is frames and sender[2] == socket.PACKET_OUTGOING:
            continue
        # What a guest hears of its own is no attempt that passed.
        for number in set(MARK.findall(data)):
            print(number.decode(), sender, data.hex(), flush=True)
