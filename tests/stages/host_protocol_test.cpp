#include "stages/host_protocol.hpp"

#include <doctest/doctest.h>

using namespace nsai;
using namespace nsai::stages;

namespace {

host_requests two_requests() {
  host_requests message;
  message.requests.resize(2);
  message.requests[0].sequence = 7;
  message.requests[0].ref = {{42}, 3};
  message.requests[0].stage = "echo";
  message.requests[0].options = R"({"text":"\u00e9"})";
  message.requests[0].array_index = -5;
  message.requests[1].devices.resize(1);
  message.requests[1].devices[0].uuid = "VGPU-1";
  return message;
}

}  // namespace

TEST_CASE("a frame arrives as it was sent, in whatever pieces") {
  auto const bytes = host_frame_of(host_frame::run, two_requests()) +
                     host_frame_of(host_frame::stop, host_stop{9});
  for (std::size_t piece : {std::size_t{1}, std::size_t{3}, std::size_t{100}, bytes.size()}) {
    CAPTURE(piece);
    host_frame_reader reader;
    std::vector<host_frame_reader::frame> frames;
    for (std::size_t at = 0; at < bytes.size(); at += piece) {
      reader.append(std::string_view{bytes}.substr(at, piece));
      while (auto frame = reader.next())
        frames.push_back(std::move(*frame));
    }
    REQUIRE(frames.size() == 2);
    CHECK(frames[0].kind == host_frame::run);
    CHECK(frames[0].document == write_json(two_requests()));
    CHECK(message_of<host_requests>(frames[0].document).requests[0].ref == attempt_ref{{42}, 3});
    CHECK(message_of<host_stop>(frames[1].document).sequence == 9);
  }
}

TEST_CASE("bytes that are no frame are refused, not guessed at") {
  auto const refused = [](std::string bytes) {
    host_frame_reader reader;
    reader.append(bytes);
    CHECK_THROWS_AS(reader.next(), std::invalid_argument);
  };
  refused(std::string("\0\0\0\0", 4));                // no kind
  refused(std::string("\xff\xff\xff\xff", 4));        // longer than any frame
  refused(std::string("\x02\0\0\0\x63\xa0", 6));      // an unknown kind
  refused(std::string("\x02\0\0\0\x01\xff", 6));      // no CBOR
  refused(std::string("\x03\0\0\0\x01\xa0\xa0", 7));  // more than one document
  CHECK_THROWS_AS(message_of<host_stop>(json{{"sequence", -1}}), std::invalid_argument);
  CHECK_THROWS_AS(message_of<host_stop>(json{{"sequenze", 1}}), std::invalid_argument);
}

TEST_CASE("a frame that has not come whole is waited for") {
  auto const bytes = host_frame_of(host_frame::stop, host_stop{1});
  host_frame_reader reader;
  reader.append(std::string_view{bytes}.substr(0, bytes.size() - 1));
  CHECK_FALSE(reader.next());
  reader.append(std::string_view{bytes}.substr(bytes.size() - 1));
  CHECK(reader.next());
  CHECK_FALSE(reader.next());
}
