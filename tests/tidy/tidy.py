#!/usr/bin/env python3
"""Checks the tree against rules.py: tidy.py [--root DIR]. Exit status 1 when something was found."""

import argparse
import os
import re
import sys
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent))
import rules  # noqa: E402

# Comments, raw strings, strings and characters, in the order in which they start in the text. A quote
# after a digit or letter is a digit separator.
TOKEN = re.compile(r"""(?P<comment>//(?:\\\n|[^\n])*|/\*.*?\*/)
                     |(?P<raw>R"(?P<mark>[^\s()\\]{0,16})\(.*?\)(?P=mark)")
                     |(?P<string>"(?:\\.|[^"\\\n])*"|(?<!\w)'(?:\\.|[^'\\\n])+')""", re.S | re.X)
INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*(?:<([^>\n]+)>|"([^"\n]+)")', re.M)


@dataclass(frozen=True, order=True)
class Finding:
    path: str
    line: int
    rule: str
    what: str

    def __str__(self):
        return f"{self.path}:{self.line}: [{self.rule}] {self.what}\n    instead: {rules.INSTEAD[self.rule]}"


@dataclass(frozen=True)
class Include:
    line: int
    name: str
    quoted: bool


def blank(text, strings_too):
    """The text without comments and raw strings, with `strings_too` without any, every line where it was."""
    def keep_lines(match):
        if match["string"] and not strings_too:
            return match[0]
        return " " + "\n" * match[0].count("\n")
    return TOKEN.sub(keep_lines, text)


def line_of(text, position):
    return text.count("\n", 0, position) + 1


def folder_of(path):
    """The row of the folder table that a path from the root belongs to, or None."""
    for name in sorted(rules.FOLDERS, key=len, reverse=True):
        if path.startswith(name + "/"):
            return name
    return None


def library_of(header):
    return next((name for name, pattern in rules.LIBRARIES if pattern.match(header)), None)


def may_use(path, library):
    if library in rules.FOLDERS[folder_of(path)].libraries:
        return True
    return library == "CAF" and any(fnmatch(path, pattern) for pattern in rules.CAF_IN_MESSAGES)


class Tree:
    def __init__(self, root):
        self.texts = {}  # path from the root -> text
        for folder, subfolders, files in os.walk(root):
            subfolders[:] = sorted(name for name in subfolders if not rules.SKIPPED_FOLDERS.match(name))
            for name in sorted(files):
                path = Path(folder, name)
                if path.suffix not in rules.TEXT_SUFFIXES or not path.is_file():
                    continue
                try:
                    text = path.read_text(encoding="utf-8")
                except UnicodeDecodeError:
                    continue  # not text
                self.texts[path.relative_to(root).as_posix()] = text
        self.code = [path for path in self.texts if path.endswith(rules.HEADER_SUFFIXES + rules.SOURCE_SUFFIXES)]
        self.includes = {path: self.includes_of(path) for path in self.code}

    def includes_of(self, path):
        text = blank(self.texts[path], strings_too=False)
        return [Include(line_of(text, m.start(1) if m[1] else m.start(2)), m[1] or m[2], m[2] is not None)
                for m in INCLUDE.finditer(text)]

    def own(self, path):
        """The includes of a file that are files of this tree."""
        return [include for include in self.includes[path] if include.quoted and include.name in self.includes]


def check_includes(tree, path):
    row = rules.FOLDERS.get(folder_of(path))
    if row is None:
        yield Finding(path, 1, "folder-table", "this folder is not in the folder table")
        return
    own = folder_of(path)
    for include in tree.includes[path]:
        target = folder_of(include.name)
        if include.quoted and (target is None or ".." in include.name.split("/")):
            yield Finding(path, include.line, "include-form", f'"{include.name}" does not start at the root')
        elif include.quoted:
            if target != own and target not in row.uses:
                yield Finding(path, include.line, "folder-table", f"{own}/ may not include {target}/ ({include.name})")
        elif target is not None:
            yield Finding(path, include.line, "include-form", f"<{include.name}> is ours and stands in angle brackets")
        else:
            yield from check_library(path, own, include)


def check_library(path, own, include):
    library = library_of(include.name)
    if library is None:
        yield Finding(path, include.line, "library", f"<{include.name}> is of no library in tests/tidy/rules.py")
    elif not may_use(path, library):
        yield Finding(path, include.line, "library", f"{own}/ may not use {library} here (<{include.name}>)")
    elif own in rules.PURE_FOLDERS:
        for subject, headers in rules.PURE_HEADERS_BANNED.items():
            if include.name in headers:
                yield Finding(path, include.line, "pure-core", f"<{include.name}>: no {subject} in {own}/")


def check_confined(tree):
    """Files that reach a confined library through headers, though they may not use it."""
    for library in rules.CONFINED:
        users = {path for path, includes in tree.includes.items()
                 if any(not i.quoted and library_of(i.name) == library for i in includes)}
        for path in tree.code:
            if folder_of(path) is None or may_use(path, library):
                continue
            for include in tree.own(path):
                chain = chain_to(tree, include.name, users)
                if chain:
                    yield Finding(path, include.line, "confined-library",
                                  f"reaches {library} through {' -> '.join(chain)}")


def chain_to(tree, start, targets):
    """The shortest way along our own includes from start to one of targets, both included, or None."""
    came_from = {start: None}
    queue = [start]
    for path in queue:
        if path in targets:
            chain = []
            while path is not None:
                chain.append(path)
                path = came_from[path]
            return chain[::-1]
        for include in tree.own(path):
            if include.name not in came_from:
                came_from[include.name] = path
                queue.append(include.name)
    return None


def check_cycles(tree):
    done, stack = set(), []

    def visit(path):
        stack.append(path)
        for include in tree.own(path):
            if include.name in stack:
                chain = stack[stack.index(include.name):] + [include.name]
                yield Finding(path, include.line, "cycle", " -> ".join(chain))
            elif include.name not in done:
                yield from visit(include.name)
        stack.pop()
        done.add(path)

    for path in tree.code:
        if path not in done:
            yield from visit(path)


def check_pure_core(tree, path):
    code = blank(tree.texts[path], strings_too=True)
    for pattern, what in rules.PURE_CODE_BANNED:
        for match in pattern.finditer(code):
            yield Finding(path, line_of(code, match.start()), "pure-core", f"`{match[0].strip()}` {what}")


def check_size(path, text):
    lines = len(text.splitlines())
    if path.startswith("tests/"):
        if not path.endswith(rules.HEADER_SUFFIXES + rules.SOURCE_SUFFIXES + (".py",)):
            return
        kind, bar = "tests", rules.TEST_LINES
    elif path.endswith(rules.HEADER_SUFFIXES):
        kind, bar = "headers", rules.HEADER_LINES
    elif path.endswith(rules.SOURCE_SUFFIXES):
        kind, bar = "sources", rules.SOURCE_LINES
    else:
        return
    if lines > bar:
        yield Finding(path, bar + 1, "size", f"{lines} lines; {kind} have at most {bar}")


def check_text(path, text):
    if not path.startswith("tests/"):
        for match in rules.UNFINISHED.finditer(text):
            yield Finding(path, line_of(text, match.start()), "unfinished", f"the word {match[0]}")
    for match in rules.MACHINE_PATH.finditer(text):
        yield Finding(path, line_of(text, match.start()), "machine-path", f"{match[0]} is a path of one machine")


def check(root, exceptions):
    """All findings in the tree at root, sorted, and the number of files read."""
    tree = Tree(root)
    found = [*check_confined(tree), *check_cycles(tree)]
    for path in tree.code:
        found += check_includes(tree, path)
        if folder_of(path) in rules.PURE_FOLDERS:
            found += check_pure_core(tree, path)
    for path, text in tree.texts.items():
        found += check_size(path, text)
        found += check_text(path, text)
    left = found
    for pattern, rule, reason in exceptions:
        remaining = [f for f in left if not (f.rule == rule and fnmatch(f.path, pattern))]
        if len(remaining) == len(left):
            remaining.append(Finding("tests/tidy/rules.py", 1, "stale-exception",
                                     f"{rule} for {pattern} ({reason}) covers nothing"))
        left = remaining
    return sorted(set(left)), len(tree.texts)


def main():
    parser = argparse.ArgumentParser(description="Checks the folder table, the pure core, file sizes and words.")
    parser.add_argument("--root", type=Path, default=Path(__file__).resolve().parents[2],
                        help="the tree to check (default: the repository of this script)")
    parser.add_argument("--no-exceptions", action="store_true", help="ignore the exceptions of rules.py")
    arguments = parser.parse_args()
    if not arguments.root.is_dir():
        parser.error(f"--root: {arguments.root} is not a folder")
    findings, files = check(arguments.root, () if arguments.no_exceptions else rules.EXCEPTIONS)
    for finding in findings:
        print(finding)
    print(f"tidy: {files} files, {len(findings) or 'no'} finding{'s' * (len(findings) != 1)}")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
