#include "node/output.hpp"

#include <doctest/doctest.h>

using namespace nsai;

TEST_CASE(
    "what a job wrote cannot steer the terminal: control characters are shown, lines, tabs and "
    "UTF-8 stay") {
  CHECK(node::escaped("a\tb\n\xc3\xa9") == "a\tb\n\xc3\xa9");
  CHECK(node::escaped("\x1b[2J\r\x7f") == "\\x1b[2J\\x0d\\x7f");
}

TEST_CASE("a large result is shortened for people, between two characters and with its size") {
  job_record job;
  job.result.text = "\"" + std::string(1998, 'x') + "\xc3\xa9" + std::string(3000, 'y') + "\"";
  auto const text = node::show_job(job);
  CHECK(text.find("xxx ... (5002 bytes; --json shows all)") != std::string::npos);
}
