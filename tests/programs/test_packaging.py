"""What timed is shipped with: systemd's units, as systemd judges them, and bash's completion."""

import os
import re
import shlex
import shutil
import tempfile

import tap
from tap import equal, run

SOURCE, BUILD = os.environ["SOURCE"], os.environ["BUILD"]
UNITS = "timed.socket", "timed.service", "timed-standalone.service"


def unit(name):
    """Its text, as it is installed, but that it runs the timed of this build."""
    configured = os.path.join(BUILD, "packaging", name)
    path = configured if os.path.exists(configured) else os.path.join(SOURCE, "packaging", name)
    with open(path, encoding="utf-8") as file:
        return re.sub(r"^(ExecStart=)/\S*/timed\b", rf"\1{tap.timed()}", file.read(), flags=re.MULTILINE)


def write(*path, text):
    os.makedirs(os.path.join(*path[:-1]), exist_ok=True)
    with open(os.path.join(*path), "w", encoding="utf-8") as file:
        file.write(text)
    os.chmod(os.path.join(*path), 0o644)  # whatever the umask is


def analyze(*arguments, drop_in=None):
    """systemd-analyze, with the units where it finds them first; drop_in is the name of one, and a text
    for it."""
    if shutil.which("systemd-analyze") is None:
        raise tap.Skip("systemd-analyze is not installed")
    with tempfile.TemporaryDirectory(prefix="units-") as directory:
        for name in UNITS:
            write(directory, name, text=unit(name))
        if drop_in is not None:
            write(directory, drop_in[0] + ".d", "override.conf", text=drop_in[1])
        environment = dict(os.environ, SYSTEMD_UNIT_PATH=directory + ":")
        return run("systemd-analyze", *arguments, cwd=directory, env=environment)


def manual():
    """What timed.8 shows, block by block."""
    with open(os.path.join(SOURCE, "docs", "timed.8"), encoding="utf-8") as file:
        return re.findall(r"^\.Bd -literal -offset indent\n(.*?)^\.Ed$", file.read(), re.DOTALL | re.MULTILINE)


def verify(drop_in=None):
    status, out, err = analyze("verify", "--man=no", *UNITS, drop_in=drop_in)
    # It may find fault with other units of the machine.
    equal([line for line in (out + err).splitlines() if re.search("timed|units-", line)], [])
    equal(status, 0)


def test_units_are_right():
    verify()


def is_safe(name, limit):
    """At most this exposed, from 0 to 10."""
    status, out, err = analyze("security", "--offline=yes", "--no-pager",
                               f"--threshold={limit * 10:.0f}", f"./{name}")
    exposure = re.search(rf"exposure level for {re.escape(name)}: (\d+\.\d)", out)
    assert exposure, out + err
    assert float(exposure[1]) <= limit and status == 0, out


def test_unit_behind_a_socket_is_safe():
    is_safe("timed.service", 0.5)


def test_unit_with_its_own_sockets_is_safe():
    is_safe("timed-standalone.service", 1.6)


def test_commands_of_the_units():
    """Their options are timed's."""
    for name in UNITS[1:]:
        command, = re.findall(r"^ExecStart=(.*)$", unit(name), re.MULTILINE)
        program, *arguments = shlex.split(command)
        equal(program, tap.timed())
        equal(run(program, *arguments, "--version")[0], 0)


def page():
    with open(os.path.join(SOURCE, "docs", "deploy.md"), encoding="utf-8") as file:
        return file.read()


def test_drop_ins_of_the_page_are_right():
    """systemd takes each."""
    found = re.findall(r"^```ini\n# /etc/systemd/system/(timed\.\w+)\.d/\S+\n(.*?)^```$", page(),
                       re.DOTALL | re.MULTILINE)
    assert len(found) >= 3, found
    for name, text in found:
        verify((name, text.replace("/usr/local/sbin/timed", tap.timed())))


def test_units_of_the_manual_page_are_right():
    units = [text.replace("/usr/local/sbin/timed", tap.timed()) for text in manual() if text.startswith("[")]
    equal(["ListenStream=37" in text for text in units], [True, False])
    if shutil.which("systemd-analyze") is None:
        raise tap.Skip("systemd-analyze is not installed")
    with tempfile.TemporaryDirectory(prefix="units-") as directory:
        for name, text in zip(UNITS, units):
            write(directory, name, text=text)
        status, out, err = run("systemd-analyze", "verify", "--man=no", *UNITS[:2], cwd=directory,
                               env=dict(os.environ, SYSTEMD_UNIT_PATH=directory + ":"))
    equal([line for line in (out + err).splitlines() if re.search("timed|units-", line)], [])
    equal(status, 0)


def test_manual_page_and_page_have_the_same_lines_for_inetd():
    def lines(text):
        return [line.split() for line in text.splitlines() if line.startswith("time ")]

    shown, = [text for text in manual() if "--inetd" in text]
    assert lines(shown), shown
    equal(lines(shown), lines(page()))


def test_commands_of_the_page():
    """Their options are those of the programs."""
    for program, path in ("timed", tap.timed()), ("timec", tap.timec()):
        commands = re.findall(rf"(?:^|[ =/`]){program}  ?(-[^`&\n]*)", page(), re.MULTILINE)
        used = {option for command in commands for option in re.findall(r"--[\w-]+", command)}
        assert used, program
        _, usage, _ = run(path, "--help")
        equal(used - set(re.findall(r"--[\w-]+", usage)), set())


def test_units_speak_of_each_other():
    for name in UNITS:
        for line in re.findall(r"^(?:Requires|After|Conflicts|Also)=(.*)$", unit(name), re.MULTILINE):
            for other in line.split():
                assert other in UNITS or other == "network.target", (name, other)


# ==================================================
# Debian
# ==================================================

def contents(*path):
    with open(os.path.join(SOURCE, *path), encoding="utf-8") as file:
        return file.read()


def test_debian_has_this_version():
    version, = re.findall(r"^  version: '(.*)',$", contents("meson.build"), re.MULTILINE)
    assert contents("debian", "changelog").startswith(f"asyncore ({version}-")


def test_debian_knows_the_versions_of_symbols():
    """Which version of the library a program needs, for each version that its functions may have."""
    versions = re.findall(r"^ASYNCORE_(\S+) {", contents("src", "libasyncore.map"), re.MULTILINE)
    symbols = re.findall(r"^ \(symver\)ASYNCORE_(\S+) (\S+)$", contents("debian", "libasyncore0.symbols"),
                         re.MULTILINE)
    equal(symbols, [(version, version + ".0") for version in versions])


# ==================================================
# bash
# ==================================================

def complete(*words):
    """What bash offers in place of the last word."""
    if shutil.which("bash") is None:
        raise tap.Skip("bash is not installed")
    script = f"""
        . {shlex.quote(os.path.join(SOURCE, "packaging", "timed.bash"))}
        COMP_WORDS=({" ".join(map(shlex.quote, words))})
        COMP_CWORD={len(words) - 1}
        function=$(complete -p {os.path.basename(words[0])} | sed 's/.*-F \\([^ ]*\\) .*/\\1/')
        $function "${{COMP_WORDS[0]}}"
        printf '%s\\n' "${{COMPREPLY[@]}}"
    """
    status, out, err = run("bash", "-euc", script)
    equal((status, err), (0, ""))
    return out.split()


def test_completion_of_options():
    for program in tap.timed(), tap.timec():
        _, usage, _ = run(program, "--help")
        lines = re.findall(r"^  +((?:--?[\w-]+,? )+)", usage, re.MULTILINE)
        options = re.findall(r"--[\w-]+", "".join(lines))
        assert len(options) >= 5, usage
        equal(complete(program, "--"), options)
        equal(complete(program, "--ver"), [o for o in options if o.startswith("--ver")])
        assert {"-h", "--help"} <= set(complete(program, "-"))
        equal(complete(program, "--nonsense"), [])


def test_completion_of_values():
    equal(complete(tap.timed(), "--user", "roo"), ["root"])
    equal(complete(tap.timed(), "--log-format", ""), ["text", "json"])
    assert "/etc" in complete(tap.timed(), "--chroot", "/et")
    assert "/etc/passwd" in complete(tap.timed(), "--metrics-file", "/etc/passw")
    equal(complete(tap.timed(), "--port", ""), [])


def test_completion_of_hosts():
    with open("/etc/hosts", encoding="utf-8") as file:
        if "localhost" not in file.read():
            raise tap.Skip("there is no localhost in /etc/hosts")
    assert "localhost" in complete(tap.timec(), "local")


tap.main()
