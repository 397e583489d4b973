"""timed asked by clients that others wrote, as their users ask, over TCP and UDP; and timec, of
others' servers."""

import os
import re
import socket
import sys
import time

from others import (configuration, is_about_now, is_about_now_bytes, is_about_now_iso,
                    is_about_now_text, needs_ipv6, needs_option, needs_root, program, run)

import tap
from tap import Program, Timed, equal, matches

IN_UTC = dict(os.environ, TZ="UTC")


def serve(protocol="tcp", address="127.0.0.1", ahead=0):
    if protocol == "udp":
        needs_option("--udp")
    if ":" in address:
        needs_ipv6()
    return Timed(*(["--epoch-offset", str(ahead)] if ahead else []), address=address)


def good(name, *arguments, **keywords):
    """Runs a client that must be content; returns what it printed."""
    status, out, err = run(name, *arguments, **keywords)
    assert status == 0, f"{name}: exit status {status}: {out}{err}"
    return out


# ==================================================
# openrdate and busybox
# ==================================================

def ask_with_rdate(protocol, address):
    program("rdate")
    server = serve(protocol, address)
    options = ["-6" if ":" in address else "-4", "-pu" if protocol == "udp" else "-p"]
    is_about_now_text(good("rdate", *options, "-o", str(server.port), address))
    equal(server.stop(), 0)


def test_rdate():
    ask_with_rdate("tcp", "127.0.0.1")


def test_rdate_ipv6():
    ask_with_rdate("tcp", "::1")


def test_rdate_udp():
    ask_with_rdate("udp", "127.0.0.1")


def test_rdate_udp_ipv6():
    ask_with_rdate("udp", "::1")


def test_rdate_on_port_37():
    needs_root("listen on port 37")
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", 37))
        except OSError as error:
            raise tap.Skip(f"port 37: {error.strerror}") from error
    server = Program(tap.timed(), "-v", "-a", "127.0.0.1", "-p", "37")
    equal(server.line(), "listening on port 37")
    is_about_now_text(good("rdate", "-p", "127.0.0.1"))
    equal(tap.run(tap.timec(), "127.0.0.1")[0], 0)  # 37 is its default
    equal(server.stop(), 0)


def test_busybox():
    program("busybox")
    server = serve()
    is_about_now_text(good("busybox", "rdate", "-p", f"127.0.0.1:{server.port}"))
    equal(server.stop(), 0)


def test_busybox_ipv6():
    program("busybox")
    server = serve(address="::1")
    is_about_now_text(good("busybox", "rdate", "-p", f"[::1]:{server.port}"))
    equal(server.stop(), 0)


# ==================================================
# libraries of other languages
# ==================================================

def ask_with_perl(protocol):
    program("perl")
    server = serve(protocol)
    code = 'print inet_time("127.0.0.1:$ARGV[0]", $ARGV[1], 5)'
    is_about_now(int(good("perl", "-MNet::Time=inet_time", "-e", code, str(server.port), protocol)))
    equal(server.stop(), 0)


def test_perl():
    ask_with_perl("tcp")


def test_perl_udp():
    ask_with_perl("udp")  # one byte is its question


JAVA = """
import java.net.InetAddress;
import org.apache.commons.net.time.*;
int port = Integer.parseInt(bsh.args[0]);
if (bsh.args[1].equals("tcp")) {
    client = new TimeTCPClient();
    client.setDefaultTimeout(5000);
    client.connect("127.0.0.1", port);
    print(client.getTime() - TimeTCPClient.SECONDS_1900_TO_1970);
} else {
    client = new TimeUDPClient();
    client.setDefaultTimeout(5000);
    client.open();
    print(client.getTime(InetAddress.getByName("127.0.0.1"), port) - TimeUDPClient.SECONDS_1900_TO_1970);
}
"""
JARS = "/usr/share/java/commons-net.jar", "/usr/share/java/bsh.jar"


def ask_with_java(protocol):
    program("java")
    for jar in JARS:
        if not os.path.exists(jar):
            raise tap.Skip(f"needs {jar}")
    server = serve(protocol)
    with configuration(JAVA) as script:
        is_about_now(int(good("java", "-Xshare:auto", "-XX:TieredStopAtLevel=1", "-cp", ":".join(JARS),
                              "bsh.Interpreter", script.name, str(server.port), protocol)))
    equal(server.stop(), 0)


def test_java():
    ask_with_java("tcp")


def test_java_udp():
    ask_with_java("udp")


TCL = """
if {[catch {package require time} problem]} { puts "missing $problem"; exit }
if {"udp" in $argv && [catch {package require udp} problem]} { puts "missing $problem"; exit }
lassign $argv port protocol
set token [time::gettime -protocol $protocol -port $port -timeout 5000 127.0.0.1]
time::wait $token
puts "[time::status $token] [time::unixtime $token]"
"""


def ask_with_tcl(protocol):
    program("tclsh")
    server = serve(protocol)
    with configuration(TCL) as script:
        status, result = good("tclsh", script.name, str(server.port), protocol).split(maxsplit=1)
    if status == "missing":
        raise tap.Skip(result.strip())
    equal(status, "ok")
    is_about_now(int(result))
    equal(server.stop(), 0)


def test_tcllib():
    ask_with_tcl("tcp")


def test_tcllib_udp():
    ask_with_tcl("udp")  # four bytes are its question


# The client as one writes it with nothing but sockets.
PYTHON = """
import socket, struct, sys, time
with socket.create_connection(("127.0.0.1", int(sys.argv[1]))) as peer:
    data = b""
    while part := peer.recv(4):
        data += part
seconds, = struct.unpack(">I", data)
print(seconds - 2208988800 - int(time.time()))
"""


def test_python():
    server = serve()
    assert abs(int(good(sys.executable, "-c", PYTHON, str(server.port)))) <= 2
    equal(server.stop(), 0)


def test_python_udp():
    server = serve("udp")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
        peer.settimeout(tap.PATIENCE)
        for question in b"", b"\n", b"\0", b"\v\0\0\0":
            peer.sendto(question, ("127.0.0.1", server.port))
            answer, address = peer.recvfrom(64)
            equal(address, ("127.0.0.1", server.port))
            is_about_now_bytes(answer)
    equal(server.stop(), 0)


# ==================================================
# the next era: in 2036 the protocol's numbers begin anew
# ==================================================

NEW_YEAR_2040 = 2208988800


def serve_2040():
    needs_option("--epoch-offset")
    return serve(ahead=NEW_YEAR_2040 - int(time.time()))


def is_new_year_2040(text):
    assert re.search(r"\bSun Jan  1 00:0\d:\d\d (UTC )?2040\b", text), text


def test_rdate_in_2040():
    program("rdate")
    server = serve_2040()
    is_new_year_2040(good("rdate", "-p", "-o", str(server.port), "127.0.0.1", env=IN_UTC))
    equal(server.stop(), 0)


def test_busybox_in_2040():
    program("busybox")
    server = serve_2040()
    is_new_year_2040(good("busybox", "rdate", "-p", f"127.0.0.1:{server.port}", env=IN_UTC))
    equal(server.stop(), 0)


def test_timec_in_2040():
    server = serve_2040()
    is_new_year_2040(good(tap.timec(), f"127.0.0.1:{server.port}"))
    equal(server.stop(), 0)


# ==================================================
# nmap and monitoring
# ==================================================

def ask_with_nmap(protocol, *options):
    program("nmap")
    server = serve(protocol)
    out = good("nmap", "-Pn", "-n", "-p", str(server.port), *options, "--script", "+rfc868-time",
               "127.0.0.1")
    is_about_now_iso(re.search(r"^\|_rfc868-time: (\S+)$", out, re.MULTILINE)[1])
    equal(server.stop(), 0)


def test_nmap():
    ask_with_nmap("tcp", "-sT")


def test_nmap_udp():
    needs_root("scan with nmap for UDP")
    ask_with_nmap("udp", "-sU")


def test_nmap_knows_the_service():
    """It tells servers of four bytes from the faulty ones of eight."""
    program("nmap")
    server = serve()
    out = good("nmap", "-Pn", "-n", "-sV", "-p", str(server.port), "127.0.0.1")
    assert re.search(rf"^{server.port}/tcp +open +time +\(32 bits\)$", out, re.MULTILINE), out
    equal(server.stop(), 0)


def ask_with_check_time(*options):
    program("check_time")
    server = serve("udp" if options else "tcp")
    out = good("check_time", *options, "-H", "127.0.0.1", "-p", str(server.port), "-w", "2",
               "-c", "5")
    matches(out, r"TIME OK - \d second time difference\|.*\n")
    equal(server.stop(), 0)


def test_check_time():
    ask_with_check_time()


def test_check_time_udp():
    ask_with_check_time("-u")


# ==================================================
# what takes any bytes
# ==================================================

def bytes_from(server, name, *arguments, **keywords):
    command = [argument.replace("PORT", str(server.port)) for argument in arguments]
    dump = 'exec 3<&0; "$@" <&3 | od -An -v -tu1'  # for the answer is no text
    out = good("sh", "-c", dump, "sh", program(name), *command, **keywords)
    return bytes(int(byte) for byte in out.split())


def ask_for_bytes(protocol, name, *arguments, **keywords):
    program(name)
    server = serve(protocol)
    is_about_now_bytes(bytes_from(server, name, *arguments, **keywords))
    equal(server.stop(), 0)


def test_socat():
    ask_for_bytes("tcp", "socat", "-u", "TCP:127.0.0.1:PORT", "-")


def test_socat_udp():
    ask_for_bytes("udp", "socat", "-t2", "-", "UDP:127.0.0.1:PORT,shut-null")


def test_curl():
    # To Telnet some bytes are commands, which are in the time now and then; in that of 2040 they are not.
    program("curl")
    server = serve_2040()
    answer = bytes_from(server, "curl", "-s", "-m", "10", "telnet://127.0.0.1:PORT")
    equal((len(answer), answer[:3]), (4, b"\x07\x54\xfd"))
    equal(server.stop(), 0)


def test_netcat():
    ask_for_bytes("tcp", "nc.openbsd", "-d", "127.0.0.1", "PORT")


def test_netcat_udp():
    program("nc.openbsd")
    ask_for_bytes("udp", "sh", "-c", "printf x | nc.openbsd -u -w 1 127.0.0.1 PORT")


def test_bash():
    ask_for_bytes("tcp", "bash", "-c", "exec 4<>/dev/tcp/127.0.0.1/PORT; cat <&4")


def test_bash_udp():
    ask_for_bytes("udp", "bash", "-c",
                  "exec 4<>/dev/udp/127.0.0.1/PORT; printf x >&4; timeout 20 head -c 4 <&4")


# ==================================================
# timec
# ==================================================

def test_timec():
    server = serve()
    good(tap.timec(), f"127.0.0.1:{server.port}")
    equal(server.stop(), 0)


def test_timec_udp():
    server = serve("udp")
    good(tap.timec(), "--udp", "--count", "3", "--interval", "0.1", f"127.0.0.1:{server.port}")
    equal(server.stop(), 0)


tap.main()
