# SPDX-FileCopyrightText: 2026 Brushflow Authors
# SPDX-License-Identifier: GPL-3.0-or-later

import re

from reliability_page import PAGE, table


def test_the_record_becomes_rows_whatever_was_said():
    rows = [{"fault": "a pipe | in a name", "times": 3, "lost": 0, "saw": "one\nsentence."}]
    assert table(rows).splitlines()[2:] == [r"| a pipe \| in a name | 3 | 0 | one sentence. |"]


def test_the_page_says_that_no_frame_was_lost():
    rows = re.findall(r"^\| .* \| (\d+) \| (\d+) \| .* \|$", PAGE.read_text("utf-8"), re.MULTILINE)
    assert rows and all(int(times) > 0 and lost == "0" for times, lost in rows)
