"""What tests/tidy checks: the folder table, the libraries of each folder, the bars and the banned words.

To allow something new, change the table here and say why in an ADR (docs/adr/); to allow one file one
thing, add an exception with its reason at the end.
"""

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Folder:
    uses: tuple  # folders whose headers it may include, besides its own
    libraries: tuple  # names from LIBRARIES


ALL = ("messages", "scheduling", "simulation", "processes", "devices", "store", "stages", "stages/cuda", "actors",
       "node")
EVERYTHING = ("std", "POSIX", "nlohmann_json", "fmt", "spdlog", "CAF", "OpenSSL", "CLI11", "SQLite",
              "cpp-httplib", "robin-map")

# The design's folder table. Longer names are looked up first, so that stages/cuda is its own row.
FOLDERS = {
    "messages": Folder((), ("std", "nlohmann_json")),  # CAF: only in CAF_IN_MESSAGES
    "scheduling": Folder(("messages",), ("std", "robin-map")),  # less PURE_HEADERS_BANNED
    "simulation": Folder(("messages", "scheduling"), ("std",)),  # as pure as scheduling
    "processes": Folder(("messages",), ("std", "POSIX")),
    "devices": Folder((), ("std", "POSIX")),
    "store": Folder(("messages",), ("std", "POSIX", "nlohmann_json", "fmt", "spdlog", "SQLite")),
    "stages": Folder(("messages", "processes", "stages/cuda"),
                     ("std", "POSIX", "nlohmann_json", "fmt", "spdlog", "OpenSSL")),
    "stages/cuda": Folder(("messages", "stages"),
                          ("std", "POSIX", "nlohmann_json", "fmt", "spdlog", "CUDA")),
    "actors": Folder(("messages", "scheduling", "processes", "devices", "store", "stages"),
                     ("std", "POSIX", "nlohmann_json", "fmt", "spdlog", "CAF", "OpenSSL")),
    "node": Folder(ALL, ("std", "POSIX", "nlohmann_json", "fmt", "spdlog", "CAF", "OpenSSL", "CLI11",
                         "cpp-httplib")),
    "tests": Folder(ALL + ("bench", "examples"), EVERYTHING + ("doctest",)),
    "bench": Folder(ALL, EVERYTHING),
    "tests/cuda": Folder(ALL + ("tests",), EVERYTHING + ("doctest", "CUDA")),
    "bench/cuda": Folder(ALL, EVERYTHING + ("CUDA",)),
    "examples": Folder(ALL, EVERYTHING),
}

# The header in angle brackets tells the library; the first match counts.
LIBRARIES = (
    ("CAF", re.compile(r"caf/")),
    ("nlohmann_json", re.compile(r"nlohmann/")),
    ("fmt", re.compile(r"fmt/")),
    ("robin-map", re.compile(r"tsl/robin_map\.h$")),
    ("spdlog", re.compile(r"spdlog/")),
    ("SQLite", re.compile(r"sqlite3(ext)?\.h$|SQLiteCpp/")),
    ("OpenSSL", re.compile(r"openssl/")),
    ("CLI11", re.compile(r"CLI/")),
    ("doctest", re.compile(r"doctest(/|\.h$)")),
    ("cpp-httplib", re.compile(r"httplib\.h$")),
    ("CUDA", re.compile(r"(cuda|cublas|cudnn|cufft|curand|cusolver|cusparse|nccl|nvml|nvrtc|nvtx3|nvToolsExt)"
                        r"\w*(\.h(pp)?$|/)|(cub|thrust|cooperative_groups)(/|\.h$)"
                        r"|(device_launch_parameters|mma)\.h$")),
    ("POSIX", re.compile(r"(\w+\.h|(arpa|net|netinet|linux|sys)/\w+\.h)$")),
    ("std", re.compile(r"[a-z0-9_]+$")),
)

# These must not even be reached through other headers where a folder may not use them: a stage host links
# no CAF, and a machine without CUDA compiles everything outside stages/cuda/.
CONFINED = ("CAF", "CUDA", "SQLite")

# Where messages/ meets CAF. Whoever includes these headers needs CAF too.
CAF_IN_MESSAGES = ("messages/caf_*.hpp", "messages/caf_*.cpp", "messages/registry.cpp")

# No clock, no thread, no I/O: equal input gives equal output.
PURE_FOLDERS = ("scheduling", "simulation")

PURE_HEADERS_BANNED = {
    "threads": {"thread", "mutex", "shared_mutex", "condition_variable", "future", "atomic", "stop_token",
                "semaphore", "latch", "barrier", "execution"},
    "I/O": {"iostream", "istream", "ostream", "fstream", "syncstream", "filesystem", "cstdio"},
    "clocks and signals": {"ctime", "csignal"},
}

# In these folders, comments and strings aside.
PURE_CODE_BANNED = (
    (re.compile(r"_clock\s*::\s*now\b|::\s*now\s*\("), "reads a clock"),
    (re.compile(r"(?<![\w.>])time\s*\(\s*(nullptr|NULL|0|&\s*\w+)\s*\)"), "reads a clock"),
    (re.compile(r"\b(clock_gettime|gettimeofday|timespec_get)\b|(?<![\w.>])clock\s*\(\s*\)"), "reads a clock"),
    (re.compile(r"\bthis_thread\b|\bstd\s*::\s*j?thread\b"), "uses a thread"),
    (re.compile(r"\brandom_device\b|\bs?rand\s*\(|(?<![\w.>])random\s*\(\s*\)|\b[dlm]rand48\b|\bgetentropy\b"),
     "is random without a seed"),
    (re.compile(r"\bstd\s*::\s*(cout|cerr|clog|cin)\b|\bf?printf\s*\("), "does I/O"),
    (re.compile(r"\bgetenv\b"), "reads the environment"),
)

HEADER_SUFFIXES = (".hpp", ".h", ".cuh")
SOURCE_SUFFIXES = (".cpp", ".cu")
HEADER_LINES = 250
SOURCE_LINES = 500
TEST_LINES = 600

# Text that is read for words and paths; data files (.jsonl, .csv) are not ours to word.
TEXT_SUFFIXES = HEADER_SUFFIXES + SOURCE_SUFFIXES + (".cmake", ".in", ".json", ".md", ".py", ".sh", ".txt", "")
UNFINISHED = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b")
MACHINE_PATH = re.compile(r"(?<![\w.~}$)/-])/(?:home|Users|root|work|mnt)/[\w.-]+")

# Folders that are never ours: build trees, hidden folders other than .ci.
SKIPPED_FOLDERS = re.compile(r"(build.*|__pycache__|\.(?!ci$).*)$")

# What to do instead, by rule.
INSTEAD = {
    "folder-table": "move what is shared down to a folder that both may include, or let the caller pass it in "
                    "(ARCHITECTURE.md, folder table)",
    "library": "go through the folder that owns the library, or add the library to this folder's row in "
               "tests/tidy/rules.py with an ADR that says why",
    "confined-library": "forward-declare, or move the include into a source file of the folder that owns the library",
    "include-form": "include our own headers from the root with quotes (\"folder/name.hpp\"), others with <>",
    "cycle": "forward-declare in one of the headers, or split out what both need",
    "pure-core": "pass it into core::apply with the event or as `now`; the core is a value (equal input, equal output)",
    "size": "split the file by responsibility: one class, one pair of files",
    "unfinished": "finish it, or describe the limit in a sentence and file an issue",
    "machine-path": "use a path relative to the repository, an option, or a placeholder such as DIR",
    "stale-exception": "remove the exception from tests/tidy/rules.py",
}

# (path pattern, rule, reason). One that covers nothing is itself a finding.
EXCEPTIONS = (
    ("tests/tidy/*.py", "machine-path", "names and plants the paths it looks for"),
)
