#include <stdexcept>

#include "actors/spool.hpp"
#include "messages/attempt.hpp"
#include "processes/wire.hpp"
#include "stages/host_protocol.hpp"
#include "tests/fuzz/targets.hpp"

namespace nsai::fuzz {

void frames(std::string_view bytes) {
  using processes::frame_kind;
  std::string buffer{bytes};
  try {
    while (auto const frame = processes::take_frame(buffer)) {
      switch (frame->kind) {
        case frame_kind::run: {
          auto again = processes::encode(processes::decode_spec(frame->body));
          require(processes::take_frame(again)->body == frame->body, "a spec comes back");
          break;
        }
        case frame_kind::stop:
          processes::decode_stop(frame->body);
          break;
        case frame_kind::limit:
          processes::decode_limit(frame->body);
          break;
        case frame_kind::live:
          processes::decode_live(frame->body);
          break;
        case frame_kind::over:
          processes::decode_exit(frame->body);
          break;
      }
    }
  } catch (std::runtime_error const&) {
  }
}

void hosts(std::string_view bytes) {
  using namespace stages;
  host_frame_reader reader;
  reader.append(bytes);
  try {
    while (auto const frame = reader.next()) {
      switch (frame->kind) {
        case host_frame::setup:
          message_of<host_setup>(frame->document);
          break;
        case host_frame::run:
          message_of<host_requests>(frame->document);
          break;
        case host_frame::stop:
          message_of<host_stop>(frame->document);
          break;
        case host_frame::progress:
          message_of<host_progress>(frame->document);
          break;
        case host_frame::over:
          message_of<host_outcomes>(frame->document);
          break;
        case host_frame::described:
          break;
      }
    }
  } catch (std::invalid_argument const&) {
  }
}

void spool(std::string_view bytes) {
  try {
    auto const outcome = actors::read_spooled(std::string{bytes});
    require(!json(outcome).dump(-1, ' ', false, json::error_handler_t::replace).empty(),
            "an outcome that was read can be written");
  } catch (shape_error const&) {
  }
}

}  // namespace nsai::fuzz
