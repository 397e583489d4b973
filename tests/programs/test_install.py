"""The library as a program outside of this tree finds it: installed, by pkg-config, as a meson
subproject, from C11 and C++17; and what it exports."""

import os
import re
import shlex
import shutil
import sys
import tempfile

import tap
from tap import equal, run

SOURCE, BUILD = os.environ["SOURCE"], os.environ["BUILD"]
sys.path.append(os.path.join(SOURCE, "tests"))
import mdoc  # noqa: E402

PROGRAM = """
#include <asynchat.h>
#include <stdio.h>
int main(void)
{
    struct asyncore_dispatcher d;
    if (asyncore_init(&d, &asyncore_dispatcher_class, -1, NULL) < 0 ||
        asyncore_create_socket(&d, AF_INET, SOCK_STREAM) < 0 || asyncore_map_count(NULL) != 1)
        return 1;
    asyncore_map_free(NULL);
    return puts(asyncore_version()) < 0;
}
"""


def good(*command, **keywords):
    # Some of it builds everything anew.
    status, out, err = run(*command, patience=10 * tap.PATIENCE, **keywords)
    assert status == 0, f"{' '.join(command)}: {out}{err}"
    return out


def cc():
    return os.environ["CC"].split()


def prefix():
    """The tree installed into a scratch directory, once for all tests."""
    if not hasattr(prefix, "directory"):
        prefix.directory = tempfile.TemporaryDirectory(prefix="asyncore-install-")
        root = prefix.directory.name
        build = os.path.join(root, "build")
        good("meson", "setup", build, SOURCE, "--prefix", os.path.join(root, "usr"), "--libdir", "lib",
             "-Dtests=disabled", "-Dexamples=disabled")
        good("meson", "install", "-C", build)
    return os.path.join(prefix.directory.name, "usr")


def pkg_config(*arguments):
    environment = dict(os.environ, PKG_CONFIG_PATH=os.path.join(prefix(), "lib", "pkgconfig"))
    return shlex.split(good("pkg-config", *arguments, "asyncore", env=environment))


def compile_and_run(*flags, source="program.c", compiler=None, environment=None):
    with tempfile.TemporaryDirectory() as directory:
        path = os.path.join(directory, source)
        with open(path, "w", encoding="ascii") as file:
            file.write(PROGRAM)
        program = os.path.join(directory, "program")
        good(*(compiler or cc()), "-Wall", "-Wextra", "-Wpedantic", "-Werror", path, "-o", program, *flags)
        return good(program, env=environment)


def test_installed_files():
    for path in ("include/asyncore.h", "include/asynchat.h", "lib/libasyncore.a", "lib/libasyncore.so", "lib/libasyncore.so.0",
                 "lib/pkgconfig/asyncore.pc", "sbin/timed", "bin/timec", "share/man/man8/timed.8",
                 "share/man/man1/timec.1", "lib/systemd/system/timed.socket",
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


def test_pkg_config_shared():
    environment = dict(os.environ, LD_LIBRARY_PATH=os.path.join(prefix(), "lib"))
    version, = pkg_config("--modversion")
    out = compile_and_run(*pkg_config("--cflags", "--libs"), environment=environment)
    equal(out, version + "\n")


def test_pkg_config_static():
    flags = pkg_config("--cflags", "--libs", "--static")
    compile_and_run("-static", *flags)


def test_meson_subproject():
    with tempfile.TemporaryDirectory() as directory:
        os.makedirs(os.path.join(directory, "subprojects"))
        os.symlink(SOURCE, os.path.join(directory, "subprojects", "asyncore"))
        with open(os.path.join(directory, "program.c"), "w", encoding="ascii") as file:
            file.write(PROGRAM)
        with open(os.path.join(directory, "meson.build"), "w", encoding="ascii") as file:
            file.write("project('user', 'c')\n"
                       "asyncore = dependency('asyncore', fallback: 'asyncore')\n"
                       "executable('program', 'program.c', dependencies: asyncore)\n")
        build = os.path.join(directory, "build")
        good("meson", "setup", build, directory, "--wrap-mode", "forcefallback")
        good("meson", "compile", "-C", build)
        good(os.path.join(build, "program"))
        assert not os.path.exists(os.path.join(build, "subprojects", "asyncore", "tests", "check_loop"))


def test_header_in_c11():
    compile_and_run("-std=gnu11", *pkg_config("--cflags", "--libs", "--static"), "-static")
    # the header by itself, in the strictest way
    with tempfile.TemporaryDirectory() as directory:
        path = os.path.join(directory, "header.c")
        with open(path, "w", encoding="ascii") as file:
            file.write("#include <asynchat.h>\nint unused_translation_unit;\n")
        for standard in "c11", "c17":
            good(*cc(), f"-std={standard}", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-Wconversion",
                 "-Wshadow", "-I" + os.path.join(SOURCE, "include"), "-fsyntax-only", path)


def test_header_in_cpp17():
    compiler = "clang++" if "clang" in os.environ["CC"] else "g++"
    if shutil.which(compiler) is None:
        raise tap.Skip(f"{compiler} is not installed")
    compile_and_run("-std=c++17", "-static", *pkg_config("--cflags", "--libs", "--static"),
                    source="program.cpp", compiler=[compiler])


def exported(*command):
    return {line.split()[-1] for line in good(*command).splitlines() if re.search(r" [A-Z] ", line)}


def test_exported_symbols():
    declared = set()
    for header in "asyncore.h", "asynchat.h":
        with open(os.path.join(SOURCE, "include", header), encoding="utf-8") as file:
            declared |= set(re.findall(r"^ASYNCORE_API [^;]*?\b(async\w+_\w+)(?=\(|;)", file.read(), re.MULTILINE))
    names = exported("nm", "-D", "--defined-only", os.path.join(prefix(), "lib", "libasyncore.so"))
    equal(names, declared)


def test_names_in_the_static_library():
    names = exported("nm", "-g", "--defined-only", os.path.join(prefix(), "lib", "libasyncore.a"))
    strangers = [name for name in names if not name.startswith(("asyncore_", "asynchat_"))]
    equal(strangers, [])


tap.main()
