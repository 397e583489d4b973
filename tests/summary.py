"""summary.py BUILD: counts the tests in meson's newest report, and says so in one line."""

import glob
import os
import sys
import xml.etree.ElementTree

report = max(glob.glob(os.path.join(sys.argv[1], "meson-logs", "*.junit.xml")), key=os.path.getmtime)
cases = list(xml.etree.ElementTree.parse(report).iter("testcase"))
failed = [c for c in cases if c.find("failure") is not None or c.find("error") is not None]
skipped = [c for c in cases if c.find("skipped") is not None]
print(f"{len(cases) - len(failed) - len(skipped)} passed, {len(failed)} failed, {len(skipped)} skipped")
