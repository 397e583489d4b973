"""keepalived takes the configuration of docs/deploy.md.  It is not run: that needs machines."""

from deploy import put, shown
from others import configuration, run

import tap

HERE = [
    (r"/usr/local/bin/timec\b", "/bin/true"),  # which is there
    ("script_user nobody", "script_user root"),  # or it kills itself, when it only tests
]


def check(text):
    with configuration(text) as file:
        return run("keepalived", "--config-test", "--use-file", file.name)


def test_configuration_is_right():
    tap.equal(check(put(shown("/etc/keepalived/keepalived.conf"), HERE)), (0, "", ""))


def test_it_would_tell():
    status, _, _ = check(put(shown("/etc/keepalived/keepalived.conf"), [*HERE, ("lvs_method", "lvs_metho")]))
    assert status != 0


tap.main()
