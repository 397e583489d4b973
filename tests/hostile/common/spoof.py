"""spoof.py - a datagram that claims to be from somebody else, and what is going round."""

import socket
import struct
import time

STORM = 10000  # datagrams in half a second: on a machine that has nothing else to do, a loop


def send(host, port, source):
    """Sends an empty datagram that seems to be from source; false if that is not allowed."""
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW) as peer:
            udp = struct.pack(">HHHH", source[1], port, 8, 0)
            ip = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 28, 0, 0, 64, socket.IPPROTO_UDP, 0,
                             socket.inet_aton(source[0]), socket.inet_aton(host))
            peer.sendto(ip + udp, (host, 0))
            return True
    except PermissionError:
        return False


def udp_in():
    with open("/proc/net/snmp", encoding="ascii") as file:
        names, values = [line.split() for line in file if line.startswith("Udp:")]
    return int(values[names.index("InDatagrams")])


def datagrams_in(seconds):
    """How many this machine gets in so many seconds."""
    before = udp_in()
    time.sleep(seconds)
    return udp_in() - before
