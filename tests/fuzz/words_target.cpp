#include "actors/event_names.hpp"
#include "messages/job.hpp"
#include "messages/resources.hpp"
#include "messages/values.hpp"
#include "node/units.hpp"
#include "tests/fuzz/targets.hpp"

namespace nsai::fuzz {
namespace {

void array(std::string const& text) {
  submission s;
  s.stage = "echo";
  s.array = node::parse_array(text);
  if (complete_and_check(s))
    return;
  auto const count = count_of(*s.array);
  require(count > 0, "an array that is allowed has children");
  require(index_at(*s.array, 0) >= 0 || !s.array->indices.empty(), "a range has no negative index");
  require(s.array->indices.empty() == false || index_at(*s.array, count - 1) <= s.array->last,
          "the last child is in the range");
}

void pattern(std::string const& text) {
  auto const slash = text.find('/');
  actors::name_matches(text.substr(0, slash),
                       slash == std::string::npos ? "work.job.started" : text.substr(slash + 1));
  require(actors::wanted_names{text}.most_a_piece() <= actors::names_a_piece,
          "an occurrence has at most its names");
}

void demand(std::string const& text) {
  resources r;
  read_json(json::parse(text, nullptr, false), r);
  if (!complete_and_check(r))
    require(r.gpu_count >= 0 && r.memory_mb >= 0 && r.cpu.value >= 0,
            "what is allowed is not negative");
}

}  // namespace

void words(std::string_view bytes) {
  if (bytes.empty())
    return;
  std::string const text{bytes.substr(1)};
  try {
    switch (bytes.front()) {
      case 's': {
        auto const mb = node::parse_size_mb(text, "f");
        require(mb >= 0 && !node::show_size(mb).empty(), "a size is not negative");
        break;
      }
      case 'd': {
        auto const ms = node::parse_duration_ms(text, "f");
        require(ms >= 0 && !node::show_duration(ms).empty(), "a duration is not negative");
        break;
      }
      case 'a':
        array(text);
        break;
      case 'j':
        require(static_cast<bool>(node::parse_job(text)), "a job's number is not 0");
        break;
      case 'k':
        require(!node::parse_pair(text, "f").first.empty(), "a pair has a name");
        break;
      case 't':
        require(from_rfc3339(to_rfc3339(from_rfc3339(text))) == from_rfc3339(text),
                "a time can be written and read");
        break;
      case 'p':
        pattern(text);
        break;
      case 'r':
        demand(text);
        break;
      default:
        break;
    }
  } catch (shape_error const&) {
  }
}

}  // namespace nsai::fuzz
