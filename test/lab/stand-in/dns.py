# A site's DNS server: dns.py ADDRESS DOMAIN ANSWER… Names below the domain have these addresses, and nothing else has any.
import ipaddress
import socket
import struct
import sys

host, domain, answers = sys.argv[1], sys.argv[2].lower(), [ipaddress.ip_address(one) for one in sys.argv[3:]]
family = socket.AF_INET6 if ":" in host else socket.AF_INET
server = socket.socket(family, socket.SOCK_DGRAM)
server.bind((host, 53))
while True:
    query, sender = server.recvfrom(512)
    labels, at = [], 12
    while query[at]:
        labels.append(query[at + 1 : at + 1 + query[at]].decode("latin1").lower())
        at += 1 + query[at]
    kind = struct.unpack(">H", query[at + 1 : at + 3])[0]
    known = ".".join(labels).endswith("." + domain)
    found = [one for one in answers if known and kind == {4: 1, 6: 28}[one.version]]
    head = query[:2] + struct.pack(">HHHHH", 0x8580 if known else 0x8583, 1, len(found), 0, 0)
    records = b"".join(struct.pack(">HHHIH", 0xC00C, kind, 1, 60, len(one.packed)) + one.packed for one in found)
    server.sendto(head + query[12 : at + 5] + records, sender)
