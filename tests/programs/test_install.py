"""The library as a program outside of this tree finds it: installed, by pkg-config, by CMake, as a
meson subproject, from C11 and C++17; and what it exports."""

import functools
import os
import re
import shlex
import shutil
import signal
import sys
import tempfile
import threading

import tap
from tap import equal, run

SOURCE, BUILD = os.environ["SOURCE"], os.environ["BUILD"]
sys.path.append(os.path.join(SOURCE, "tests"))
import mdoc  # noqa: E402

OUTSIDE = os.path.join(SOURCE, "tests", "outside")  # its programs


def good(*command, **keywords):
    # Some of it builds everything anew.
    status, out, err = run(*command, patience=10 * tap.PATIENCE, **keywords)
    assert status == 0, f"{' '.join(command)}: {out}{err}"
    return out


def cc():
    return os.environ["CC"].split()


@functools.cache
def scratch_directory():
    return tempfile.TemporaryDirectory(prefix="asyncore-install-")


def scratch():
    return scratch_directory().name


@functools.cache
def prefix():
    """The tree installed into a scratch directory, once for all tests."""
    build = os.path.join(scratch(), "build")
    usr = os.path.join(scratch(), "usr")
    good("meson", "setup", build, SOURCE, "--prefix", usr, "--libdir", "lib",
         "-Dtests=disabled", "-Dexamples=disabled")
    good("meson", "install", "-C", build)
    return usr


def pkg_config(*arguments):
    environment = dict(os.environ, PKG_CONFIG_PATH=os.path.join(prefix(), "lib", "pkgconfig"))
    return shlex.split(good("pkg-config", *arguments, "asyncore", env=environment))


def version():
    return pkg_config("--modversion")[0]


def says_its_version(program, environment=None):
    equal(good(program, env=environment), version() + "\n")


def wants_the_shared_library(program):
    return "libasyncore.so" in good("readelf", "-d", program)


def compile_outside(directory, source, *flags, compiler=None):
    program = os.path.join(directory, "program")
    good(*(compiler or cc()), "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-o", program,
         os.path.join(OUTSIDE, source), *flags)
    return program


def cxx():
    compiler = "clang++" if "clang" in os.environ["CC"] else "g++"
    if shutil.which(compiler) is None:
        raise tap.Skip(f"{compiler} is not installed")
    return [compiler, "-std=c++17"]


# ==================================================
# What is installed
# ==================================================

def test_installed_files():
    headers = [f"include/{name}" for name in mdoc.HEADERS]
    for path in (*headers, "lib/libasyncore.a", "lib/libasyncore.so",
                 "lib/libasyncore.so.0", "lib/pkgconfig/asyncore.pc", "lib/cmake/asyncore/asyncoreConfig.cmake",
                 "lib/cmake/asyncore/asyncoreConfigVersion.cmake", "sbin/timed", "bin/timec",
                 "share/man/man8/timed.8", "share/man/man1/timec.1", "lib/systemd/system/timed.socket",
                 "lib/systemd/system/timed.service", "lib/systemd/system/timed-standalone.service",
                 "share/bash-completion/completions/timed", "share/bash-completion/completions/timec"):
        assert os.path.exists(os.path.join(prefix(), path)), path


def test_installed_manual_pages():
    """One for each name, though most are links."""
    for page in mdoc.pages():
        for name in page.names:
            path = os.path.join(prefix(), f"share/man/man{page.section}", f"{name}.{page.section}")
            with open(path, encoding="utf-8") as file:
                equal(file.read(), page.text)


def test_installed_units_run_what_is_installed():
    for name in "timed.service", "timed-standalone.service":
        with open(os.path.join(prefix(), "lib/systemd/system", name), encoding="utf-8") as file:
            program = re.search(r"^ExecStart=(\S+)", file.read(), re.MULTILINE)[1]
        equal(program, os.path.join(prefix(), "sbin/timed"))


def test_soname():
    dynamic = good("readelf", "-d", os.path.join(prefix(), "lib", "libasyncore.so"))
    equal(re.findall(r"soname: \[(.*)\]", dynamic), ["libasyncore.so.0"])


def symbols(*command):
    return {line.split()[-1] for line in good(*command).splitlines() if re.search(r" [B-Z] ", line)}


def test_exported_symbols():
    """Those of the headers, each with a version, and no others."""
    declared = set(re.findall(r"^ASYNCORE_API [^;]*?\b(async\w+_\w+)(?=\(|;)", mdoc.headers(), re.MULTILINE))
    equal({name for name in declared if "__" in name}, set())
    exported = symbols("nm", "-D", "--defined-only", os.path.join(prefix(), "lib", "libasyncore.so"))
    equal(exported, {name + "@@ASYNCORE_0.1" for name in declared})


def test_names_in_the_static_library():
    names = symbols("nm", "-g", "--defined-only", os.path.join(prefix(), "lib", "libasyncore.a"))
    equal([name for name in names if not name.startswith(("asyncore_", "asynchat_"))], [])


# ==================================================
# How it is used
# ==================================================

def test_pkg_config_shared():
    environment = dict(os.environ, LD_LIBRARY_PATH=os.path.join(prefix(), "lib"))
    with tempfile.TemporaryDirectory() as directory:
        program = compile_outside(directory, "program.c", *pkg_config("--cflags", "--libs"))
        assert wants_the_shared_library(program)
        says_its_version(program, environment)


def test_pkg_config_static():
    flags = pkg_config("--cflags", "--libs", "--static")
    assert "-pthread" in flags, flags
    with tempfile.TemporaryDirectory() as directory:
        says_its_version(compile_outside(directory, "program.c", "-static", *flags))


def test_meson_subproject():
    """The library is built, shared or static as is asked for, and nothing else of the tree."""
    with tempfile.TemporaryDirectory() as directory:
        os.makedirs(os.path.join(directory, "subprojects"))
        os.symlink(SOURCE, os.path.join(directory, "subprojects", "asyncore"))
        for name in "program.c", "meson.build":
            shutil.copy(os.path.join(OUTSIDE, name), directory)
        build = os.path.join(directory, "build")
        good("meson", "setup", build, directory, "--wrap-mode", "forcefallback")
        good("meson", "compile", "-C", build)
        for name in "program", "program_static":
            says_its_version(os.path.join(build, name))
            equal(wants_the_shared_library(os.path.join(build, name)), name == "program")
        built = os.listdir(os.path.join(build, "subprojects", "asyncore"))
        equal({"dispatchers", "examples", "tests"} & set(built), set())


@functools.cache
def cmake():
    """tests/outside built by CMake, once for all tests, against an installation that has been moved,
    for it must be found wherever it is.  The directory, and which versions find_package() took."""
    if shutil.which("cmake") is None:
        raise tap.Skip("cmake is not installed")
    moved = os.path.join(scratch(), "moved")
    build = os.path.join(scratch(), "cmake")
    shutil.copytree(prefix(), moved, symlinks=True)
    # With ninja, which is here anyway: there may be no make.
    out = good("cmake", "-G", "Ninja", "-S", OUTSIDE, "-B", build, "-DCMAKE_PREFIX_PATH=" + moved,
               "-DVERSIONS=" + ";".join([*fitting_versions(), *other_versions()]))
    good("cmake", "--build", build)
    return build, re.findall(r"^-- asyncore (\S+): (\w+)", out, re.MULTILINE)


def fitting_versions():
    major, minor, _ = map(int, version().split("."))
    return [f"{major}", f"{major}.{minor}", version(), f"{major}...{major + 1}", f"{major}...{version()}"]


def other_versions():
    major, minor, patch = map(int, version().split("."))
    return [f"{major}.{minor}.{patch + 1}", f"{major}.{minor + 1}", f"{major + 1}", f"{major}...<{version()}",
            f"{major + 1}...{major + 2}"]


def test_cmake():
    build, _ = cmake()
    for name in "program", "program_static":
        says_its_version(os.path.join(build, name))
        equal(wants_the_shared_library(os.path.join(build, name)), name == "program")


def test_cmake_versions():
    """find_package() takes the versions that this one can stand for, and no others."""
    _, found = cmake()
    equal(found, [(wanted, "1") for wanted in fitting_versions()] + [(wanted, "0") for wanted in other_versions()])


def test_header_in_c11():
    flags = pkg_config("--cflags", "--libs", "--static")
    with tempfile.TemporaryDirectory() as directory:
        compile_outside(directory, "program.c", "-std=gnu11", "-static", *flags)

def strictly(directory, name, *compiler):
    """A header by itself, in the strictest way."""
    path = os.path.join(directory, "header.c")
    with open(path, "w", encoding="ascii") as file:
        file.write(f"#include <{name}>\nint unused_translation_unit;\n")
    good(*compiler, "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-Wconversion", "-Wshadow",
         "-I" + os.path.join(SOURCE, "include"), "-fsyntax-only", path)


def test_headers_alone():
    with tempfile.TemporaryDirectory() as directory:
        for name in mdoc.HEADERS:
            for standard in "c11", "c17":
                strictly(directory, name, *cc(), f"-std={standard}")


def test_headers_alone_in_cpp17():
    with tempfile.TemporaryDirectory() as directory:
        for name in mdoc.HEADERS:
            strictly(directory, name, *cxx(), "-x", "c++")


def echo(port, data):
    """Sends data to an echo server, and gives back what comes."""
    peer = tap.connect(port)
    sender = threading.Thread(target=peer.sendall, args=(data,))
    sender.start()
    answer = b""
    while len(answer) < len(data):
        part = peer.recv(65536)
        assert part, f"it ended after {len(answer)} bytes"
        answer += part
    sender.join()
    peer.close()
    return answer


def test_cpp17():
    """A server whose dispatchers are C++'s serves."""
    flags = pkg_config("--cflags", "--libs", "--static")
    port = tap.free_port()
    data = os.urandom(1 << 20)
    with tempfile.TemporaryDirectory() as directory:
        program = compile_outside(directory, "echo_server.cpp", "-static", *flags, compiler=cxx())
        server = tap.Program(program, str(port))
        tap.reset(tap.connect_when_up(port))
        for _ in range(2):
            assert echo(port, data) == data
        equal(server.stop(), -signal.SIGTERM)


tap.main()
