#include "messages/job.hpp"
#include "node/config.hpp"
#include "stages/experiment.hpp"
#include "stages/proposer_text.hpp"
#include "stages/stage.hpp"
#include "tests/fuzz/targets.hpp"

namespace nsai::fuzz {

void config(std::string_view bytes) {
  try {
    auto const document = stages::parse_document(std::string{bytes}, "f");
    node::node_config read;
    if (!node::read_config(document, read).empty())
      return;
    node::node_config again;
    require(node::read_config(write_json(read), again).empty(),
            "a config that was read can be read again");
    require(write_json(read) == write_json(again), "what was read again is the same");
  } catch (shape_error const&) {
  }
}

void experiment(std::string_view bytes) {
  static auto const known = stages::built_in_stages().descriptions();
  try {
    std::string_view setting;
    if (auto const end = bytes.find('\n');
        end != std::string_view::npos && bytes.substr(0, end).find('=') != std::string_view::npos) {
      setting = bytes.substr(0, end);
      bytes.remove_prefix(end + 1);
    }
    auto document = stages::parse_document(std::string{bytes}, "f");
    if (auto const equals = setting.find('='); equals != std::string_view::npos)
      stages::set_path(document, std::string{setting.substr(0, equals)},
                       std::string{setting.substr(equals + 1)});
    auto read = stages::experiment_from(document, "/base", known);
    if (!read.faults.empty())
      return;
    if (!complete_and_check(read.request))
      require(!json(read.request).dump(-1, ' ', false, json::error_handler_t::replace).empty(),
              "an experiment can be written");
  } catch (shape_error const&) {
  }
}

void proposer(std::string_view bytes) {
  auto const read = stages::parse_proposal(bytes);
  require(read.malformed >= 0, "a count is not negative");
  require(read.claims.size() + read.relations.size() <= bytes.size(), "each claim has its line");
}

}  // namespace nsai::fuzz
