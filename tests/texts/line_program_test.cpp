#include "stages/text/line_program.hpp"

#include <csignal>
#include <fstream>
#include <thread>

#include <doctest/doctest.h>

#include "tests/support/eventually.hpp"
#include "tests/support/skip.hpp"

using namespace nsai;
using namespace nsai::stages;

namespace {

std::vector<std::string> shell(std::string script) {
  return {"sh", "-c", std::move(script)};
}

std::vector<json> numbered(int count, std::string const& text = "") {
  std::vector<json> list;
  for (int i = 0; i < count; ++i)
    list.push_back({{"id", i}, {"text", text}});
  return list;
}

std::string fault_of(std::string const& script, std::vector<json> const& requests,
                     std::chrono::milliseconds timeout = std::chrono::seconds{20}) {
  line_program program{shell(script), {}, timeout};
  try {
    program.ask(requests, {});
  } catch (line_program_error const& e) {
    CHECK_THROWS_AS(program.ask(requests, {}), line_program_error);  // it is gone
    return e.what();
  }
  return "no fault";
}

}  // namespace

TEST_CASE("answers come back in the order of the requests, whatever the order of the program") {
  line_program program{shell("read a; read b; echo \"$b\"; echo; echo \"$a\"; exec cat"),
                       {},
                       std::chrono::seconds{20}};
  auto const two = program.ask(numbered(2), {});
  REQUIRE(two.size() == 2);
  CHECK(two[0].at("id") == 0);
  CHECK(two[1].at("id") == 1);
  // The same program goes on; ids may be texts, and 1 is another id than "1".
  auto const more = program.ask({{{"id", "x"}}, {{"id", 1}}, {{"id", "1"}}}, {});
  CHECK(more[0].at("id") == "x");
  CHECK(more[1].at("id") == 1);
  CHECK(more[2].at("id") == "1");
  CHECK(program.ask({}, {}).empty());
}

TEST_CASE("more than both pipes hold goes through without a deadlock") {
  line_program program{{"cat"}, {}, std::chrono::seconds{60}};
  auto const requests = numbered(3000, std::string(2000, 'x'));  // 6 MB, a pipe holds 64 KiB
  CHECK(program.ask(requests, {}) == requests);
}

TEST_CASE("a death is told with its status, at once") {
  CHECK(fault_of("read a; exit 3", numbered(2)) ==
        "sh: it ended with exit status 3; expected 2 more answers");
  CHECK(fault_of("read a; echo \"$a\"; kill -9 $$", numbered(2)) ==
        "sh: it was killed by signal 9; expected 1 more answers");
  CHECK(fault_of("exec >&-; sleep 100", numbered(1)) ==
        "sh: it closed its output; expected 1 more answers");
  CHECK(fault_of("sleep 100 & exit 4", numbered(1)) ==  // the child keeps the output open
        "sh: it ended with exit status 4; expected 1 more answers");
  // It reads nothing: neither a signal to us nor a wait.
  CHECK(fault_of("exec <&-; exit 0", numbered(5000, std::string(100, 'x'))) ==
        "sh: it ended with exit status 0; expected 5000 more answers");
}

TEST_CASE("silence is an error after the timeout") {
  CHECK(fault_of("sleep 100", numbered(1), std::chrono::milliseconds{200}) ==
        "sh: it was silent for 200 ms; expected 1 more answers");
}

TEST_CASE("what is no answer, and ids that were not asked or come twice, are told") {
  CHECK(fault_of("echo hello", numbered(1)) ==
        "sh: it wrote the string \"hello\"; expected one JSON object a line");
  CHECK(fault_of("echo '{\"x\": 1}'", numbered(1)).find("expected an \"id\"") != std::string::npos);
  CHECK(fault_of("echo '{\"id\": 1.5}'", numbered(1)).find("expected an \"id\"") !=
        std::string::npos);
  CHECK(fault_of("echo '{\"id\": 7}'", numbered(1)) ==
        "sh: it answered the id 7; expected one that it was asked");
  CHECK(fault_of("read a; echo \"$a\"; echo \"$a\"", numbered(2)) ==
        "sh: it answered the id 0 again; expected one answer");
}

TEST_CASE("a stop ends the wait, and the whole group of the program dies") {
  std::string name = std::filesystem::temp_directory_path() / "nsai-program.XXXXXX";
  std::filesystem::path const folder = ::mkdtemp(name.data());
  auto const file = folder / "pid";
  {
    line_program program{shell("sleep 1000 & echo $! > pid.tmp; mv pid.tmp pid; wait"), folder,
                         std::chrono::seconds{60}};
    REQUIRE(tests::eventually([&] { return std::filesystem::exists(file); }));
    std::stop_source source;
    source.request_stop();
    compute_hooks hooks;
    hooks.stop = source.get_token();
    CHECK_THROWS_AS(program.ask(numbered(1), hooks), compute_stopped);
  }
  pid_t child = 0;
  std::ifstream{file} >> child;
  REQUIRE(child > 0);
  // A zombie whose parent died may wait for init, hence the look at its state.
  CHECK(tests::eventually([&] {
    std::ifstream stat{"/proc/" + std::to_string(child) + "/stat"};
    std::string number, program, state;
    return !(stat >> number >> program >> state) || state == "Z";
  }));
  std::filesystem::remove_all(folder);
}

TEST_CASE("a path with a slash is relative to the directory; what is not there is told") {
  std::string name = std::filesystem::temp_directory_path() / "nsai-program.XXXXXX";
  std::filesystem::path const folder = ::mkdtemp(name.data());
  std::ofstream{folder / "answer"} << "#!/bin/sh\nexec cat\n";
  std::filesystem::permissions(folder / "answer", std::filesystem::perms::owner_all);
  line_program program{{"./answer"}, folder, std::chrono::seconds{20}};
  CHECK(program.ask(numbered(1), {}).size() == 1);
  CHECK_THROWS_WITH_AS((line_program{{"./none"}, folder, std::chrono::seconds{1}}),
                       ((folder / "none").string() + " could not be started in " + folder.string() +
                        ": No such file or directory")
                           .c_str(),
                       line_program_error);
  CHECK_THROWS_AS((line_program{{}, folder, std::chrono::seconds{1}}), line_program_error);
  std::filesystem::remove_all(folder);
}

TEST_CASE("requests without an id or with one twice are a mistake of the caller") {
  line_program program{{"cat"}, {}, std::chrono::seconds{20}};
  CHECK_THROWS_AS(program.ask({{{"x", 1}}}, {}), std::invalid_argument);
  CHECK_THROWS_AS(program.ask({{{"id", 1}}, {{"id", 1}}}, {}), std::invalid_argument);
}

TEST_CASE("a last answer without the end of its line counts; half of one does not") {
  line_program program{
      shell("read a; read b; echo \"$a\"; printf %s \"$b\""), {}, std::chrono::seconds{20}};
  auto const two = program.ask(numbered(2), {});
  CHECK(two[1].at("id") == 1);
  CHECK(fault_of("read a; printf '{\"id\": 0'; exit 3", numbered(1)) ==
        "sh: it ended with exit status 3; expected 1 more answers");
  // A child keeps the output open, so that its end does not show.
  line_program forked{shell("read a; sleep 100 & printf %s \"$a\""), {}, std::chrono::seconds{20}};
  CHECK(forked.ask(numbered(1), {}).size() == 1);
}

TEST_CASE("a stop is seen while the end of a program that closed its output is awaited") {
  std::string name = std::filesystem::temp_directory_path() / "nsai-closed.XXXXXX";
  std::filesystem::path const folder = ::mkdtemp(name.data());
  auto const closed = folder / "closed";
  line_program program{
      shell("exec >&-; : > " + closed.string() + "; sleep 100"), {}, std::chrono::seconds{20}};
  compute_hooks hooks;
  std::stop_source source;
  hooks.stop = source.get_token();
  std::jthread const stopper{[&] {
    tests::eventually([&] { return std::filesystem::exists(closed); });
    source.request_stop();
  }};
  CHECK_THROWS_AS(program.ask(numbered(1), hooks), compute_stopped);
  std::filesystem::remove_all(folder);
}

TEST_CASE("a program that left its group is ended as well") {
  if (!std::filesystem::exists("/usr/bin/perl")) {
    tests::skip("there is no perl");
    return;
  }
  line_program program{{"/usr/bin/perl", "-e",
                        "setpgrp(0, getpgrp(getppid())) or die; $| = 1; print scalar <STDIN>; "
                        "sleep 1000"},
                       {},
                       std::chrono::seconds{20}};
  CHECK(program.ask(numbered(1), {}).size() == 1);
}
