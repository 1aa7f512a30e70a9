#!/usr/bin/env python3
"""Plants one fault after another in a small tree and sees that tidy.py finds it, there and nowhere else."""

import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

sys.dont_write_bytecode = True
HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
import rules  # noqa: E402
import tidy  # noqa: E402

CLEAN = {
    "messages/values.hpp": '#pragma once\n#include <string>\n#include <nlohmann/json.hpp>\n',
    "messages/caf_inspect.hpp": '#include <caf/all.hpp>\n#include "messages/values.hpp"\n',
    "messages/caf_types.cpp": '#include "messages/caf_inspect.hpp"\n',
    "scheduling/core.hpp": '#include <chrono>\n#include <map>\n#include "messages/values.hpp"\n',
    "scheduling/core.cpp": '#include "scheduling/core.hpp"\n'
                           '// time(nullptr) and steady_clock::now() are for actors/\n'
                           'char const* words = "rand() and \\"time(0)\\"";  /* clock_gettime */\n'
                           'int big = 1\'000\'000; instant t = event.time(); int x = rules.random();\n'
                           'auto raw = R"x(\n#include "node/main.hpp"\n)x";\n',
    "processes/keeper.cpp": '#include <sys/prctl.h>\n#include <unistd.h>\n#include "messages/values.hpp"\n',
    "store/sqlite_store.cpp": '#include <sqlite3.h>\n#include "messages/values.hpp"\n',
    "store/store.hpp": '#include "messages/values.hpp"\n',
    "stages/stage.hpp": '#include "messages/values.hpp"\n',
    "stages/stage_host.cpp": '#include "processes/keeper.hpp"\n#include "stages/stage.hpp"\n',
    "stages/cuda/device.cpp": '#include <cublas_v2.h>\n#include <cuda_runtime.h>\n#include "stages/stage.hpp"\n',
    "actors/scheduler.hpp": '#include <caf/all.hpp>\n#include "scheduling/core.hpp"\n#include "store/store.hpp"\n',
    "actors/scheduler.cpp": '#include "actors/scheduler.hpp"\nauto t = std::chrono::steady_clock::now();\n',
    "node/main.cpp": '#include <CLI/CLI.hpp>\n#include "actors/scheduler.hpp"\n#include "messages/caf_inspect.hpp"\n',
    "tests/scheduling/core_test.cpp": '#include <doctest/doctest.h>\n#include "scheduling/core.hpp"\n// TODO here is fine\n',
    "scripts/run": '#!/bin/sh\nmktemp /tmp/nsai.XXXXXX; ls ~/work "$HOME/root" https://example.org/home/page\n',
    "build/release/junk.cpp": '#include "nowhere"\n',
    "messages/longest.hpp": "\n" * rules.HEADER_LINES,
    "messages/longest.cpp": "\n" * rules.SOURCE_LINES,
    "tests/longest_test.cpp": "\n" * rules.TEST_LINES,
}

# (what is planted: path -> text, added to the clean tree; the findings expected: path, line, rule)
FAULTS = {
    "scheduling includes an actor":
        ({"scheduling/bad.cpp": '#include <map>\n#include "actors/other.hpp"\n'},
         [("scheduling/bad.cpp", 2, "folder-table")]),
    "messages includes the store":
        ({"messages/bad.cpp": '#include "store/store.hpp"\n'}, [("messages/bad.cpp", 1, "folder-table")]),
    "the core includes the simulation":
        ({"scheduling/bad.cpp": '#include "simulation/driver.hpp"\n'}, [("scheduling/bad.cpp", 1, "folder-table")]),
    "the simulation reads a clock and a file":
        ({"simulation/bad.cpp": "#include <fstream>\nauto a = std::chrono::system_clock::now();\n"},
         [("simulation/bad.cpp", line, "pure-core") for line in (1, 2)]),
    "store includes scheduling":
        ({"store/bad.cpp": '#include "scheduling/core.hpp"\n'}, [("store/bad.cpp", 1, "folder-table")]),
    "stages include the scheduling core":
        ({"stages/bad.cpp": '#include "scheduling/core.hpp"\n'}, [("stages/bad.cpp", 1, "folder-table")]),
    "stages include the store":
        ({"stages/bad.cpp": '#include "store/store.hpp"\n'}, [("stages/bad.cpp", 1, "folder-table")]),
    "processes include stages":
        ({"processes/bad.cpp": '#include "stages/stage.hpp"\n'}, [("processes/bad.cpp", 1, "folder-table")]),
    "an actor includes the program":
        ({"actors/bad.cpp": '#  include "node/config.hpp"\n'}, [("actors/bad.cpp", 1, "folder-table")]),
    "the program includes a test's support":
        ({"node/bad.cpp": '#include "tests/support/skip.hpp"\n'}, [("node/bad.cpp", 1, "folder-table")]),
    "a folder that the table does not know":
        ({"helpers/bad.cpp": '#include <map>\n'}, [("helpers/bad.cpp", 1, "folder-table")]),
    "an include upwards":
        ({"store/bad.cpp": '\n#include "../messages/values.hpp"\n'}, [("store/bad.cpp", 2, "include-form")]),
    "an include upwards from within":
        ({"store/bad.cpp": '#include "store/../messages/values.hpp"\n'}, [("store/bad.cpp", 1, "include-form")]),
    "an include beside the file":
        ({"store/bad.cpp": '#include "store.hpp"\n'}, [("store/bad.cpp", 1, "include-form")]),
    "our own header in angle brackets":
        ({"store/bad.cpp": '#include <messages/values.hpp>\n'}, [("store/bad.cpp", 1, "include-form")]),
    "CAF in a header of messages that is not for CAF":
        ({"messages/bad.hpp": '#include <caf/fwd.hpp>\n'}, [("messages/bad.hpp", 1, "library")]),
    "CAF in the store":
        ({"store/bad.cpp": '#include <caf/all.hpp>\n'}, [("store/bad.cpp", 1, "library")]),
    "CAF in the core":
        ({"scheduling/bad.cpp": '#include <caf/all.hpp>\n'}, [("scheduling/bad.cpp", 1, "library")]),
    "CAF in processes":
        ({"processes/bad.cpp": '#include <caf/all.hpp>\n'}, [("processes/bad.cpp", 1, "library")]),
    "CAF in stages through a header":
        ({"stages/bad.cpp": '#include "messages/values.hpp"\n#include "messages/caf_inspect.hpp"\n'},
         [("stages/bad.cpp", 2, "confined-library")]),
    "CAF in an ordinary message through a header":
        ({"messages/bad.cpp": '#include "messages/caf_inspect.hpp"\n'},
         [("messages/bad.cpp", 1, "confined-library")]),
    "JSON in the core":
        ({"scheduling/bad.cpp": '#include <nlohmann/json.hpp>\n'}, [("scheduling/bad.cpp", 1, "library")]),
    "POSIX in the core":
        ({"scheduling/bad.cpp": '#include <unistd.h>\n'}, [("scheduling/bad.cpp", 1, "library")]),
    "JSON in processes":
        ({"processes/bad.cpp": '#include <nlohmann/json.hpp>\n'}, [("processes/bad.cpp", 1, "library")]),
    "SQLite outside the store":
        ({"actors/bad.cpp": '#include <sqlite3.h>\n'}, [("actors/bad.cpp", 1, "library")]),
    "SQLite leaking from a header of the store":
        ({"store/bad.hpp": '#include <sqlite3.h>\n', "actors/bad.cpp": '#include "store/bad.hpp"\n'},
         [("actors/bad.cpp", 1, "confined-library")]),
    "CUDA outside stages/cuda":
        ({"stages/bad.cpp": '#include <cuda_runtime.h>\n'}, [("stages/bad.cpp", 1, "library")]),
    "NVML's header in the program":
        ({"node/bad.cpp": '#include <nvml.h>\n'}, [("node/bad.cpp", 1, "library")]),
    "CUDA leaking from stages/cuda":
        ({"stages/cuda/bad.hpp": '#include <cuda.h>\n', "stages/bad.cpp": '#include "stages/cuda/bad.hpp"\n'},
         [("stages/bad.cpp", 1, "confined-library")]),
    "a library that nobody knows":
        ({"node/bad.cpp": '#include <boost/any.hpp>\n'}, [("node/bad.cpp", 1, "library")]),
    "two headers that include each other":
        ({"store/a.hpp": '#include "store/b.hpp"\n', "store/b.hpp": '\n#include "store/a.hpp"\n'},
         [("store/b.hpp", 2, "cycle")]),
    "a header that includes itself":
        ({"store/a.hpp": '#include "store/a.hpp"\n'}, [("store/a.hpp", 1, "cycle")]),
    "threads, I/O and clocks by header in the core":
        ({"scheduling/bad.hpp": '#include <mutex>\n#include <fstream>\n#include <ctime>\n'},
         [("scheduling/bad.hpp", line, "pure-core") for line in (1, 2, 3)]),
    "clocks, threads, chance, I/O and the environment by name in the core":
        ({"scheduling/bad.cpp": "auto a = std::chrono::system_clock::now();\n"
                                "auto b = std::chrono::steady_clock::now();\n"
                                "using some = std::chrono::steady_clock; auto c = some::now();\n"
                                "auto d = std::time(nullptr);\n"
                                "auto e = time(0);\n"
                                "clock_gettime(CLOCK_REALTIME, &f);\n"
                                "std::this_thread::yield();\n"
                                "std::random_device g;\n"
                                "int h = rand();\n"
                                "std::cerr << h;\n"
                                'auto* i = getenv("X");\n'},
         [("scheduling/bad.cpp", line, "pure-core") for line in range(1, 12)]),
    "a header past its bar":
        ({"messages/bad.hpp": "\n" * (rules.HEADER_LINES + 1)},
         [("messages/bad.hpp", rules.HEADER_LINES + 1, "size")]),
    "a source past its bar":
        ({"messages/bad.cpp": "\n" * (rules.SOURCE_LINES + 1)},
         [("messages/bad.cpp", rules.SOURCE_LINES + 1, "size")]),
    "a test past its bar":
        ({"tests/bad_test.cpp": "\n" * (rules.TEST_LINES + 1)},
         [("tests/bad_test.cpp", rules.TEST_LINES + 1, "size")]),
    "unfinished work in a source, a script and a document":
        ({"node/bad.cpp": "// TODO: later\n", "scripts/bad": "# FIXME\n", "docs/bad.md": "\nXXX and HACK\n"},
         [("docs/bad.md", 2, "unfinished"), ("docs/bad.md", 2, "unfinished"), ("node/bad.cpp", 1, "unfinished"),
          ("scripts/bad", 1, "unfinished")]),
    "a path of one machine in a script, a config and a test":
        ({"scripts/bad": "cd /home/ann/nsai\n", "cluster-configs/bad.json": '{"data_dir": "/root/data"}\n',
          "tests/bad_test.cpp": '\nauto path = "/mnt/x";\n'},
         [("cluster-configs/bad.json", 1, "machine-path"), ("scripts/bad", 1, "machine-path"),
          ("tests/bad_test.cpp", 2, "machine-path")]),
}


class SelfTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = Path(folder.name)
        self.plant(CLEAN)

    def plant(self, files):
        for name, text in files.items():
            path = self.root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")

    def found(self, exceptions=()):
        findings, _ = tidy.check(self.root, exceptions)
        return [(f.path, f.line, f.rule) for f in findings]

    def run_tidy(self):
        command = [sys.executable, str(HERE / "tidy.py"), "--no-exceptions", "--root", str(self.root)]
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)

    def test_a_clean_tree_has_no_findings(self):
        self.assertEqual(self.found(), [])

    def test_each_planted_fault_is_found_and_nothing_else(self):
        for name, (files, expected) in FAULTS.items():
            with self.subTest(name):
                self.plant(files)
                self.assertEqual(self.found(), sorted(expected))
                for path in files:
                    (self.root / path).unlink()

    def test_each_rule_is_planted(self):
        planted = {rule for _, expected in FAULTS.values() for _, _, rule in expected}
        self.assertEqual(planted | {"stale-exception"}, set(rules.INSTEAD))

    def test_a_file_that_is_not_text_is_passed_over(self):
        (self.root / "scripts/tool").write_bytes(b"\x7fELF\xff\xfe TODO")
        self.assertEqual(self.found(), [])

    def test_an_exception_covers_its_file_and_rule_only(self):
        self.plant({"scripts/one": "cd /home/ann\n", "scripts/two": "cd /home/ann\n"})
        exceptions = [("scripts/one", "machine-path", "planted")]
        self.assertEqual(self.found(exceptions), [("scripts/two", 1, "machine-path")])

    def test_an_exception_that_covers_nothing_is_found(self):
        exceptions = [("scripts/none", "size", "planted")]
        self.assertEqual(self.found(exceptions), [("tests/tidy/rules.py", 1, "stale-exception")])

    def test_the_program_says_file_line_rule_and_remedy_and_exits_1(self):
        self.assertEqual(self.run_tidy().returncode, 0)
        self.plant({"store/bad.cpp": '#include "node/x.hpp"\n'})
        result = self.run_tidy()
        self.assertEqual(result.returncode, 1)
        self.assertIn("store/bad.cpp:1: [folder-table]", result.stdout)
        self.assertIn("instead: " + rules.INSTEAD["folder-table"], result.stdout)
        self.assertTrue(result.stdout.rstrip().endswith("1 finding"), result.stdout)


if __name__ == "__main__":
    unittest.main()
