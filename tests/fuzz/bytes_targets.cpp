#include <stdexcept>

#include "actors/spool.hpp"
#include "messages/attempt.hpp"
#include "processes/wire.hpp"
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

void spool(std::string_view bytes) {
  try {
    auto const outcome = actors::read_spooled(std::string{bytes});
    require(!json(outcome).dump(-1, ' ', false, json::error_handler_t::replace).empty(),
            "an outcome that was read can be written");
  } catch (shape_error const&) {
  }
}

}  // namespace nsai::fuzz
