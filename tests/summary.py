"""summary.py BUILD: counts the tests in meson's newest report, and says so in one line."""

import glob
import os
import sys
import xml.etree.ElementTree

reports = glob.glob(os.path.join(sys.argv[1], "meson-logs", "*.junit.xml"))
cases = [case for report in reports
         for case in xml.etree.ElementTree.parse(report).iter("testcase")]
if not cases:
    sys.exit("no test was run: see meson test --list")
failed = [c for c in cases if c.find("failure") is not None or c.find("error") is not None]
skipped = [c for c in cases if c.find("skipped") is not None]
print(f"{len(cases) - len(failed) - len(skipped)} passed, {len(failed)} failed, {len(skipped)} skipped")
